/**
 * The codec of `TransportMessage`, written by hand for the data path.
 *
 * It reads and writes the same bytes as the generated codec of the same message, several times faster: payloads are
 * views of the input, and the timestamp stays in two halves until somebody asks for it.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as UnknownField from "./UnknownField.ts"
import * as Varint from "./Varint.ts"

/**
 * The bytes are no `TransportMessage`.
 *
 * @category errors
 * @since 0.1.0
 */
export class MalformedFrame extends Schema.TaggedError<MalformedFrame>(
  "@kps/idl/TransportCodec/MalformedFrame"
)("MalformedFrame", {
  /** Where the field that is wrong begins, in bytes from the start of the frame. */
  offset: Schema.Finite,
  /** Size of the whole frame. */
  byteLength: Schema.Finite,
  /** What is wrong with the field. */
  problem: Schema.Literals(UnknownField.problems)
}) {
  override get message(): string {
    return `malformed message of ${this.byteLength} bytes: ${this.problem} in the field at byte ${this.offset}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * An instant in nanoseconds since the Unix epoch, an int64 in two halves. Either half may be given signed or unsigned.
 *
 * @category models
 * @since 0.1.0
 */
export interface Halves {
  /** Bits 0 to 31. */
  readonly timestampLow: number
  /** Bits 32 to 63. */
  readonly timestampHigh: number
}

// for the way between an int64 and its halves; one for all, since nothing here is asynchronous
const scratch = new DataView(new ArrayBuffer(8))

/**
 * A decoded `TransportMessage`.
 *
 * **Details**
 *
 * A view: the payloads share the memory of the bytes that were decoded, and keep all of it alive. Whoever keeps a
 * payload for long, or reuses the bytes, copies it first (`payload.slice()`).
 *
 * @category models
 * @since 0.1.0
 */
export class View implements Halves {
  /** Opaque payloads, in order; empty ones are kept. */
  readonly payloads: ReadonlyArray<Uint8Array>
  /** Bits 0 to 31 of the timestamp, signed. */
  readonly timestampLow: number
  /** Bits 32 to 63 of the timestamp, signed. */
  readonly timestampHigh: number

  constructor(payloads: ReadonlyArray<Uint8Array>, timestampLow: number, timestampHigh: number) {
    this.payloads = payloads
    this.timestampLow = timestampLow
    this.timestampHigh = timestampHigh
  }

  /** When the producer stamped it: nanoseconds since the Unix epoch. Made when it is read. */
  get timestampNanos(): bigint {
    // messages that were sent together have the same, one after the other
    if (this.timestampLow === read.low && this.timestampHigh === read.high) return read.nanos
    scratch.setInt32(0, this.timestampHigh)
    scratch.setInt32(4, this.timestampLow)
    read.low = this.timestampLow
    read.high = this.timestampHigh
    read.nanos = scratch.getBigInt64(0)
    return read.nanos
  }
}

/** The timestamp that was read last. */
const read = { low: 0, high: 0, nanos: 0n }

/**
 * Splits an instant, once for many messages that carry the same. Bits beyond the 64th are cut off.
 *
 * @category constructors
 * @since 0.1.0
 */
export const halves = (timestampNanos: bigint): Halves => {
  scratch.setBigInt64(0, timestampNanos)
  return { timestampLow: scratch.getInt32(4), timestampHigh: scratch.getInt32(0) }
}

const timestampTag = 0x08
const payloadTag = 0x1a

/**
 * `encodedLength` with the timestamp in halves.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodedLengthHalves = (timestamp: Halves, payloads: ReadonlyArray<Uint8Array>): number => {
  const { timestampHigh, timestampLow } = timestamp
  let total = timestampLow === 0 && timestampHigh === 0 ? 0 : 1 + Varint.size(timestampLow, timestampHigh)
  for (let i = 0; i < payloads.length; i++) {
    const length = payloads[i]!.length
    total += length < 0x80 ? 2 + length : 1 + Varint.size(length, 0) + length
  }
  return total
}

/**
 * How many bytes a message takes on the wire.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodedLength = (timestampNanos: bigint, payloads: ReadonlyArray<Uint8Array>): number =>
  encodedLengthHalves(halves(timestampNanos), payloads)

// below this a loop beats the call of `set`
const loopBytes = 24

/**
 * `encodeInto` with the timestamp in halves.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeHalvesInto = (
  target: Uint8Array,
  offset: number,
  timestamp: Halves,
  payloads: ReadonlyArray<Uint8Array>
): number => {
  const { timestampHigh, timestampLow } = timestamp
  let position = offset
  if (timestampLow !== 0 || timestampHigh !== 0) {
    target[position] = timestampTag
    position = Varint.write(target, position + 1, timestampLow, timestampHigh)
  }
  for (let i = 0; i < payloads.length; i++) {
    const payload = payloads[i]!
    const length = payload.length
    target[position] = payloadTag
    if (length < 0x80) {
      target[position + 1] = length
      position += 2
    } else {
      position = Varint.write(target, position + 1, length, 0)
    }
    if (length <= loopBytes) {
      for (let j = 0; j < length; j++) target[position + j] = payload[j]!
    } else {
      target.set(payload, position)
    }
    position += length
  }
  // writes past the end of a typed array are ignored without a word
  if (position > target.length) {
    throw new RangeError(`message of ${position - offset} bytes does not fit: ${target.length - offset} bytes are left`)
  }
  return position
}

/**
 * Encodes a message into memory of the caller's and returns the offset after it.
 *
 * **Details**
 *
 * Needs `encodedLength` bytes from `offset`; with fewer it throws a `RangeError`, and what it wrote is of no use.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeInto = (
  target: Uint8Array,
  offset: number,
  timestampNanos: bigint,
  payloads: ReadonlyArray<Uint8Array>
): number => encodeHalvesInto(target, offset, halves(timestampNanos), payloads)

/**
 * `encode` with the timestamp in halves; a decoded `View` is such a timestamp too.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeHalves = (timestamp: Halves, payloads: ReadonlyArray<Uint8Array>): Uint8Array => {
  const target = new Uint8Array(encodedLengthHalves(timestamp, payloads))
  encodeHalvesInto(target, 0, timestamp, payloads)
  return target
}

/**
 * Encodes a message. The instant is an int64 in nanoseconds since the Unix epoch: bits beyond the 64th are cut off.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (timestampNanos: bigint, payloads: ReadonlyArray<Uint8Array>): Uint8Array =>
  encodeHalves(halves(timestampNanos), payloads)

const noBytes = new Uint8Array(0)

const malformed = (bytes: { readonly start: number; readonly end: number }, field: number, result: number) =>
  Result.fail(
    new MalformedFrame({
      offset: field - bytes.start,
      byteLength: bytes.end - bytes.start,
      problem: UnknownField.problemOf(result)
    })
  )

/**
 * Decodes the message in a part of the bytes, from `start` up to `end`, as `decode` does.
 *
 * **Details**
 *
 * For a reader that walks a chunk with many frames in it. Throws a `RangeError` when the part is not within the bytes.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeRange = (bytes: Uint8Array, start: number, end: number): Result.Result<View, MalformedFrame> => {
  if (!(start >= 0 && start <= end && end <= bytes.length)) {
    throw new RangeError(`no bytes ${start} to ${end} in ${bytes.length} bytes`)
  }
  const { buffer, byteOffset } = bytes
  // most messages have one payload: an array that is pushed to has room for many
  let payloads: Array<Uint8Array> | undefined
  let low = 0
  let high = 0
  let position = start
  while (position < end) {
    const field = position
    let tag = bytes[position]!
    if (tag < 0x80 && tag > 7) position++
    else {
      position = UnknownField.readTag(bytes, position, end)
      if (position < 0) return malformed({ start, end }, field, position)
      tag = UnknownField.lastTag()
    }
    if (tag === payloadTag) {
      let length = position < end ? bytes[position]! : 0x80
      if (length < 0x80 && length < end - position) position++
      else {
        position = UnknownField.readLength(bytes, position, end)
        if (position < 0) return malformed({ start, end }, field, position)
        length = Varint.value.low
      }
      const payload = length === 0 ? noBytes : new Uint8Array(buffer, byteOffset + position, length)
      if (payloads === undefined) payloads = [payload]
      else payloads.push(payload)
      position += length
    } else if (tag === timestampTag) {
      position = Varint.read(bytes, position, end)
      if (position < 0) return malformed({ start, end }, field, position)
      low = Varint.value.low
      high = Varint.value.high
    } else {
      position = UnknownField.skip(bytes, position, end, tag)
      if (position < 0) return malformed({ start, end }, field, position)
    }
  }
  return Result.succeed(new View(payloads ?? [], low, high))
}

/**
 * Decodes a message without copying its payloads.
 *
 * **Details**
 *
 * Follows the rules of protobuf: fields may come in any order, unknown ones are skipped, a known number with another
 * wire type is an unknown field, and of several timestamps the last one counts. Time and memory are bounded by the size
 * of the input, whatever is in it.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = (bytes: Uint8Array): Result.Result<View, MalformedFrame> => decodeRange(bytes, 0, bytes.length)
