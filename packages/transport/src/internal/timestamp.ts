/** The timestamp of a message in halves: making and splitting a bigint for each would be most of the work. */
import { TransportCodec } from "@kps/idl"
import type { Message } from "../Channel.ts"

// a batch carries one instant, mostly
let lastNanos = 0n
let lastHalves = TransportCodec.halves(lastNanos)

/** One that came off the wire has them already. */
export const halvesOf = (message: Message): TransportCodec.Halves => {
  if (message instanceof TransportCodec.View) return message
  const { timestampNanos } = message
  if (timestampNanos !== lastNanos) {
    lastHalves = TransportCodec.halves(timestampNanos)
    lastNanos = timestampNanos
  }
  return lastHalves
}

/** How many bytes a message takes on the wire. */
export const encodedLength = (message: Message): number =>
  TransportCodec.encodedLengthHalves(halvesOf(message), message.payloads)
