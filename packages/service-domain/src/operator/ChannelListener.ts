/**
 * Listens to channels beside those that they are for: nothing is taken from anybody, and nothing is acknowledged.
 *
 * @since 0.1.0
 */
import type { NatsConnection } from "@kps/transport"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"

/**
 * Hands over every frame that passes on a subject, which may have wildcards, until it is interrupted. Frames that pass
 * while the broker is away are missed. With JetStream too, channels are subjects of core NATS.
 *
 * @category running
 * @since 0.1.0
 */
export const listen = (
  connection: NatsConnection.NatsConnection["Service"],
  subject: string,
  onFrame: (channel: string, frame: Uint8Array) => void
): Effect.Effect<never> =>
  connection.changes.pipe(
    Stream.switchMap((client) =>
      Option.isNone(client) ? Stream.never : Stream.unwrap(Effect.as(
        Effect.acquireRelease(
          Effect.sync(() =>
            client.value.subscribe(subject, {
              callback: (error, message) => {
                if (error === null) onFrame(message.subject, message.data)
              }
            })
          ),
          // It throws when the connection is closed by then.
          (subscription) => Effect.sync(() => void Result.try(() => subscription.unsubscribe()))
        ),
        Stream.never
      ))
    ),
    Stream.runDrain,
    Effect.andThen(Effect.never)
  )
