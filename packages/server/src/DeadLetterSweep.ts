/**
 * Takes away the dead letters of a connector that are too old, and tells how many went.
 *
 * @since 0.1.0
 */
import { type Events, StreamEvents } from "@kps/events"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { DeadLetters } from "./DeadLetters.ts"

/** How often they are looked for. */
const every = "1 minute"

/**
 * Sweeps once a minute, until the scope is closed. The alert `deadLettersEvicted` stands from a sweep that took something
 * to the next one that did not.
 *
 * @category operations
 * @since 0.1.0
 */
export const run = (
  deadLetters: DeadLetters["Service"],
  instance: string,
  events: Events.Events["Service"]
): Effect.Effect<void, never, Scope.Scope> => {
  const sweep = Effect.andThen(Effect.sleep(every), once(deadLetters, instance, events))
  return Effect.asVoid(Effect.forkScoped(Effect.forever(sweep)))
}

/** A store that cannot be reached is swept the next time. */
const once = (deadLetters: DeadLetters["Service"], instance: string, events: Events.Events["Service"]) =>
  Effect.matchEffect(deadLetters.sweep(instance), {
    onFailure: (error) => Effect.annotateLogs(Effect.logDebug("cannot sweep dead letters"), { error: error.message }),
    onSuccess: (count) =>
      count === 0
        ? events.clear(StreamEvents.deadLettersEvicted, {})
        : Effect.andThen(
          Effect.annotateLogs(Effect.logWarning("dead letters that were too old are gone"), { count }),
          events.raise(StreamEvents.deadLettersEvicted, {
            metadata: StreamEvents.metadata({ errorMessage: `${count} were too old`, extra: { count } })
          })
        )
  })
