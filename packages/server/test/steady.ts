/** Tries at instants that are known. */
import { Effect, Random } from "effect"
import { TestClock } from "effect/testing"

/** The middle of the jitter. */
export const steady = Random.Random.of({ nextIntUnsafe: () => 0, nextDoubleUnsafe: () => 0.5 })

/** Lets time pass in small steps, so that everything happens at its own instant. */
export const pass = (millis: number, step = 10) =>
  Effect.repeat(Effect.andThen(TestClock.adjust(step), Effect.yieldNow), { times: millis / step - 1 })
