/**
 * Starts one stream as it was asked for, and ends it: at once, or when what it took is finished; by lease, or without.
 *
 * @since 0.1.0
 */
import type { TransportError } from "@kps/transport"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Leased } from "./IngressWriter.ts"
import type { SourcePosition } from "./SourcePosition.ts"
import { StreamCondition } from "./StreamCondition.ts"
import type { StreamCounts } from "./StreamCounts.ts"
import type { StreamEnvironment } from "./StreamEnvironment.ts"
import type { StreamReport } from "./StreamReport.ts"
import type { StreamSpec } from "./StreamSpec.ts"
import { StreamTerm } from "./StreamTerm.ts"

/** From one start to its end: by itself, or because it was told to. */
interface Run {
  readonly fiber: Fiber.Fiber<void>
  /** Absent while it waits for its turn, or for its lease. */
  term: StreamTerm | undefined
  /** Succeeds when it is to take no more and to finish what it has, by whichever lease. */
  readonly draining: Deferred.Deferred<void>
  /** It was told to stop. */
  stopping: boolean
}

/**
 * One stream with its parameters; other parameters are another runner's.
 *
 * **Details**
 *
 * All methods act at once, and wait for nothing. One run is at work at a time: `start` is for a runner that is new,
 * halted or stopped.
 *
 * @category models
 * @since 0.1.0
 */
export class StreamRunner {
  readonly spec: StreamSpec
  readonly report: StreamReport
  readonly counts: StreamCounts
  readonly position: SourcePosition
  /** How it is since it was last started. */
  readonly condition: StreamCondition
  readonly environment: StreamEnvironment
  private current: Run | undefined

  constructor(
    spec: StreamSpec,
    report: StreamReport,
    counts: StreamCounts,
    position: SourcePosition,
    environment: StreamEnvironment
  ) {
    this.spec = spec
    this.report = report
    this.counts = counts
    this.position = position
    this.condition = new StreamCondition(spec.id, report, environment)
    this.environment = environment
  }

  /** The fiber of the run at work, or of the last one. */
  get fiber(): Fiber.Fiber<void> | undefined {
    return this.current?.fiber
  }

  /** Starts when all of `after` have ended. */
  start(after: ReadonlyArray<Fiber.Fiber<unknown>>): void {
    // One that is done or halted may still hold its lease.
    this.current?.fiber.interruptUnsafe()
    this.condition.begin()
    const program = Effect.yieldNow.pipe(
      Effect.andThen(Fiber.awaitAll(after)),
      Effect.andThen(Effect.suspend(() => this.terms(run))),
      Effect.catchDefect(this.condition.broken)
    )
    const run: Run = {
      fiber: this.environment.desk.runFork(program),
      term: undefined,
      draining: Deferred.makeUnsafe(),
      stopping: false
    }
    this.current = run
  }

  /** Takes the transport away and interrupts. The fiber ends when the finalizers have run. */
  stop(): void {
    const run = this.current
    if (run === undefined || run.stopping) return
    run.stopping = true
    this.condition.settle()
    if (run.term !== undefined) this.environment.desk.runFork(run.term.revoke)
    run.fiber.interruptUnsafe()
  }

  /** Takes no more, finishes what was taken, and ends. What has taken nothing is stopped. */
  drain(): void {
    const run = this.current
    if (run === undefined || run.stopping) return
    if (run.term?.hasTaken === true) Deferred.doneUnsafe(run.draining, Exit.void)
    else this.stop()
  }

  /** The connection was lost or found while the stream was open. */
  connectionChanged(lost: TransportError.TransportError | undefined): Effect.Effect<void> {
    const run = this.current
    if (!this.condition.isRunning || run === undefined || run.stopping) return Effect.void
    if (lost !== undefined) return this.report.unavailable(lost)
    return this.report.isTroubled ? this.condition.well : Effect.void
  }

  /** One term; or, by lease, one after the other: when it is lost, until it is had again. */
  private readonly terms = Effect.fnUntraced({ self: this }, function*(run: Run) {
    const lease = this.environment.leaseOf(this.spec)
    if (lease === undefined) return yield* this.term(run, undefined)
    const onWaiting = Effect.suspend(() => {
      this.condition.standby()
      return this.report.standby
    })
    while (true) {
      const ended = yield* Effect.scoped(Effect.flatMap(lease.acquire(this.spec.id, { onWaiting }), (held) => {
        this.condition.starting()
        return this.held(run, { held, lease })
      }))
      if (ended) return
      yield* this.report.standby
      // What it had taken is another replica's to finish.
      if (Deferred.isDoneUnsafe(run.draining)) return this.condition.standby()
      this.condition.starting()
    }
  })

  /** Until the lease is lost, or there is nothing more to hold it for. */
  private held(run: Run, leased: Leased): Effect.Effect<boolean> {
    const lost = Effect.andThen(
      leased.held.lost,
      // First of all: what ends after it cannot be heard of.
      Effect.suspend(() => run.term?.revoke ?? Effect.void)
    )
    // What is done, or given up, is not for another replica to begin.
    const kept = Effect.flatMap(this.term(run, leased), (drained) => drained ? Effect.succeed(true) : Effect.never)
    return Effect.raceFirst(kept, Effect.as(lost, false))
  }

  /** True when it ended since it was told to drain. */
  private term(run: Run, leased: Leased | undefined): Effect.Effect<boolean> {
    const term = new StreamTerm(this, leased, run.draining)
    run.term = term
    this.report.counts = this.counts
    return Effect.ensuring(
      term.run,
      Effect.sync(() => {
        if (run.term === term) run.term = undefined
      })
    )
  }
}
