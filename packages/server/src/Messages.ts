/**
 * Payloads of a source as messages for the transport: one payload each, or packed.
 *
 * @since 0.1.0
 */
import type { Channel } from "@kps/transport"
import * as Effect from "effect/Effect"

/** So many payloads are built into messages and handed over at once, however long the array of a source is. */
const sliceLength = 1_024

/**
 * Hands payloads on in slices.
 *
 * @category constructors
 * @since 0.1.0
 */
export const inSlices = <E, R>(
  payloads: ReadonlyArray<Uint8Array>,
  use: (payloads: ReadonlyArray<Uint8Array>) => Effect.Effect<void, E, R>
): Effect.Effect<void, E, R> => {
  if (payloads.length <= sliceLength) return use(payloads)
  return Effect.gen(function*() {
    for (let from = 0; from < payloads.length; from += sliceLength) {
      yield* use(payloads.slice(from, from + sliceLength))
    }
  })
}

/**
 * One message for each payload, all with the same timestamp.
 *
 * @category constructors
 * @since 0.1.0
 */
export const single = (
  payloads: ReadonlyArray<Uint8Array>,
  timestampNanos: bigint
): ReadonlyArray<Channel.Message> => {
  const messages: Array<Channel.Message> = []
  for (let i = 0; i < payloads.length; i++) messages.push({ payloads: [payloads[i]!], timestampNanos })
  return messages
}

/**
 * The messages in two parts, in order, to find which is too large: the payloads of a message that is alone are parted.
 * `undefined` when there is but one payload.
 *
 * @category constructors
 * @since 0.1.0
 */
export const halves = (
  messages: ReadonlyArray<Channel.Message>
): readonly [ReadonlyArray<Channel.Message>, ReadonlyArray<Channel.Message>] | undefined => {
  if (messages.length > 1) {
    const half = messages.length >> 1
    return [messages.slice(0, half), messages.slice(half)]
  }
  const { payloads, timestampNanos } = messages[0]!
  if (payloads.length <= 1) return undefined
  const half = payloads.length >> 1
  return [[{ payloads: payloads.slice(0, half), timestampNanos }], [{ payloads: payloads.slice(half), timestampNanos }]]
}
