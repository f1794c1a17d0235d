/**
 * Groups payloads into messages: many small payloads travel in one `Message`, which costs a broker and both its ends
 * little more than one payload does.
 *
 * `Transport.publishAll` never packs by itself: whoever publishes decides, since consumers that read only the first
 * payload of a message exist.
 *
 * @since 0.1.0
 */
import type { Message } from "./Channel.ts"

/**
 * When a message is full.
 *
 * @category models
 * @since 0.1.0
 */
export interface Packing {
  /** The most bytes of a message that holds several payloads, encoded. Default: 16,384. */
  readonly maxBytes: number
  /** The most payloads of one message. Default: 64. */
  readonly maxPayloads: number
}

/**
 * The limits that pay: packing saves most below 1 KiB, and longer messages save no more.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaults: Packing = { maxBytes: 16_384, maxPayloads: 64 }

/**
 * A payload of this size or more, in bytes, is never packed: it would only be copied once more.
 *
 * @category constants
 * @since 0.1.0
 */
export const aloneBytes = 8_192

/** Both far below what a subscriber holds by default. */
const mostBytes = 1_048_576
const mostPayloads = 4_096

/**
 * Says in words why limits cannot be used; `undefined` when they can: whole numbers, `maxBytes` from 1 to 1,048,576 and
 * `maxPayloads` from 1 to 4,096.
 *
 * @category validation
 * @since 0.1.0
 */
export const problemOf = ({ maxBytes, maxPayloads }: Packing): string | undefined =>
  outOf("maxBytes", maxBytes, mostBytes) ?? outOf("maxPayloads", maxPayloads, mostPayloads)

const outOf = (name: string, value: number, most: number): string | undefined =>
  Number.isInteger(value) && value >= 1 && value <= most
    ? undefined
    : `${name} is ${value}, want a whole number from 1 to ${most}`

/**
 * Groups payloads into as few messages as the limits allow, all with the same timestamp.
 *
 * **Details**
 *
 * Pure: nothing is sent, and payloads are not copied. Their order is kept, within messages and over them; empty payloads
 * count as payloads. A message is closed before the payload that would take it over either limit; a payload that is over
 * `maxBytes` by itself, or has `aloneBytes` or more, is a message of its own. Of no payloads come no messages. The limits
 * are taken as they are: see `problemOf`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const pack = (
  payloads: ReadonlyArray<Uint8Array>,
  timestampNanos: bigint,
  { maxBytes, maxPayloads }: Packing = defaults
): ReadonlyArray<Message> => {
  const messages: Array<Message> = []
  let from = 0
  let bytes = timestampBytes
  const close = (to: number) => {
    if (to > from) messages.push({ payloads: payloads.slice(from, to), timestampNanos })
    from = to
    bytes = timestampBytes
  }
  for (let i = 0; i < payloads.length; i++) {
    const { byteLength } = payloads[i]!
    const framed = byteLength + (byteLength < 0x80 ? 2 : 3)
    const isAlone = byteLength >= aloneBytes
    if (isAlone || i - from >= maxPayloads || bytes + framed > maxBytes) close(i)
    bytes += framed
    if (isAlone) close(i + 1)
  }
  close(payloads.length)
  return messages
}

/** What an encoded timestamp takes at most: a tag, and ten bytes for an instant before 1970. */
const timestampBytes = 11

/**
 * How many payloads the messages have that are from one index up to another. Default: all of them.
 *
 * @category getters
 * @since 0.1.0
 */
export const payloadCount = (messages: ReadonlyArray<Message>, from = 0, to = messages.length): number => {
  let count = 0
  for (let i = from; i < to; i++) count += messages[i]!.payloads.length
  return count
}
