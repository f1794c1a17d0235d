/**
 * What a function's runtime and the service domain say to each other, in bytes.
 *
 * To the runtime go batches: a length, then messages one behind the other. From it come records: what the function sent,
 * and how each message ended, in the order of the messages. All numbers are little-endian.
 *
 * ```
 * batch    u32 length of the rest | message*
 * message  u16 index of its input | i64 nanoseconds since the Unix epoch | u32 length | payload
 * record   u8 kind | for all but `done` and `ready`: u32 length | payload, or JSON { message, context }
 * ```
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/** The kinds of records. The runtimes write these numbers too. */
export const kinds = { sent: 0, done: 1, failed: 2, misused: 3, ready: 4, notLoaded: 5, outOfMemory: 6 } as const

/** A message as a function gets it. */
export interface FunctionMessage {
  readonly payload: Uint8Array
  readonly timestampNanos: bigint
  /** Index of the input that it came from. */
  readonly input: number
}

const messageHead = 14

/** Copies messages into one batch. */
export const batchOf = (messages: ReadonlyArray<FunctionMessage>): Uint8Array<ArrayBuffer> => {
  let size = 4
  for (const { payload } of messages) size += messageHead + payload.byteLength
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, size - 4, true)
  let at = 4
  for (const { input, payload, timestampNanos } of messages) {
    view.setUint16(at, input, true)
    view.setBigInt64(at + 2, timestampNanos, true)
    view.setUint32(at + 10, payload.byteLength, true)
    bytes.set(payload, at + messageHead)
    at += messageHead + payload.byteLength
  }
  return bytes
}

/** What a runtime tells of something that went wrong. */
export interface Trouble {
  /** In a line. */
  readonly message: string
  /** Traceback or stack; empty where there is none. */
  readonly context: string
}

/** What is done with each record. `payload` is a view of what was read. */
export interface Handler {
  readonly sent: (payload: Uint8Array) => void
  readonly done: () => void
  readonly failed: (trouble: Trouble) => void
  readonly misused: (trouble: Trouble) => void
  readonly ready: () => void
  readonly notLoaded: (trouble: Trouble) => void
  readonly outOfMemory: (trouble: Trouble) => void
}

const Told = Schema.fromJsonString(Schema.Struct({ message: Schema.String, context: Schema.String }))
const decodeTold = Schema.decodeUnknownOption(Told)
const utf8 = new TextDecoder()

/** At most so many characters of what a runtime tells. */
const maxChars = 8_192

const troubleOf = (bytes: Uint8Array): Trouble => {
  const text = utf8.decode(bytes)
  const { context, message } = decodeTold(text).pipe((told) =>
    told._tag === "Some" ? told.value : { message: text, context: "" }
  )
  return { message: message.slice(0, maxChars).replaceAll(/\s*[\r\n]+\s*/g, " "), context: context.slice(-maxChars) }
}

/** Reads records from chunks that may be cut anywhere. */
export class RecordReader {
  private rest: Uint8Array = new Uint8Array(0)

  /** Hands the whole records of a chunk, with what was left of the one before, to the handler. */
  push(chunk: Uint8Array, handler: Handler): void {
    const bytes = this.rest.byteLength === 0 ? chunk : Buffer.concat([this.rest, chunk])
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let at = 0
    while (at < bytes.byteLength) {
      const kind = bytes[at]
      if (kind === kinds.done) {
        handler.done()
        at++
        continue
      }
      if (kind === kinds.ready) {
        handler.ready()
        at++
        continue
      }
      if (at + 5 > bytes.byteLength) break
      const end = at + 5 + view.getUint32(at + 1, true)
      if (end > bytes.byteLength) break
      const payload = bytes.subarray(at + 5, end)
      at = end
      if (kind === kinds.sent) handler.sent(payload)
      else if (kind === kinds.failed) handler.failed(troubleOf(payload))
      else if (kind === kinds.misused) handler.misused(troubleOf(payload))
      else if (kind === kinds.notLoaded) handler.notLoaded(troubleOf(payload))
      else handler.outOfMemory(troubleOf(payload))
    }
    this.rest = bytes.subarray(at)
  }
}
