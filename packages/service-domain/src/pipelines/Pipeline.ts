/**
 * A data pipeline that runs: from its input channels, through its functions, to its output channels.
 *
 * @since 0.1.0
 */
import { JetStream, Transport } from "@kps/transport"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Environment from "../functions/Environment.ts"
import type { FunctionLimits } from "../functions/FunctionDescription.ts"
import { FunctionStage } from "../functions/FunctionStage.ts"
import { Arrivals } from "./Arrivals.ts"
import { Hopper, type Item } from "./Hopper.ts"
import { Monitor } from "./Monitor.ts"
import { consumerOf, type PipelineDescription } from "./PipelineDescription.ts"
import * as PipelineInput from "./PipelineInput.ts"
import { PipelineOutput } from "./PipelineOutput.ts"
import type { LogLine, PipelineReport } from "./PipelineReport.ts"

/**
 * What pipelines are run with, alike for all of a service domain.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** What each function may take. Default: the defaults of `FunctionLimits`. */
  readonly limits?: FunctionLimits | undefined
  /** The command that runs Python 3: a path, or a name that is found on PATH. Default: "python3". */
  readonly python?: string | undefined
  /**
   * Variables that functions get beside those of this process that say where things are, such as PATH, HOME, the proxies
   * and AI_INFERENCE_ENDPOINT. Other variables of this process they do not get. Default: none.
   */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** How long a pipeline that is stopped may take for what is on its way. Default: 2 seconds. */
  readonly drainTimeout?: Duration.Input | undefined
}

/**
 * A pipeline in the hands of who started it. Ends with the scope that it was started in.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pipeline {
  readonly description: PipelineDescription
  /** How it is, what went through, and which alerts there are. Has no side effects. */
  readonly report: Effect.Effect<PipelineReport>
  /** Waits until it is `RUNNING`, and succeeds at once when it is: what is published to an input from then on comes in. */
  readonly running: Effect.Effect<void>
  /**
   * What its functions wrote, oldest first: at most the last 1,000 lines, or 262,144 characters, of each. With `after`, the
   * lines behind that sequence.
   */
  readonly logs: (options?: { readonly after?: number; readonly function?: string }) => Effect.Effect<
    ReadonlyArray<LogLine>
  >
}

/**
 * Starts a pipeline, which runs until the scope is closed. Returns at once and never fails: what is in the way is in its
 * report, and is tried again.
 *
 * **Details**
 *
 * With `JetStream` in the context, as `JetStreamTransport` provides it, delivery is at least once: a message is
 * acknowledged when everything that comes of it is stored in every output, and what is not acknowledged comes again to
 * whoever runs the pipeline next. The ids of what comes of a message are made from its place in the input, so what was
 * stored before a crash is not stored again within the outputs' duplicate window. Only messages that are stored after the
 * pipeline ran for the first time come in. Run a pipeline once at a time: two would take the messages from each other.
 * On the broker of a service domain, one without a document loses its place while it does not run.
 *
 * Otherwise delivery is at most once: what is on its way when a process or the connection ends is lost, and while the
 * outputs take nothing, what comes is kept within the bounds of the subscription, and dropped and counted beyond.
 *
 * A message on which a function raises an exception, or on which it ended as often as the limits say, goes no further: it is
 * counted, told by an alert, and acknowledged. In all other cases messages keep the order of their input.
 *
 * Closing the scope takes no more in, waits until what is on its way is out, at most `drainTimeout`, and ends the functions.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(
  description: PipelineDescription,
  options: Options = {}
): Effect.fn.Return<Pipeline, never, Transport.Transport | Scope.Scope> {
  const transport = yield* Transport.Transport
  const jetStream = Option.getOrUndefined(yield* Effect.serviceOption(JetStream.JetStream))
  const monitor = new Monitor(yield* Clock.Clock)
  const arrivals = new Arrivals()
  const { functions, inputs, outputs } = description
  const output = new PipelineOutput({ channels: outputs, transport, isStored: jetStream !== undefined, monitor })
  yield* Effect.addFinalizer(() => Effect.sync(() => monitor.stopped()))

  const env = Environment.make(process.env, options.env ?? {})
  let last: Hopper | undefined
  const hoppers: Array<Hopper> = []
  const stages: Array<FunctionStage> = []
  for (const func of functions) {
    const from: Hopper = last ?? new Hopper()
    const to = new Hopper()
    if (last === undefined) hoppers.push(from)
    hoppers.push(to)
    last = to
    const before = stages.filter(({ description }) => description.name === func.name).length
    stages.push(
      new FunctionStage({
        description: func,
        name: before === 0 ? func.name : `${func.name}#${before + 1}`,
        inputs,
        env,
        python: options.python ?? "python3",
        limits: options.limits ?? {},
        monitor,
        from,
        to
      })
    )
  }
  const draining = yield* Deferred.make<void>()
  const readers = inputs.map((input, index) =>
    PipelineInput.run({
      pipelineId: description.id,
      consumer: consumerOf(description.id),
      input,
      index,
      transport,
      jetStream,
      samplingMillis: description.samplingInterval && Duration.toMillis(description.samplingInterval),
      monitor,
      arrivals,
      to: hoppers[0],
      output,
      drainWhen: Deferred.await(draining)
    })
  )
  monitor.begin()
  for (const stage of stages) yield* Effect.forkScoped(stage.run)
  let publishing = 0
  if (last !== undefined) {
    const source = last
    yield* Effect.forkScoped(Effect.forever(Effect.gen(function*() {
      if (!source.hasSome) yield* source.whenSome
      const { items, through } = source.take()
      publishing = items.length
      yield* output.publish(items.map((item) => messageOf(item, arrivals)))
      publishing = 0
      yield* arrivals.settle(through)
    })))
  }
  const whenDraining = Deferred.await(draining)
  const allStarted = Effect.forEach(stages, ({ started }) => started, { discard: true })
  const fibers = yield* Effect.forEach(readers, (reader) =>
    Effect.forkScoped(
      Effect.raceFirst(Effect.as(allStarted, reader), Effect.as(whenDraining, Effect.void)).pipe(Effect.flatten)
    ))
  yield* Effect.addFinalizer(() =>
    Deferred.succeed(draining, undefined).pipe(
      Effect.andThen(Effect.forEach(fibers, Fiber.await, { discard: true })),
      Effect.interruptible,
      Effect.timeoutOption(options.drainTimeout ?? "2 seconds")
    )
  )

  return {
    description,
    report: Effect.sync(() => ({
      state: monitor.state,
      counters: {
        ...monitor.counters,
        inFlight: publishing + hoppers.reduce((sum, { length }) => sum + length, 0) +
          stages.reduce((sum, { inFlight }) => sum + inFlight, 0)
      },
      functions: stages.map((stage) => stage.reported),
      alerts: monitor.alerts.current
    })),
    running: monitor.running.await,
    logs: ({ after = 0, function: name } = {}) => Effect.sync(() => monitor.log.read(after, name))
  }
})

/** Of one output of a function: consumers that read only the first payload of a message are there. */
const messageOf = ({ arrival, payload, timestampNanos }: Item, arrivals: Arrivals): JetStream.PublishedMessage => {
  const id = arrivals.nextId(arrival)
  return id === undefined ? { payloads: [payload], timestampNanos } : { payloads: [payload], timestampNanos, id }
}
