import { Data, Effect, Schedule } from "effect"

class NotYet extends Data.TaggedError("NotYet")<{ readonly message: string }> {}

/** Waits, at most some five seconds, until the effect gives what is wanted. */
export const until = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  wanted: (value: A) => boolean = () => true
): Effect.Effect<A, E | NotYet, R> =>
  Effect.filterOrFail(effect, wanted, (value) => new NotYet({ message: `not within 5 s; at last ${String(value)}` }))
    .pipe(Effect.retry({ schedule: Schedule.spaced("10 millis"), times: 500 }))

/** Waits, at most some five seconds, until the condition holds. */
export const untilTrue = (what: string, condition: () => boolean): Effect.Effect<void, NotYet> =>
  Effect.suspend(() => condition() ? Effect.void : Effect.fail(new NotYet({ message: `not within 5 s: ${what}` })))
    .pipe(
      Effect.retry({ schedule: Schedule.spaced("10 millis"), times: 500 })
    )
