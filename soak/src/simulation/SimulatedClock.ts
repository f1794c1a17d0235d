/**
 * The clock of a simulation: a `TestClock` that only moves time. Effect's own gives Node a turn after each sleep that
 * ends, with a timer that watches it: most of a simulation would be that.
 */
import { Clock, Context, Duration, Effect, Layer, Scheduler } from "effect"
import type { TestClock } from "effect/testing"

interface Sleep {
  readonly until: number
  readonly wake: () => void
}

const nanosPerMilli = 1_000_000

class SimulatedClock implements TestClock.TestClock {
  readonly scheduler: Scheduler.Scheduler
  private readonly tasks: Scheduler.SchedulerDispatcher
  /** The one that ends last comes first, so that `pop` gives the next one. */
  private readonly sleeps: Array<Sleep> = []
  private now = 0
  private runs = false

  readonly currentTimeMillis = Effect.sync(() => this.currentTimeMillisUnsafe())
  readonly currentTimeNanos = Effect.sync(() => this.currentTimeNanosUnsafe())
  readonly monotonicTimeNanos = Effect.sync(() => this.monotonicTimeNanosUnsafe())

  constructor() {
    const queue = new Scheduler.MixedScheduler("async", (drain) => {
      if (this.runs) return () => {}
      const turn = setImmediate(drain)
      return () => clearImmediate(turn)
    })
    // one queue for all fibers, which `settle` empties
    this.tasks = queue.makeDispatcher()
    this.scheduler = {
      executionMode: "async",
      shouldYield: (fiber) => queue.shouldYield(fiber),
      makeDispatcher: () => this.tasks
    }
  }

  currentTimeMillisUnsafe(): number {
    return this.now
  }

  currentTimeNanosUnsafe(): bigint {
    return BigInt(Math.floor(this.now * nanosPerMilli))
  }

  monotonicTimeNanosUnsafe(): bigint {
    return this.currentTimeNanosUnsafe()
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.callback((resume) => {
      const millis = Duration.toMillis(duration)
      if (millis <= 0) return resume(Effect.void)
      const sleep: Sleep = { until: this.now + millis, wake: () => resume(Effect.void) }
      this.begin(sleep)
      return Effect.sync(() => this.end(sleep))
    })
  }

  adjust(duration: Duration.Input): Effect.Effect<void> {
    return Effect.suspend(() => this.setTime(this.now + Duration.toMillis(Duration.fromInputUnsafe(duration))))
  }

  setTime(millis: number): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const on = () => {
        this.settle()
        const next = this.next(millis)
        if (next === undefined) {
          this.now = millis
          return resume(Effect.void)
        }
        this.now = next.until
        next.wake()
        this.settle()
        // fibers that wait for a promise which is settled go on, too
        queueMicrotask(on)
      }
      // whoever called goes on to wait for this
      queueMicrotask(on)
    })
  }

  /** There is no other one: nothing in a simulation waits for anything real. */
  withLive<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return effect
  }

  /** Of those that end at the same time, who slept first wakes first. */
  private begin(sleep: Sleep): void {
    let [low, high] = [0, this.sleeps.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.sleeps[middle]!.until > sleep.until) low = middle + 1
      else high = middle
    }
    this.sleeps.splice(low, 0, sleep)
  }

  private end(sleep: Sleep): void {
    const index = this.sleeps.indexOf(sleep)
    if (index >= 0) this.sleeps.splice(index, 1)
  }

  /** Until every fiber waits for something. */
  private settle(): void {
    this.runs = true
    this.tasks.flush()
    this.runs = false
  }

  private next(end: number): Sleep | undefined {
    const last = this.sleeps.at(-1)
    return last === undefined || last.until > end ? undefined : this.sleeps.pop()
  }
}

/** Moves on with `TestClock.adjust`. */
export const layer: Layer.Layer<never> = Layer.effectContext(Effect.sync(() => {
  const clock = new SimulatedClock()
  return Context.make(Clock.Clock, clock).pipe(Context.add(Scheduler.Scheduler, clock.scheduler))
}))
