/**
 * Payloads of a source as messages for the transport: one payload each.
 *
 * @since 0.1.0
 */
import type { Channel } from "@kps/transport"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/** So many messages are built and handed over at once, however long the array of a source is. */
const sliceLength = 1_024

const stamp = (
  payloads: ReadonlyArray<Uint8Array>,
  timestampNanos: bigint,
  from: number,
  to: number
): ReadonlyArray<Channel.Message> => {
  const messages: Array<Channel.Message> = []
  for (let i = from; i < to; i++) messages.push({ payloads: [payloads[i]!], timestampNanos })
  return messages
}

/**
 * Hands messages on in slices, all stamped with one reading of the clock.
 *
 * @category constructors
 * @since 0.1.0
 */
export const inSlices = <E, R>(
  payloads: ReadonlyArray<Uint8Array>,
  clock: Clock.Clock,
  use: (messages: ReadonlyArray<Channel.Message>) => Effect.Effect<void, E, R>
): Effect.Effect<void, E, R> => {
  const now = clock.currentTimeNanosUnsafe()
  if (payloads.length <= sliceLength) return use(stamp(payloads, now, 0, payloads.length))
  return Effect.gen(function*() {
    for (let from = 0; from < payloads.length; from += sliceLength) {
      yield* use(stamp(payloads, now, from, Math.min(from + sliceLength, payloads.length)))
    }
  })
}
