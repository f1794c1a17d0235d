/**
 * Reads what a NATS server sends, chunk by chunk, and feeds inboxes without the client in between.
 *
 * Whole messages of subscriptions that have a taker are read here, those with headers where the taker wants them. Everything
 * else (INFO, PING, PONG, +OK, -ERR, messages of other subscriptions, whatever is no frame at all) is given to the client's
 * own parser, in order, so that it means what the client says it means: its errors too.
 */
import type { Parser, ProtocolHandler } from "@nats-io/transport-node"
import * as lines from "./lines.ts"

/** Where the messages of one subscription go: a part of a chunk, which nobody writes to again. */
export interface Taker {
  readonly acceptRange: (bytes: Uint8Array, start: number, end: number) => void
  /**
   * A message with headers and a subject to reply to: from where these begin up to where the message ends. Without it,
   * such messages go to the client.
   */
  readonly acceptHeaded?: (
    bytes: Uint8Array,
    reply: number,
    replyEnd: number,
    headers: number,
    body: number,
    end: number
  ) => void
}

/** The client's parser, and how it says that it is between two frames. */
export type ClientParser = Pick<Parser, "parse" | "state">
export const betweenFrames = 0

/** What the client counts, and goes on counting: messages and bytes that came. */
export type Counts = Pick<ProtocolHandler, "inMsgs" | "inBytes">

/** A line of a message that does not end within this many bytes is the client's business. */
const maxLineBytes = 65_536

const cr = 0x0d
const lf = 0x0a
const space = 0x20

export class ChunkParser {
  private readonly client: ClientParser
  private readonly counts: Counts
  private readonly takers = new Map<number, Taker>()
  /** The beginning of a frame whose line is not whole, or a frame that is not whole. */
  private line: Uint8Array | undefined
  private frame: Uint8Array | undefined
  /** How much of the frame is here. */
  private filled = 0
  private numberEnd = 0

  constructor(client: ClientParser, counts: Counts) {
    this.client = client
    this.counts = counts
  }

  /** Messages of this subscription go there from now on. */
  feed(sid: number, taker: Taker): void {
    this.takers.set(sid, taker)
  }

  /** And from now on to the client again. */
  stop(sid: number): void {
    this.takers.delete(sid)
  }

  parse(chunk: Uint8Array): void {
    // one kind of typed array for all that reads bytes, and none that needs a slow `subarray`
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    this.read(bytes, this.line === undefined && this.frame === undefined ? 0 : this.resume(bytes))
  }

  private read(bytes: Uint8Array, from: number): void {
    let position = from
    while (position < bytes.length) {
      if (this.client.state !== betweenFrames) position = this.toClient(bytes, position)
      else {
        position = this.readMessages(bytes, position)
        if (position >= bytes.length) return
        const next = this.readHeaded(bytes, position)
        position = next > position ? next : this.readOther(bytes, position)
      }
    }
  }

  /** Reads messages that have an inbox, until the end or something else; returns where that begins. */
  private readMessages(bytes: Uint8Array, from: number): number {
    const { length } = bytes
    const { counts } = this
    let position = from
    let sid = -1
    let taker: Taker | undefined
    // "MSG <subject> <sid> <size>\r\n<payload>\r\n", from a server that writes nothing else
    while (
      bytes[position] === 0x4d && bytes[position + 1] === 0x53 && bytes[position + 2] === 0x47
      && bytes[position + 3] === space
    ) {
      let i = position + 4
      while (i < length && bytes[i]! > space) i++
      if (i >= length || bytes[i] !== space) return position
      const sidAt = ++i
      let number = 0
      let digit: number
      while (i < length && (digit = bytes[i]! - 48) >= 0 && digit <= 9) {
        number = number * 10 + digit
        i++
      }
      // longer numbers are not exact, and no server's
      if (i >= length || bytes[i] !== space || i - sidAt > 9) return position
      i++
      // JetStream's acknowledgements have room for a subject to reply to, and none
      if (bytes[i] === space) i++
      const sizeAt = i
      let size = 0
      while (i < length && (digit = bytes[i]! - 48) >= 0 && digit <= 9) {
        size = size * 10 + digit
        i++
      }
      if (i === sizeAt || i - sizeAt > 8 || size > lines.maxSize) return position
      const start = i + 2
      const end = start + size
      if (end + 2 > length) return position
      if (bytes[i] !== cr || bytes[i + 1] !== lf || bytes[end] !== cr || bytes[end + 1] !== lf) return position
      if (number !== sid || taker === undefined) {
        taker = this.takers.get(number)
        if (taker === undefined) return position
        sid = number
      }
      // before it is taken: who is behind then asks how much came
      counts.inMsgs++
      counts.inBytes += size
      taker.acceptRange(bytes, start, end)
      position = end + 2
    }
    return position
  }

  /** Reads messages with headers whose taker wants them, until the end or something else; returns where that begins. */
  private readHeaded(bytes: Uint8Array, from: number): number {
    const { length } = bytes
    let position = from
    // "HMSG <subject> <sid> <reply> <size of the headers> <size>\r\n<headers><payload>\r\n"
    while (
      bytes[position] === 0x48 && bytes[position + 1] === 0x4d && bytes[position + 2] === 0x53
      && bytes[position + 3] === 0x47 && bytes[position + 4] === space
    ) {
      let i = position + 5
      while (i < length && bytes[i]! > space) i++
      if (bytes[i] !== space) return position
      const sidAt = ++i
      const sid = this.numberAt(bytes, i)
      i = this.numberEnd
      if (bytes[i] !== space || i - sidAt > 9 || i === sidAt) return position
      const acceptHeaded = this.takers.get(sid)?.acceptHeaded
      if (acceptHeaded === undefined) return position
      const reply = ++i
      while (i < length && bytes[i]! > space) i++
      const replyEnd = i
      if (bytes[i] !== space || replyEnd === reply) return position
      const headerSizeAt = ++i
      const headerSize = this.numberAt(bytes, i)
      i = this.numberEnd
      if (bytes[i] !== space || i === headerSizeAt || i - headerSizeAt > 8) return position
      const sizeAt = ++i
      const size = this.numberAt(bytes, i)
      i = this.numberEnd
      if (i === sizeAt || i - sizeAt > 8 || size > lines.maxSize || headerSize > size) return position
      const headers = i + 2
      const end = headers + size
      if (end + 2 > length) return position
      if (bytes[i] !== cr || bytes[i + 1] !== lf || bytes[end] !== cr || bytes[end + 1] !== lf) return position
      this.counts.inMsgs++
      this.counts.inBytes += size
      acceptHeaded(bytes, reply, replyEnd, headers, headers + headerSize, end)
      position = end + 2
    }
    return position
  }

  /** The digits from here on; `numberEnd` is behind them. */
  private numberAt(bytes: Uint8Array, from: number): number {
    let value = 0
    let i = from
    for (let digit: number; i < bytes.length && (digit = bytes[i]! - 48) >= 0 && digit <= 9; i++) {
      value = value * 10 + digit
    }
    this.numberEnd = i
    return value
  }

  /** Reads one frame that is for the client, or not whole, or not a frame; returns where the next one begins. */
  private readOther(bytes: Uint8Array, from: number): number {
    const { length } = bytes
    const newline = bytes.indexOf(lf, from)
    if (newline < 0) {
      if (!lines.mayBeMessage(bytes, from) || length - from > maxLineBytes) return this.toClient(bytes, from)
      this.line = bytes.slice(from)
      return length
    }
    const size = lines.sizeOf(bytes, from, newline)
    if (size < 0) return this.toClient(bytes, from)
    const end = newline + 1 + size + 2
    if (end > length) {
      this.expect(end - from, bytes, from)
      return length
    }
    this.client.parse(bytes.subarray(from, end))
    return end
  }

  /** Gives the client one line, or what is there of it, or of what it takes for a message's payload. */
  private toClient(bytes: Uint8Array, from: number): number {
    const newline = bytes.indexOf(lf, from)
    const end = newline < 0 ? bytes.length : newline + 1
    this.client.parse(bytes.subarray(from, end))
    return end
  }

  /** Begins a frame whose rest is in chunks to come. */
  private expect(byteLength: number, bytes: Uint8Array, from: number): void {
    this.frame = new Uint8Array(byteLength)
    this.frame.set(bytes.subarray(from))
    this.filled = bytes.length - from
  }

  /** Goes on with what the last chunk began; returns where the next frame begins. */
  private resume(bytes: Uint8Array): number {
    const { line } = this
    if (line !== undefined) {
      const newline = bytes.indexOf(lf)
      const end = newline < 0 ? bytes.length : newline + 1
      const joined = new Uint8Array(line.length + end)
      joined.set(line)
      joined.set(bytes.subarray(0, end), line.length)
      this.line = undefined
      if (newline < 0 && joined.length <= maxLineBytes && lines.mayBeMessage(joined, 0)) this.line = joined
      else if (newline < 0) this.client.parse(joined)
      else {
        const size = lines.sizeOf(joined, 0, joined.length - 1)
        if (size < 0) this.client.parse(joined)
        else {
          this.expect(joined.length + size + 2, joined, 0)
          return this.fill(bytes, end)
        }
      }
      return end
    }
    return this.fill(bytes, 0)
  }

  private fill(bytes: Uint8Array, from: number): number {
    const frame = this.frame!
    const count = Math.min(frame.length - this.filled, bytes.length - from)
    frame.set(bytes.subarray(from, from + count), this.filled)
    this.filled += count
    if (this.filled === frame.length) {
      this.frame = undefined
      // a chunk with one frame
      this.read(frame, 0)
    }
    return from + count
  }
}
