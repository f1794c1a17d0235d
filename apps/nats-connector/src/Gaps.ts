/**
 * Tells of messages that left the outside stream before they were read: in the log, and as an alert.
 */
import { Event, Events, StreamEvents } from "@kps/events"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * The outside stream was not read for longer than it keeps messages, or its limits are too low for its traffic.
 * `ExtraMessage.missed` counts since the stream was opened: at most so many, where the stream has other subjects too.
 */
export const messagesMissed = Event.alert("messagesMissed", {
  message: "messages of the outside stream were removed before they were read",
  severity: "CRITICAL",
  state: "UNHEALTHY",
  metadata: StreamEvents.Metadata
})

/** The alert is cleared when so long none were missed. */
const quiet = "60 seconds"

export interface Gaps {
  /** The stream has nothing between these two, neither of which is missing. */
  readonly missed: (after: number, before: number) => Effect.Effect<void>
}

/** Reports for as long as the scope is open; the alert ends with it. */
export const make = Effect.fnUntraced(function*(options: {
  readonly streamId: string
  /** Of the broker. */
  readonly stream: string
  readonly subject: string
}): Effect.fn.Return<Gaps, never, Events.Events | Scope.Scope> {
  const { stream, streamId, subject } = options
  const events = yield* Events.Events
  const scope = yield* Effect.scope
  let total = 0
  let gaps = 0
  yield* Effect.addFinalizer(() => events.clear(messagesMissed, { streamId }))

  const clearWhenQuiet = Effect.suspend(() => {
    const before = gaps
    return Effect.andThen(
      Effect.sleep(quiet),
      Effect.suspend(() => gaps === before ? events.clear(messagesMissed, { streamId }) : Effect.void)
    )
  })
  return {
    missed: Effect.fnUntraced(function*(after, before) {
      const missed = before - after - 1
      total += missed
      gaps++
      const range = `${after + 1} to ${before - 1}`
      yield* Effect.logWarning("messages of the outside stream were removed before they were read").pipe(
        Effect.annotateLogs({ streamId, missed, missedInAll: total, stream, range })
      )
      yield* events.raise(messagesMissed, {
        streamId,
        metadata: StreamEvents.metadata({
          errorMessage: `up to ${total} messages on "${subject}" were missed, lastly ${range} of stream "${stream}"`,
          streamId,
          extra: { subject, stream, missed: total }
        })
      })
      yield* Effect.forkIn(clearWhenQuiet, scope)
    })
  }
})
