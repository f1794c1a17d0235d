/**
 * Messages as they pass on channels, for whoever looks on.
 *
 * @since 0.1.0
 */
import { TransportCodec } from "@kps/idl"
import type { NatsConnection } from "@kps/transport"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { TappedMessage } from "../rest/OperatorViews.ts"
import { listen } from "./ChannelListener.ts"
import * as Redaction from "./Redaction.ts"

/** Most messages that wait to be read. */
const maxWaiting = 256

/** Most payloads of one message that are shown. */
const maxPayloads = 100

/**
 * Messages on these channels from now on, redacted. Never ends. What comes faster than it is read is left out, and
 * counted in the next message that is read; frames that are no `TransportMessage` are left out too.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  connection: NatsConnection.NatsConnection["Service"],
  channels: ReadonlyArray<string>
): Stream.Stream<TappedMessage> =>
  Stream.callback<TappedMessage>((queue) =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      let missed = 0
      const onFrame = (channel: string, frame: Uint8Array) => {
        if (Queue.isFullUnsafe(queue)) {
          missed++
          return
        }
        const message = TransportCodec.decode(frame)
        if (Result.isFailure(message)) return
        const { payloads, timestampNanos } = message.success
        Queue.offerUnsafe(queue, {
          channel,
          atMillis: clock.currentTimeMillisUnsafe(),
          timestampNanos: String(timestampNanos),
          payloads: payloads.slice(0, maxPayloads).map(Redaction.show),
          missed
        })
        missed = 0
      }
      yield* Effect.forEach(channels, (channel) => Effect.forkScoped(listen(connection, channel, onFrame)), {
        discard: true
      })
      return yield* Effect.never
    }), { bufferSize: maxWaiting, strategy: "dropping" })
