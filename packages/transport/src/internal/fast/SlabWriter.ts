/**
 * Writes messages as NATS frames into slabs, hands these to the socket, and uses them again when they were written.
 *
 * A frame is written once, where the socket takes it from: no text encoder, no buffer of its own, no concatenation. What
 * was written in one turn of the event loop leaves together at its end, and a slab that is full at once.
 */
import { TransportCodec } from "@kps/idl"
import type { Socket } from "node:net"

/** Size of a slab, in bytes. A frame that does not fit into one gets memory of its own. */
export const slabBytes = 131_072
/** With as much handed to the socket and not written, there is no room; with half of it there is again. */
export const maxWaitingBytes = 1_048_576
/** Slabs that are kept for later, at most: as many as may be waiting. */
const maxFree = Math.ceil(maxWaitingBytes / slabBytes)
/** Channels whose first line is kept, at most. Connectors use few, and one that makes up names must not fill the memory. */
const maxPrefixes = 1000
/** Below this a loop beats the call of `set`. */
const loopBytes = 64

const cr = 0x0d
const lf = 0x0a
const zero = 0x30
const encoder = new TextEncoder()

class Slab {
  readonly bytes: Uint8Array
  /** The same memory, for text. */
  readonly text: Buffer
  /** Up to here it was handed to the socket. */
  start = 0
  /** Up to here it has frames. */
  end = 0
  /** Writes that the socket has not answered yet. */
  writing = 0

  constructor(byteLength: number) {
    this.bytes = new Uint8Array(byteLength)
    this.text = Buffer.from(this.bytes.buffer)
  }
}

const digitsOf = (size: number): number => {
  let digits = 1
  for (let limit = 10; size >= limit; limit *= 10) digits++
  return digits
}

export class SlabWriter {
  private readonly socket: Pick<Socket, "write" | "writable">
  private readonly onRoom: () => void
  private readonly free: Array<Slab> = []
  private readonly prefixes = new Map<string, Uint8Array>()
  private slab = new Slab(slabBytes)
  private channel = ""
  private prefix: Uint8Array = new Uint8Array(0)
  private scheduled = false
  private closed = false
  private waitingBytes = 0
  private full = false

  /** `onRoom` is told when there is room again. */
  constructor(socket: Pick<Socket, "write" | "writable">, onRoom: () => void) {
    this.socket = socket
    this.onRoom = onRoom
  }

  /** Whether the socket has so much to write that more is better made later, in memory that is used again. */
  get isFull(): boolean {
    return this.full
  }

  /** Writes one message, which is encoded in `byteLength` bytes. */
  publish(
    channel: string,
    timestamp: TransportCodec.Halves,
    payloads: ReadonlyArray<Uint8Array>,
    byteLength: number
  ): void {
    if (channel !== this.channel) this.select(channel)
    const { prefix } = this
    const digits = digitsOf(byteLength)
    const need = prefix.length + digits + byteLength + 4
    if (this.slab.bytes.length - this.slab.end < need) this.next(need)
    const { slab } = this
    const { bytes } = slab
    let position = slab.end
    if (prefix.length <= loopBytes) { for (let i = 0; i < prefix.length; i++) bytes[position + i] = prefix[i]! }
    else bytes.set(prefix, position)
    position += prefix.length + digits
    for (let i = position - 1, rest = byteLength; i >= position - digits; i--, rest = (rest / 10) | 0) {
      bytes[i] = zero + rest % 10
    }
    bytes[position] = cr
    bytes[position + 1] = lf
    position = TransportCodec.encodeHalvesInto(bytes, position + 2, timestamp, payloads)
    bytes[position] = cr
    bytes[position + 1] = lf
    slab.end = position + 2
    this.schedule()
  }

  /** Writes one message with headers, as they are on the wire. Returns its size, headers and all. */
  publishHeaded(channel: string, reply: string, headers: string, body: Uint8Array): number {
    const headerBytes = Buffer.byteLength(headers)
    const byteLength = headerBytes + body.length
    const head = `HPUB ${channel} ${reply} ${headerBytes} ${byteLength}\r\n${headers}`
    // at most three bytes for each character
    const need = head.length * 3 + body.length + 2
    if (this.slab.bytes.length - this.slab.end < need) this.next(need)
    const { slab } = this
    const { bytes } = slab
    let position = slab.end
    position += slab.text.write(head, position)
    bytes.set(body, position)
    position += body.length
    bytes[position] = cr
    bytes[position + 1] = lf
    slab.end = position + 2
    this.schedule()
    return byteLength
  }

  /** Writes one message that is ASCII text. */
  publishText(subject: string, text: string): void {
    const frame = `PUB ${subject} ${text.length}\r\n${text}\r\n`
    const need = frame.length * 3
    if (this.slab.bytes.length - this.slab.end < need) this.next(need)
    this.slab.end += this.slab.text.write(frame, this.slab.end)
    this.schedule()
  }

  /** Sends bytes of somebody else's after all frames that were written before. Whether it did: else they are too many. */
  append(bytes: Uint8Array): boolean {
    const { slab } = this
    if (slab.start === slab.end || slab.bytes.length - slab.end < bytes.length) return false
    slab.bytes.set(bytes, slab.end)
    slab.end += bytes.length
    this.flush()
    return true
  }

  /** Hands over to the socket what was not yet. */
  flush(): void {
    const { slab } = this
    const { bytes, end, start } = slab
    if (start === end) return
    slab.start = end
    // bytes for a connection that is gone are lost: the link counts them as uncertain
    if (this.closed || !this.socket.writable) return
    slab.writing++
    this.waitingBytes += end - start
    if (this.waitingBytes >= maxWaitingBytes) this.full = true
    this.socket.write(Buffer.from(bytes.buffer, start, end - start), (error) => {
      slab.writing--
      // of a connection that broke nothing is used again
      if (!error && slab.writing === 0) this.reuse(slab)
      this.written(end - start)
    })
  }

  /** The connection is over. */
  close(): void {
    this.closed = true
    this.free.length = 0
  }

  private written(byteLength: number): void {
    this.waitingBytes -= byteLength
    if (!this.full || this.waitingBytes > maxWaitingBytes / 2) return
    this.full = false
    this.onRoom()
  }

  private reuse(slab: Slab): void {
    if (slab === this.slab) {
      if (slab.start === slab.end) slab.start = slab.end = 0
    } else if (slab.bytes.length === slabBytes && this.free.length < maxFree && !this.closed) {
      slab.start = slab.end = 0
      this.free.push(slab)
    }
  }

  private next(need: number): void {
    this.flush()
    const last = this.slab
    this.slab = need > slabBytes ? new Slab(need) : this.free.pop() ?? new Slab(slabBytes)
    // nobody else will
    if (last.writing === 0) this.reuse(last)
  }

  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    queueMicrotask(this.afterMicrotasks)
  }

  // after all microtasks of this turn: fibers that publish one after the other share a write, and so does a PING
  private readonly afterMicrotasks = (): void => process.nextTick(this.tick)

  private readonly tick = (): void => {
    this.scheduled = false
    this.flush()
  }

  private select(channel: string): void {
    let prefix = this.prefixes.get(channel)
    if (prefix === undefined) {
      if (this.prefixes.size >= maxPrefixes) this.prefixes.clear()
      prefix = encoder.encode(`PUB ${channel} `)
      this.prefixes.set(channel, prefix)
    }
    this.channel = channel
    this.prefix = prefix
  }
}
