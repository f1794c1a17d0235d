/** Messages on their way out: what is wrong with them, and their bytes. */
import { TransportCodec } from "@kps/idl"
import type { ChannelName } from "../../Channel.ts"
import type { PublishedMessage } from "../../JetStream.ts"
import { InvalidOption, MessageTooLarge, TransportError } from "../../TransportError.ts"
import { encodedLength, halvesOf } from "../timestamp.ts"
import * as headers from "./headers.ts"

const maxIdBytes = 128
const maxPositionBytes = 16_384

const invalid = (option: string, value: string, maxBytes: number): TransportError | undefined => {
  const problem = headers.problemOf(value, maxBytes)
  return problem === undefined ? undefined : new TransportError({ reason: new InvalidOption({ option, problem }) })
}

/** Why none of the messages may be published, or `undefined`. */
export const refusal = (
  channel: ChannelName,
  messages: ReadonlyArray<PublishedMessage>,
  maxBytes: number
): TransportError | undefined => {
  const limit = Math.max(0, maxBytes - headers.reserveBytes)
  for (const message of messages) {
    const { id, position } = message
    let byteLength = encodedLength(message)
    if (id !== undefined) {
      const problem = invalid("id", id, maxIdBytes)
      if (problem !== undefined) return problem
    }
    if (position !== undefined) {
      const problem = invalid("position", position, maxPositionBytes)
      if (problem !== undefined) return problem
      byteLength += Buffer.byteLength(position)
    }
    if (byteLength > limit) return new TransportError({ reason: new MessageTooLarge({ channel, byteLength, limit }) })
  }
  return undefined
}

export const encode = (message: PublishedMessage): Uint8Array =>
  TransportCodec.encodeHalves(halvesOf(message), message.payloads)
