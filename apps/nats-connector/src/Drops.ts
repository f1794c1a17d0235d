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

/** Reports for as long as the scope is open; at its end, what was taken from outside and not handed on. */
export const reportDrops = Effect.fnUntraced(function*(options: {
  readonly streamId: string
  readonly subject: string
  readonly subscription: Subscription
}): Effect.fn.Return<void, never, Events.Events | Scope.Scope> {
  const { streamId, subject, subscription } = options
  const events = yield* Events.Events

  yield* Effect.addFinalizer(() => {
    const kept = subscription.kept()
    return kept === 0 ? Effect.void : Effect.logWarning("messages taken from outside end with the stream").pipe(
      Effect.annotateLogs({ dropped: kept })
    )
  })

  const report = Effect.fnUntraced(function*(before: number, total: number) {
    yield* Effect.logWarning("messages from outside are dropped").pipe(
      Effect.annotateLogs({ dropped: total - before, droppedInAll: total })
    )
    const metadata = StreamEvents.metadata({
      errorMessage: `${total} messages on "${subject}" were dropped`,
      streamId,
      extra: { subject, dropped: total }
    })
    yield* events.raise(messagesDropped, { streamId, metadata })
    yield* Effect.sleep(pause)
  })

  yield* Effect.gen(function*() {
    let told = 0
    while (true) {
      let total = Option.some(yield* subscription.droppedBeyond(told))
      while (Option.isSome(total)) {
        yield* report(told, total.value)
        told = total.value
        total = yield* Effect.timeoutOption(subscription.droppedBeyond(told), quiet)
      }
      yield* events.clear(messagesDropped, { streamId })
    }
  }).pipe(Effect.forkScoped)
})
