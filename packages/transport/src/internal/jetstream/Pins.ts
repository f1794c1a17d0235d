/**
 * What is held of messages that came: a view keeps the whole chunk alive that it was read in, and a message may be held for
 * long. So chunks are kept for as long as they are about as large as what is held of them; beyond that messages are copied.
 */
import type { Incoming } from "./Incoming.ts"

/** A chunk that messages are held of. */
interface Chunk {
  readonly buffer: ArrayBufferLike
  messages: number
}

/** A message that is held, until it is released. */
export interface Pin {
  readonly message: Incoming
  readonly chunk: Chunk | undefined
}

/** Chunks of so many bytes are kept in any case. */
const freeBytes = 1_048_576
/** And so many times the bytes that are held. */
const factor = 2

export class Pins {
  /** The latest one: what comes next is mostly of it too. */
  private latest: Chunk | undefined
  private chunkBytes = 0
  private heldBytes = 0

  /** Bytes of the chunks that are kept. */
  get byteLength(): number {
    return this.chunkBytes
  }

  hold(message: Incoming): Pin {
    const { buffer, byteLength } = message.data
    this.heldBytes += byteLength
    if (this.latest?.buffer === buffer && this.latest.messages > 0) {
      this.latest.messages++
      return { message, chunk: this.latest }
    }
    // a copy would hardly be smaller
    const isMost = byteLength * factor >= buffer.byteLength
    if (!isMost && this.chunkBytes >= freeBytes + factor * this.heldBytes) {
      return { message: message.copied(), chunk: undefined }
    }
    this.latest = { buffer, messages: 1 }
    this.chunkBytes += buffer.byteLength
    return { message, chunk: this.latest }
  }

  release({ chunk, message }: Pin): void {
    this.heldBytes -= message.data.byteLength
    if (chunk === undefined || --chunk.messages > 0) return
    this.chunkBytes -= chunk.buffer.byteLength
    if (this.latest === chunk) this.latest = undefined
  }

  /** Everything is released. */
  clear(): void {
    this.latest = undefined
    this.chunkBytes = 0
    this.heldBytes = 0
  }
}
