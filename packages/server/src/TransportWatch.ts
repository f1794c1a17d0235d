/**
 * Says whether the platform's broker is there: as an alert of the connector, and as the start of its health.
 *
 * @since 0.1.0
 */
import { Events, StreamEvents } from "@kps/events"
import { Transport } from "@kps/transport"
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Health } from "./Health.ts"

/**
 * Watches the transport as long as the scope is open.
 *
 * **Details**
 *
 * `transportDisconnected` stands as long as the broker is away, with the cause of the last try and since when. The
 * first time that the broker is there, the server begins to serve.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  health: Health
): Effect.fn.Return<void, never, Transport.Transport | Events.Events | Scope.Scope> {
  const transport = yield* Transport.Transport
  const events = yield* Events.Events
  let attempts = 0

  const tell = (status: Transport.ConnectionStatus): Effect.Effect<void> => {
    switch (status._tag) {
      case "Connected":
        attempts = 0
        return Effect.andThen(health.enter("Serving"), events.clear(StreamEvents.transportDisconnected))
      case "Disconnected":
        return events.raise(StreamEvents.transportDisconnected, {
          metadata: StreamEvents.failure({
            cause: Cause.fail(status.cause.reason),
            since: DateTime.makeUnsafe(status.since),
            attempts: ++attempts
          })
        })
      case "Closed":
        return Effect.void
    }
  }
  yield* transport.statusChanges.pipe(Stream.runForEach(tell), Effect.forkScoped({ startImmediately: true }))
})
