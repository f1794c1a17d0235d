/**
 * Tells how many messages an ingress stream had to drop: in the log, and as an alert while it lasts.
 */
import { Event, Events, StreamEvents } from "@kps/events"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Subscription } from "./Broker.ts"

/**
 * The pipeline was slower than the outside subject for longer than the stream's buffer lasts. `ExtraMessage.dropped`
 * counts exactly, since the stream was opened.
 */
export const messagesDropped = Event.alert("messagesDropped", {
  message: "messages from outside are dropped: they come faster than the pipeline takes them",
  severity: "CRITICAL",
  state: "UNHEALTHY",
  metadata: StreamEvents.Metadata
})

/** Not more than one line, and one change of the alert, in this time. */
const pause = "1 second"

/** The alert is cleared when so long nothing was dropped. */
const quiet = "10 seconds"

/**
 * Reports for as long as the scope is open; at its end, what was dropped since the last report, and what was taken from
 * outside and not handed on. The alert ends with the scope: whoever opens the stream again begins without one.
 */
export const reportDrops = Effect.fnUntraced(function*(options: {
  readonly streamId: string
  readonly subject: string
  readonly subscription: Subscription
}): Effect.fn.Return<void, never, Events.Events | Scope.Scope> {
  const { streamId, subject, subscription } = options
  const events = yield* Events.Events
  let told = 0

  const log = (total: number): Effect.Effect<void> => {
    const dropped = total - told
    told = total
    return Effect.logWarning("messages from outside are dropped").pipe(
      Effect.annotateLogs({ dropped, droppedInAll: total })
    )
  }

  yield* Effect.addFinalizer(Effect.fnUntraced(function*() {
    const total = yield* Effect.timeoutOption(subscription.droppedBeyond(told), "0 millis")
    if (Option.isSome(total)) yield* log(total.value)
    yield* events.clear(messagesDropped, { streamId })
    const kept = subscription.kept()
    if (kept === 0) return
    yield* Effect.logWarning("messages taken from outside end with the stream").pipe(
      Effect.annotateLogs({ dropped: kept })
    )
  }))

  const report = Effect.fnUntraced(function*(total: number) {
    yield* log(total)
    const metadata = StreamEvents.metadata({
      errorMessage: `${total} messages on "${subject}" were dropped`,
      streamId,
      extra: { subject, dropped: total }
    })
    yield* events.raise(messagesDropped, { streamId, metadata })
    yield* Effect.sleep(pause)
  })

  yield* Effect.gen(function*() {
    while (true) {
      let total = Option.some(yield* subscription.droppedBeyond(told))
      while (Option.isSome(total)) {
        yield* report(total.value)
        total = yield* Effect.timeoutOption(subscription.droppedBeyond(told), quiet)
      }
      yield* events.clear(messagesDropped, { streamId })
    }
  }).pipe(Effect.forkScoped)
})
