/**
 * One session of this process, and until when it may be trusted.
 *
 * @since 0.1.0
 */
import type { Clock } from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { randomUUID } from "node:crypto"

/** The part of the time to live by which a session ends here before others may take it away: for clocks of other rates. */
const margin = 0.1

/**
 * An instant by two clocks: the monotonic one, and the machine's.
 *
 * @category models
 * @since 0.1.0
 */
export interface Instant {
  readonly monotonicMillis: number
  readonly wallMillis: number
}

/**
 * A session. A later one has another id.
 *
 * **Details**
 *
 * It is trusted for nine tenths of its time to live after the last renewal was asked for, by the monotonic clock; and by
 * the machine's clock, which goes on where the other one may not, as when a virtual machine is stopped. The earlier one
 * counts. Over is over: a renewal that comes too late does not bring it back.
 *
 * @category models
 * @since 0.1.0
 */
export class Session {
  readonly id = randomUUID()
  private readonly clock: Clock
  private readonly trustedMillis: number
  private readonly over = Deferred.makeUnsafe<void>()
  private last: Instant

  constructor(clock: Clock, timeToLiveMillis: number) {
    this.clock = clock
    this.trustedMillis = timeToLiveMillis * (1 - margin)
    this.last = this.now
  }

  get now(): Instant {
    return { monotonicMillis: monotonicMillis(this.clock), wallMillis: this.clock.currentTimeMillisUnsafe() }
  }

  /**
   * Whether it lives at this instant. Cheap, and right also when the process was stopped meanwhile and nothing of it has
   * run since.
   */
  readonly isAlive = (): boolean => this.leftMillis > 0

  /** Milliseconds until it is over, unless it is renewed. */
  get leftMillis(): number {
    if (Deferred.isDoneUnsafe(this.over)) return 0
    const { monotonicMillis, wallMillis } = this.now
    const since = Math.max(monotonicMillis - this.last.monotonicMillis, wallMillis - this.last.wallMillis)
    const left = this.trustedMillis - since
    // Over is over, whatever the machine's clock says later.
    if (left <= 0) this.end()
    return Math.max(0, left)
  }

  /** Succeeds when it is over. */
  readonly lost: Effect.Effect<void> = Deferred.await(this.over)

  /** A renewal that was asked for at `start` was confirmed. */
  renewed(start: Instant): void {
    if (this.isAlive()) this.last = start
  }

  end(): void {
    Deferred.doneUnsafe(this.over, Exit.void)
  }

  /** Ends it when nothing renews it; succeeds then, or as soon as somebody else finds that it is over. */
  readonly untilOver: Effect.Effect<void> = Effect.suspend(() => {
    const left = this.leftMillis
    return left === 0
      ? Effect.void
      : Effect.andThen(Effect.timeoutOption(this.lost, Math.ceil(left)), this.untilOver)
  })
}

/**
 * The monotonic clock in milliseconds.
 *
 * @category getters
 * @since 0.1.0
 */
export const monotonicMillis = (clock: Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
