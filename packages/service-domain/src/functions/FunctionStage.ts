/**
 * One function of a pipeline: fed, watched, and started again when it ends.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { Batch, Hopper, Item } from "../pipelines/Hopper.ts"
import type { Monitor } from "../pipelines/Monitor.ts"
import type { AlertName, FunctionReport } from "../pipelines/PipelineReport.ts"
import type { FunctionDescription, FunctionLimits } from "./FunctionDescription.ts"
import * as PythonRunner from "./PythonRunner.ts"
import { batchOf, type Handler, RecordReader, type Trouble } from "./Records.ts"
import { NotStarted, type Runner, RunnerEnded, type RunnerOptions } from "./Runner.ts"
import * as WorkerRunner from "./WorkerRunner.ts"

/** One that was up for so long is done with the errors before. */
const healthyMillis = 60_000

/** What a stage is made with. */
export interface StageOptions extends Pick<RunnerOptions, "inputs" | "env" | "python"> {
  readonly description: FunctionDescription
  /** Names it in its pipeline, in which it may be twice. */
  readonly name: string
  readonly limits: FunctionLimits
  readonly monitor: Monitor
  readonly from: Hopper
  readonly to: Hopper
}

/** The function gives no more: why, and with which alert it is told. */
interface Over {
  readonly alert: AlertName
  readonly message: string
  readonly context: string
}

export class FunctionStage {
  private readonly report: { -readonly [K in keyof FunctionReport]: FunctionReport[K] }
  readonly description: FunctionDescription
  private readonly options: StageOptions
  private readonly timeoutMillis: number
  private readonly memoryBytes: number
  private readonly attempts: number
  private readonly part: string
  /** What it was given and is not done with. */
  private batch: Batch | undefined
  /** How often it ended on an item. */
  private readonly strikes = new Map<Item, number>()
  /** Whether it has messages to work on, and whether it waits for room for what it sent. */
  private isWorking = false
  private isHeld = false
  private row = 0
  private readonly loaded = Latch.makeUnsafe(false)

  /** Succeeds when it was started once. */
  readonly started: Effect.Effect<void> = this.loaded.await

  constructor(options: StageOptions) {
    const { description, limits, monitor, name } = options
    this.options = options
    this.description = description
    this.timeoutMillis = Duration.toMillis(limits.timeout ?? "10 seconds")
    this.memoryBytes = limits.memoryBytes ?? 1_073_741_824
    this.attempts = limits.attempts ?? 3
    this.part = `function ${JSON.stringify(name)}`
    this.report = { name, status: "STARTING", processed: 0, sent: 0, failed: 0, restarts: 0 }
    monitor.expect(this.part)
    monitor.log.line(name, "system", `${description.language} function of ${description.code.length} characters`)
  }

  /** What it did until now. */
  get reported(): FunctionReport {
    return { ...this.report }
  }

  /** How many messages it was given and is not done with. */
  get inFlight(): number {
    return this.batch?.items.length ?? 0
  }

  /** Works for ever: what it ends with is told, and it is started again. */
  readonly run: Effect.Effect<never> = Effect.suspend(() =>
    Effect.forever(Effect.gen({ self: this }, function*() {
      const { monitor, name } = this.options
      const started = monitor.now()
      const over = yield* Effect.flip(Effect.scoped(this.live))
      monitor.log.end(name)
      monitor.log.line(name, "system", over.message)
      monitor.alerts.raise(over.alert, name, `${this.part} ${over.message}`, over.context)
      this.report.status = "FAILING"
      monitor.failing(this.part, `${this.part} ${over.message}`)
      this.row = monitor.now() - started >= healthyMillis ? 1 : this.row + 1
      yield* Effect.sleep(yield* this.delayMillis)
      this.report.restarts++
    }))
  )

  private readonly delayMillis: Effect.Effect<number> = Effect.suspend(() => {
    const { backoff = "250 millis", maxBackoff = "30 seconds" } = this.options.limits
    const steady = Math.min(
      Duration.toMillis(maxBackoff),
      Duration.toMillis(backoff) * 2 ** Math.min(this.row - 1, 30)
    )
    return Effect.map(Random.next, (random) => steady * (0.8 + 0.4 * random))
  })

  /** From its start to its end. */
  private readonly live: Effect.Effect<never, Over, Scope.Scope> = Effect.suspend(() =>
    Effect.gen({ self: this }, function*() {
      const { from, monitor, name, to } = this.options
      const reader = new RecordReader()
      const runner = yield* Effect.catchTag(
        this.start(reader),
        "NotStarted",
        ({ context, message }) =>
          Effect.fail({ alert: "functionNotStarted" as const, message: `does not start: ${message}`, context })
      )
      monitor.log.line(name, "system", `started in ${runner.name}`)
      monitor.alerts.clear("functionNotStarted", name)
      this.report.status = "RUNNING"
      monitor.ready(this.part)
      this.loaded.openUnsafe()
      yield* Effect.forkScoped(this.watch(runner))
      while (true) {
        if (this.batch === undefined) {
          if (!from.hasSome) {
            yield* Effect.raceFirst(
              from.whenSome,
              Effect.flatMap(runner.ended, (ended) => this.over(ended))
            )
          }
          this.batch = from.take()
        }
        yield* this.work(runner, reader, to)
      }
    })
  )

  /** Succeeds when its code is loaded. */
  private start(reader: RecordReader): Effect.Effect<Runner, NotStarted, Scope.Scope> {
    const { description, env, inputs, limits, monitor, name, python } = this.options
    const launch = description.language === "python" ? PythonRunner.launch : WorkerRunner.launch
    const startTimeout = Duration.fromInputUnsafe(limits.startTimeout ?? "30 seconds")
    return Effect.gen({ self: this }, function*() {
      const runner = yield* launch({
        description,
        env,
        inputs,
        python,
        memoryBytes: this.memoryBytes,
        onOutput: (source, text) => monitor.log.text(name, source, text)
      })
      const told: { isReady: boolean; trouble?: Trouble } = { isReady: false }
      const tell = (trouble: Trouble) => {
        told.trouble = trouble
      }
      const handler = { ...ignoring, ready: () => (told.isReady = true), notLoaded: tell, outOfMemory: tell }
      while (!told.isReady) {
        const chunk = yield* Effect.catchTag(
          runner.read,
          "RunnerEnded",
          ({ context, detail }) =>
            Effect.fail(new NotStarted(told.trouble ?? { message: `it ${detail} before it was loaded`, context }))
        )
        reader.push(chunk, handler)
        if (told.trouble !== undefined) return yield* new NotStarted(told.trouble)
      }
      runner.loaded()
      return runner
    }).pipe(Effect.timeoutOrElse({
      duration: startTimeout,
      orElse: () =>
        Effect.fail(
          new NotStarted({ message: `it is not loaded after ${Duration.format(startTimeout)}`, context: "" })
        )
    }))
  }

  /** Gives it the batch, and passes on what comes of it. */
  private work(runner: Runner, reader: RecordReader, to: Hopper): Effect.Effect<void, Over> {
    const { monitor, name } = this.options
    const { report } = this
    const { items, through } = this.batch ?? { items: [], through: 0 }
    const begunBefore = runner.begun()
    let done = 0
    let sent: Array<Item> = []
    let trouble: Trouble | undefined
    const handler: Handler = {
      ...ignoring,
      sent: (payload) => {
        const item = items[done]
        if (item === undefined) return
        report.sent++
        const { arrival, input, timestampNanos } = item
        sent.push({ payload, timestampNanos, input, arrival })
      },
      done: () => {
        done++
        report.processed++
      },
      failed: ({ context, message }) => {
        monitor.alerts.raise(
          "functionFailed",
          name,
          `${this.part} failed on ${this.told(items[done])}: ${message}`,
          context
        )
        done++
        report.processed++
        report.failed++
        monitor.counters.failed++
      },
      misused: ({ context, message }) =>
        monitor.alerts.raise("functionMisused", name, `${this.part}: ${message}`, context),
      outOfMemory: (told) => {
        trouble = told
      }
    }
    return Effect.gen({ self: this }, function*() {
      this.isWorking = true
      if (items.length > 0) runner.write(batchOf(items))
      while (done < items.length) {
        reader.push(yield* runner.read, handler)
        const next = items[done]
        if (next === undefined) break
        const some = sent
        sent = []
        this.isHeld = true
        yield* to.put({ items: some, through: next.arrival - 1 })
        this.isHeld = false
      }
      this.batch = undefined
      this.isWorking = false
      this.strikes.clear()
      yield* to.put({ items: sent, through })
    }).pipe(
      Effect.catchTag("RunnerEnded", (ended) => {
        this.isWorking = false
        const rest = items.slice(done)
        this.batch = { items: rest, through }
        const why = trouble === undefined
          ? ended
          : new RunnerEnded({ why: "outOfMemory", detail: trouble.message, context: trouble.context })
        return this.over(why, rest[((runner.begun() - begunBefore) | 0) - 1 - done])
      })
    )
  }

  private told(item: Item | undefined): string {
    const topic = item === undefined ? undefined : this.options.inputs[item.input]?.topic
    return `a message of ${item?.payload.byteLength ?? 0} bytes from ${JSON.stringify(topic ?? "")}`
  }

  /** It ended, on an item or on none. One on which it ended too often is passed over. */
  private over(ended: RunnerEnded, item?: Item): Effect.Effect<never, Over> {
    return Effect.suspend((): Effect.Effect<never, Over> => {
      const { monitor, name } = this.options
      if (item !== undefined && this.batch !== undefined) {
        const strikes = (this.strikes.get(item) ?? 0) + 1
        this.strikes.set(item, strikes)
        if (strikes >= this.attempts) {
          this.batch = { ...this.batch, items: this.batch.items.filter((one) => one !== item) }
          this.report.processed++
          this.report.failed++
          monitor.counters.failed++
          const times = strikes === 1 ? "once" : `${strikes} times`
          monitor.alerts.raise(
            "messageGivenUp",
            name,
            `${this.part} ended ${times} on ${this.told(item)}: it is passed over`,
            ended.context
          )
        }
      }
      const { context, detail } = ended
      switch (ended.why) {
        case "ended":
          return Effect.fail({ alert: "functionEnded", message: detail, context })
        case "timedOut": {
          const on = item === undefined ? "" : ` on ${this.told(item)}`
          return Effect.fail({ alert: "functionTimedOut", message: `${detail}${on}, and was killed`, context })
        }
        case "outOfMemory": {
          const message = `took more memory than its limit of ${this.memoryBytes} bytes: ${detail}`
          return Effect.fail({ alert: "functionOutOfMemory", message, context })
        }
      }
    })
  }

  /** Kills it when it takes too long on a message, or too much memory. */
  private watch(runner: Runner): Effect.Effect<never> {
    return Effect.gen({ self: this }, function*() {
      const clock = yield* Clock.Clock
      const now = () => clock.currentTimeMillisUnsafe()
      let begun = runner.begun()
      let since = now()
      let last = since
      while (true) {
        yield* Effect.sleep(Math.min(500, Math.max(10, this.timeoutMillis / 4)))
        const at = now()
        const current = runner.begun()
        if (current !== begun || !this.isWorking) since = at
        else if (this.isHeld) since += at - last
        begun = current
        last = at
        if (at - since >= this.timeoutMillis) {
          const detail = `took longer than ${Duration.format(Duration.millis(this.timeoutMillis))}`
          yield* runner.kill(new RunnerEnded({ why: "timedOut", detail, context: "" }))
        }
        const bytes = yield* runner.memory
        if (bytes > this.memoryBytes) {
          yield* runner.kill(new RunnerEnded({ why: "outOfMemory", detail: `it has ${bytes} bytes`, context: "" }))
        }
      }
    })
  }
}

/** Records that are of no matter at the moment. */
const ignoring: Handler = {
  sent: () => {},
  done: () => {},
  failed: () => {},
  misused: () => {},
  ready: () => {},
  notLoaded: () => {},
  outOfMemory: () => {}
}
