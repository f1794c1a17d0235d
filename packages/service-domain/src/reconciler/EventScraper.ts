/**
 * Puts what is known of one instance into the history of events.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type * as Event from "../events/Event.ts"
import { path } from "../events/Event.ts"
import { EventHistory, type EventHistoryError } from "../events/EventHistory.ts"
import * as Occurrences from "./Occurrences.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface EventScraper {
  /** Adds what is new of what the source says of itself now. */
  readonly scraped: (occurrences: ReadonlyArray<Occurrences.Occurrence>) => Effect.Effect<void>
  /** Adds what is new of the alerts that are raised here. */
  readonly flush: Effect.Effect<void>
  /** Nothing of it stands any more: it is gone. */
  readonly retire: Effect.Effect<void>
}

/**
 * Makes it. What the history has of the source counts as seen, so that another process goes on where one has left off.
 *
 * **Details**
 *
 * What cannot be added, since the history is out of reach, is tried again with the next call, and logged. `standing` gives
 * the alerts that are raised here, whose names are in `own`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: {
  readonly source: Event.Source
  readonly own: ReadonlySet<string>
  readonly standing: () => ReadonlyArray<Occurrences.Occurrence>
}): Effect.fn.Return<EventScraper, never, EventHistory> {
  const { own, source, standing } = options
  const history = yield* EventHistory
  const turn = yield* Semaphore.make(1)
  let seen: { own: Occurrences.Seen; theirs: Occurrences.Seen } | undefined

  const load = Effect.suspend(() =>
    seen !== undefined ? Effect.succeed(seen) : Effect.map(history.current({ path: path(source) }), (events) => {
      const isOwn = ({ properties }: Event.Event) => own.has(properties?.["name"] ?? "")
      return seen = {
        own: Occurrences.seenOf(events.filter(isOwn)),
        theirs: Occurrences.seenOf(events.filter((event) => !isOwn(event)))
      }
    })
  )
  const put = Effect.fnUntraced(function*(
    whose: "own" | "theirs",
    occurrences: ReadonlyArray<Occurrences.Occurrence>
  ): Effect.fn.Return<void, EventHistoryError> {
    const known = yield* load
    const { events, seen } = Occurrences.news(known[whose], occurrences, source, yield* Clock.currentTimeMillis)
    if (events.length > 0) yield* history.add(events)
    known[whose] = seen
  })
  const safely = (effect: Effect.Effect<void, EventHistoryError>) =>
    turn.withPermit(effect).pipe(
      Effect.catch((error) =>
        Effect.annotateLogs(Effect.logWarning("events are not kept", error), { path: path(source) })
      )
    )
  const flush = Effect.suspend(() => put("own", standing()))

  return {
    flush: safely(flush),
    scraped: (occurrences) => safely(Effect.andThen(put("theirs", occurrences), flush)),
    retire: safely(Effect.andThen(put("theirs", []), put("own", [])))
  }
})
