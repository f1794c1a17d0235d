/** The resident memory of a process over time, as it sees it itself. */
import { Effect, Schedule, Schema, type Scope } from "effect"
import { monotonicNanos } from "./Role.ts"

export const Memory = Schema.Struct({
  /** Nanoseconds of the machine's monotonic clock, and bytes of resident memory. */
  samples: Schema.Array(Schema.Tuple([Schema.Finite, Schema.Finite]))
})
export type Memory = typeof Memory.Type

/** Samples this process twice a second, from now on and while the scope is open; the effect is what there is so far. */
export const sampled: Effect.Effect<Effect.Effect<Memory>, never, Scope.Scope> = Effect.gen(function*() {
  const samples: Array<readonly [number, number]> = []
  const sample = Effect.sync(() => void samples.push([monotonicNanos(), process.memoryUsage.rss()]))
  yield* sample
  yield* sample.pipe(Effect.repeat(Schedule.spaced("500 millis")), Effect.forkScoped)
  return Effect.andThen(sample, Effect.sync(() => ({ samples })))
})

export const mib = (bytes: number): number => bytes / 1_048_576

/** The most that it had beyond what it had at first, in MiB. */
export const growthMib = ({ samples }: Memory): number => {
  const sizes = samples.map(([, bytes]) => mib(bytes))
  return Math.max(...sizes) - (sizes[0] ?? Number.NaN)
}
