/**
 * Replies of the contract as bytes: what is in many replies, an event or the description of a stream, is encoded once.
 *
 * @since 0.1.0
 */
import { type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf"
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire"
import {
  type EventPayload,
  EventPayloadSchema,
  type Payload,
  PayloadSchema,
  type ResponseStatus,
  ResponseStatusSchema
} from "@kps/idl"

/** In all replies of the contract. */
const fields = { status: 1, items: 2 } as const

/** Kept as long as the value is: what is made of it is the same each time, since neither is changed. */
const once = <A extends object, B>(make: (value: A) => B): (value: A) => B => {
  const known = new WeakMap<A, B>()
  return (value) => {
    const found = known.get(value)
    if (found !== undefined) return found
    const made = make(value)
    known.set(value, made)
    return made
  }
}

const bytesOf = <D extends DescMessage>(schema: D) => once((message: MessageShape<D>) => toBinary(schema, message))

/** One message after the other, as the items of a reply. */
const listed = <A extends object>(encode: (item: A) => Uint8Array) => (items: ReadonlyArray<A>): Uint8Array => {
  const writer = new BinaryWriter()
  for (const item of items) writer.tag(fields.items, WireType.LengthDelimited).bytes(encode(item))
  return writer.finish()
}

/**
 * The status of a reply.
 *
 * @category encoding
 * @since 0.1.0
 */
export const status: (status: ResponseStatus) => Uint8Array = once((status) =>
  new BinaryWriter().tag(fields.status, WireType.LengthDelimited).bytes(toBinary(ResponseStatusSchema, status)).finish()
)

/**
 * The events of a `GetEventsResponse`. The same list, and the same event, are not encoded twice.
 *
 * @category encoding
 * @since 0.1.0
 */
export const events: (events: ReadonlyArray<EventPayload>) => Uint8Array = once(listed(bytesOf(EventPayloadSchema)))

/**
 * The payloads of a `GetPayloadResponse`. The same payload is not encoded twice.
 *
 * @category encoding
 * @since 0.1.0
 */
export const payloads: (payloads: ReadonlyArray<Payload>) => Uint8Array = listed(bytesOf(PayloadSchema))
