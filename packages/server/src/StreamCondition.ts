/**
 * How one stream is: its phase, its row of errors, and whether its first outcome is known.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { Backoff } from "./Backoff.ts"
import type { StreamEnvironment } from "./StreamEnvironment.ts"
import { type Fault, fromCause } from "./StreamFault.ts"
import * as StreamPhase from "./StreamPhase.ts"
import type { StreamReport } from "./StreamReport.ts"
import type { StreamOutcome, StreamState } from "./StreamSpec.ts"

/** An opened stream that was in trouble before does well when it stayed open for so long, or when something flowed. */
const settlesAfter = "1 second"

/**
 * What a stream is at, told to its report and to whoever waits for it.
 *
 * **Details**
 *
 * Every phase but the first settles it. The report is told before the phase changes: who has the reply finds the event
 * as well.
 *
 * @category models
 * @since 0.1.0
 */
export class StreamCondition {
  private readonly streamId: string
  private readonly report: StreamReport
  private readonly environment: StreamEnvironment
  private readonly backoff = new Backoff()
  private phase: StreamPhase.StreamPhase = { _tag: "Starting" }
  private settled = Deferred.makeUnsafe<void>()

  constructor(streamId: string, report: StreamReport, environment: StreamEnvironment) {
    this.streamId = streamId
    this.report = report
    this.environment = environment
  }

  /** Waits for the first outcome since the last `begin`. */
  get whenSettled(): Effect.Effect<void> {
    return Deferred.await(this.settled)
  }

  get isSettled(): boolean {
    return Deferred.isDoneUnsafe(this.settled)
  }

  get isRunning(): boolean {
    return this.phase._tag === "Running"
  }

  get isHalted(): boolean {
    return this.phase._tag === "Halted"
  }

  /** What the stream is doing. */
  get state(): StreamState {
    return StreamPhase.state(this.phase, this.environment.connection.lost(), this.environment.desk.now())
  }

  /** How it came out; nothing while it did not. */
  get outcome(): StreamOutcome | undefined {
    return StreamPhase.outcome(this.streamId, this.state)
  }

  /** It is started: its first outcome is to be waited for. */
  begin(): void {
    this.starting()
    this.settled = Deferred.makeUnsafe()
  }

  /** It starts, or starts again; whoever waited for an outcome has had it. */
  starting(): void {
    this.phase = { _tag: "Starting" }
  }

  /** There is nothing more to wait for. */
  settle(): void {
    Deferred.doneUnsafe(this.settled, Exit.void)
  }

  /** Another replica runs the stream. */
  standby(): void {
    this.enter({ _tag: "Standby" })
  }

  /** It ended, and not because something failed. */
  done(): void {
    this.enter({ _tag: "Done" })
  }

  /** It was opened: it runs, and does well when it is in no trouble, or stays open. */
  readonly opened: Effect.Effect<void, never, Scope.Scope> = Effect.suspend(() => {
    const now = this.environment.desk.now()
    this.backoff.healthy(now)
    const running = Effect.sync(() => this.enter({ _tag: "Running", since: now }))
    if (!this.report.isTroubled) return Effect.andThen(this.report.started, running)
    const settles = Effect.andThen(
      Effect.sleep(settlesAfter),
      Effect.suspend(() => this.isRunning ? this.well : Effect.void)
    )
    return Effect.andThen(running, Effect.asVoid(Effect.forkScoped(settles)))
  })

  /** Something flowed, or it stayed open. */
  readonly well: Effect.Effect<void> = Effect.suspend(() => {
    const now = this.environment.desk.now()
    this.backoff.healthy(now)
    if (!this.isRunning) this.enter({ _tag: "Running", since: now })
    return this.report.healthy
  })

  /**
   * Counts a fault and tells of it: in how many milliseconds to try again, or nothing when there is no further try. The
   * last try of an item is made at `dueAt`, when its horizon is up.
   */
  readonly failed = Effect.fnUntraced({ self: this }, function*(
    this: StreamCondition,
    fault: Fault,
    dueAt: number = Infinity
  ): Effect.fn.Return<number | undefined> {
    const now = this.environment.desk.now()
    this.backoff.failed(now)
    const { attempts, since } = this.backoff
    if (attempts === 1) yield* this.log(fault)
    const wait = fault.action === "retry"
      ? this.backoff.delayMillis(fault.backoff, now, yield* Random.next)
      : undefined
    if (wait === undefined) {
      yield* this.halted(fault)
      return undefined
    }
    const delay = dueAt > now ? Math.min(wait, dueAt - now) : wait
    yield* this.report.failed(fault, { attempts, since, nextRetry: now + delay })
    this.enter({ _tag: "Retrying", failure: StreamPhase.failure(fault), nextAt: now + delay })
    return delay
  })

  /** Supervision itself failed, such as by a failures table that makes no sense. Nothing is left to try again with. */
  readonly broken = Effect.fnUntraced({ self: this }, function*(
    this: StreamCondition,
    problem: unknown
  ): Effect.fn.Return<void> {
    yield* this.halted(yield* fromCause(Cause.die(problem), {}, this.streamId))
  })

  private halted(fault: Fault): Effect.Effect<void> {
    const { attempts, since } = this.backoff
    return Effect.andThen(
      this.report.halted(fault, { attempts, since }),
      Effect.sync(() => this.enter({ _tag: "Halted", failure: StreamPhase.failure(fault) }))
    )
  }

  private enter(phase: StreamPhase.StreamPhase): void {
    this.phase = phase
    this.settle()
  }

  private log({ code, message, tag }: Fault): Effect.Effect<void> {
    return Effect.annotateLogs(Effect.logWarning("stream failed"), { streamId: this.streamId, tag, code, message })
  }
}
