/**
 * Keeps exactly the streams the platform asked for running.
 *
 * @since 0.1.0
 */
import type { Connector } from "@kps/connector"
import { Events } from "@kps/events"
import { JetStream, Transport } from "@kps/transport"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { DeadLetters, makeMemory } from "./DeadLetters.ts"
import * as DeadLetterSweep from "./DeadLetterSweep.ts"
import * as FailedOutcome from "./FailedOutcome.ts"
import { Lease } from "./Lease.ts"
import { Positions } from "./Positions.ts"
import * as StreamDelivery from "./StreamDelivery.ts"
import * as StreamGuarantee from "./StreamGuarantee.ts"
import * as StreamPacking from "./StreamPacking.ts"
import type { StreamRunner } from "./StreamRunner.ts"
import * as StreamSet from "./StreamSet.ts"
import type { StreamOutcome, StreamReading, StreamSpec, StreamState, StreamStats } from "./StreamSpec.ts"
import * as StreamTransport from "./StreamTransport.ts"

/**
 * Service that supervises the streams of one connector instance.
 *
 * @category services
 * @since 0.1.0
 */
export class RunningStreams extends Context.Service<RunningStreams, {
  /**
   * Makes `specs` the set that runs: stops what is not named or changed, starts what is new or changed, tries what is
   * halted once more, leaves the rest alone.
   *
   * **Details**
   *
   * One caller at a time: the caller (`ConnectorService`) holds the turn. Succeeds when every stream it started or
   * stopped has had its first outcome, at the latest after `timeout`; one that has none by then is DEADLINE_EXCEEDED
   * and goes on in the background. Streams are named in the order of `specs`, then those that did not stop in time.
   * An untouched stream that runs is not waited for; one that is retrying reports its present failure. With `restart`
   * (default: false) what is unchanged is stopped and started again too: for a config and streams that come together,
   * when the config's `restartOn` asks for it.
   */
  readonly apply: (
    specs: ReadonlyArray<StreamSpec>,
    options: { readonly timeout: Duration.Input; readonly restart?: boolean }
  ) => Effect.Effect<ReadonlyArray<StreamOutcome>>

  /** Stops all streams and starts them again, as a changed config with `restartOn` asks for. As `apply` otherwise. */
  readonly restart: (options: { readonly timeout: Duration.Input }) => Effect.Effect<ReadonlyArray<StreamOutcome>>

  /**
   * Stops taking, finishes what was taken, then stops all streams: for a process that is told to end. What is not
   * finished within `timeout` is stopped as it is.
   *
   * **Details**
   *
   * May be called while an `apply` waits: that one then answers at once with what it has. An `apply` that comes later
   * starts nothing.
   */
  readonly drain: (options: { readonly timeout: Duration.Input }) => Effect.Effect<void>

  /** The streams asked for, in the order of the last `apply`, what each is doing, and what went through it so far. */
  readonly list: Effect.Effect<
    ReadonlyArray<{ readonly spec: StreamSpec; readonly state: StreamState; readonly stats: StreamStats }>
  >

  /**
   * The same as numbers alone, for whoever watches; then the streams that were removed within the last five minutes, at
   * most 1,000 of them. A stream that comes back meanwhile, with the same direction, goes on counting where it was.
   */
  readonly readings: Effect.Effect<ReadonlyArray<StreamReading>>
}>()("@kps/server/RunningStreams") {}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How long a stopping stream's finalizers are waited for. Default: 5 seconds. */
  readonly stopTimeout?: Duration.Input
  /**
   * Which connector instance this is: its replicas share the queue groups of its egress streams, others must not.
   * Default: the connector's name.
   */
  readonly connectorId?: string
  /** Which ingress streams pack many payloads into one message. Default: none. */
  readonly packing?: StreamPacking.Options | undefined
  /** What becomes of the items of egress streams that fail. Default: in order, and tried for 60 seconds. */
  readonly delivery?: StreamDelivery.Options | undefined
}

/**
 * Supervises the streams of a connector.
 *
 * **Details**
 *
 * Closing the layer stops all streams and waits up to `stopTimeout` for them. Of each that had to drop something in the
 * end, drained or not, it logs how many.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <Name extends string>(
  connector: Connector.Any<Name>,
  options: Options = {}
): Layer.Layer<RunningStreams, never, Connector.Implemented<Name> | Transport.Transport | Events.Events> =>
  Layer.effect(RunningStreams, make(connector, options))

const make = Effect.fnUntraced(function*<Name extends string>(
  connector: Connector.Any<Name>,
  options: Options
): Effect.fn.Return<
  RunningStreams["Service"],
  never,
  Connector.Implemented<Name> | Transport.Transport | Events.Events | Scope.Scope
> {
  const stopTimeout = Duration.fromInputUnsafe(options.stopTimeout ?? "5 seconds")
  const instance = options.connectorId ?? connector.name
  const bound = yield* connector.Implemented
  const events = yield* Events.Events
  const clock = yield* Clock.Clock
  const runFork = Effect.runForkWith(yield* Effect.context<never>())

  const transport = yield* Transport.Transport
  const deadLetters = Option.getOrElse(yield* Effect.serviceOption(DeadLetters), () => makeMemory(transport))
  const deliveryOf = StreamDelivery.make(options.delivery)
  // Where channels are stored one replica can keep their order; queue groups of core NATS cannot, and share the work.
  const keeping = yield* StreamGuarantee.keeping
  const jetStream = Option.getOrUndefined(yield* Effect.serviceOption(JetStream.JetStream))
  const connection = yield* StreamTransport.watch(
    transport,
    (lost) => Effect.forEach(set.runners, (runner) => runner.connectionChanged(lost), { discard: true })
  )
  const set: StreamSet.StreamSet = new StreamSet.StreamSet({
    instance,
    bound,
    failures: connector.definition.failures,
    connection,
    packingOf: StreamPacking.make(options.packing),
    deliveryOf,
    deadLetters,
    keeping,
    jetStream,
    clock,
    leaseOf: Option.match(yield* Effect.serviceOption(Lease), {
      onNone: () => () => undefined,
      onSome: (lease) => (spec) =>
        spec.direction === "INGRESS" || (jetStream !== undefined && deliveryOf(spec.id).ordering === "strict")
          ? lease
          : undefined
    }),
    positions: Option.getOrUndefined(yield* Effect.serviceOption(Positions)),
    desk: { events, runFork, now: () => clock.currentTimeMillisUnsafe() }
  }, Schema.toEquivalence(Schema.make<Schema.Schema<unknown>>(connector.definition.stream.ast)))

  yield* DeadLetterSweep.run(deadLetters, instance, events)

  const draining = Deferred.makeUnsafe<void>()
  /** Until all have succeeded, at most `timeout`. Nobody waits when the connector is to end. */
  const wait = (all: ReadonlyArray<Effect.Effect<unknown>>, timeout: Duration.Duration) =>
    all.length === 0
      ? Effect.void
      : Effect.forEach(all, (one) => one, { discard: true }).pipe(
        Effect.raceFirst(Deferred.await(draining)),
        Effect.timeoutOption(timeout)
      )
  const ended = (ids: ReadonlyArray<string>) => ids.flatMap((id) => set.endingOf(id)).map((fiber) => Fiber.await(fiber))

  /** What each stream had dropped when the end began: whoever asks for counts cannot do so after it. */
  let droppedBefore: ReadonlyMap<StreamRunner, number> | undefined
  const beginEnd = () => droppedBefore ??= new Map(set.runners.map((runner) => [runner, runner.counts.stats.dropped]))

  yield* Effect.addFinalizer(Effect.fnUntraced(function*() {
    const before = beginEnd()
    for (const runner of set.runners) runner.report.close()
    set.stopAll()
    yield* Effect.timeoutOption(Effect.all(ended(set.endingIds)), stopTimeout)
    for (const [{ counts, spec }, count] of before) {
      const dropped = counts.stats.dropped - count
      if (dropped === 0) continue
      yield* Effect.annotateLogs(Effect.logWarning("payloads that were taken end with the stream"), {
        streamId: spec.id,
        dropped
      })
    }
    yield* Effect.forEach(
      set.endingIds,
      (streamId) => Effect.annotateLogs(Effect.logWarning("stream did not stop in time"), { streamId }),
      { discard: true }
    )
  }))

  const apply = Effect.fn("RunningStreams.apply")(function*(
    specs: ReadonlyArray<StreamSpec>,
    { restart = false, timeout }: { readonly timeout: Duration.Input; readonly restart?: boolean }
  ): Effect.fn.Return<ReadonlyArray<StreamOutcome>> {
    if (Deferred.isDoneUnsafe(draining)) return specs.map(({ id }) => FailedOutcome.stopping(id))
    const within = Duration.fromInputUnsafe(timeout)
    const forStops = Duration.min(stopTimeout, within)
    const change = set.change(specs, restart)
    yield* Effect.forEach(change.removed, events.removeStream, { discard: true })

    const starts = (runners: ReadonlyArray<StreamRunner>) => runners.map((runner) => runner.condition.whenSettled)
    yield* wait([...starts(change.starting), ...ended(change.stopping)], forStops)
    // Once more, for what finalizers had to say.
    const gone = change.removed.filter((id) => set.endingOf(id).length === 0)
    yield* Effect.forEach(gone, events.removeStream, { discard: true })
    // What has not stopped by now is not waited for any longer, nor what is to start in its place.
    const left = change.starting.filter((runner) =>
      !runner.condition.isSettled && set.endingOf(runner.spec.id).length === 0
    )
    yield* wait(starts(left), Duration.subtract(within, forStops))

    const unknown = (id: string) =>
      Deferred.isDoneUnsafe(draining)
        ? FailedOutcome.stopping(id)
        : set.endingOf(id).length > 0
        ? FailedOutcome.stopTimedOut(id, forStops)
        : FailedOutcome.startTimedOut(id, within)
    return [
      ...specs.map(({ id }) => set.get(id)?.condition.outcome ?? unknown(id)),
      ...change.removed.filter((id) => set.endingOf(id).length > 0).map((id) =>
        FailedOutcome.stopTimedOut(id, forStops)
      )
    ]
  })

  return RunningStreams.of({
    apply,
    restart: ({ timeout }) => apply(set.runners.map((runner) => runner.spec), { timeout, restart: true }),
    drain: Effect.fn("RunningStreams.drain")(function*({ timeout }) {
      beginEnd()
      Deferred.doneUnsafe(draining, Exit.void)
      const { runners } = set
      for (const runner of runners) runner.drain()
      const fibers = runners.flatMap(({ fiber }) => fiber === undefined ? [] : [Fiber.await(fiber)])
      yield* Effect.timeoutOption(Effect.all(fibers), timeout)
      set.stopAll()
    }),
    list: Effect.sync(() =>
      set.runners.map(({ condition: { state }, counts, spec }) => ({ spec, state, stats: { ...counts.stats } }))
    ),
    readings: Effect.sync(() => set.readings)
  })
})
