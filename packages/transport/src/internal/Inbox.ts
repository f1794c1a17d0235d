/** What has come for one subscription and was not taken yet: bounded, swapped as a whole, woken once per turn. */
import { TransportCodec } from "@kps/idl"
import type * as Array from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import type { ChannelName, Message } from "../Channel.ts"
import { AlreadyRun, MalformedFrame, TransportError } from "../TransportError.ts"
import type { Counters } from "./Counters.ts"
import type { Level } from "./SocketGate.ts"

type Taken = Array.NonEmptyReadonlyArray<Message>
type Take = Pull.Pull<Taken, TransportError>

/** How much one subscription may hold. A message without payloads counts as one payload. */
export interface Limits {
  /** Above either the connection is asked to pause. */
  readonly highPayloads: number
  readonly highBytes: number
  /** Above either the newest message is dropped. */
  readonly maxPayloads: number
  readonly maxBytes: number
}

export interface Options {
  readonly channel: ChannelName
  readonly limits: Limits
  readonly counters: Counters
  /** Called when the inbox passes half of its high-water mark, then the mark, and when it is empty again after either. */
  readonly onPressure: (level: Level) => void
  readonly onDropped: () => void
  /** The frame may be a view: it is the callee's for the moment of the call. */
  readonly onMalformed: (error: TransportError, frame: Uint8Array) => void
}

/** Views keep the chunk that they were read in alive. Beyond this many bytes of chunks, frames are copied instead. */
const maxPinnedBytes = 1_048_576

/** Small copies share memory of this size: an `ArrayBuffer` for each of them takes more than the frame. */
const copiesBytes = 65_536
const noCopies = new Uint8Array(0)

/**
 * Nothing has come. An empty array of its own would grow old with a subscriber that waits; what is put into an old array is
 * kept until the next full collection, long after it was taken.
 */
const none: Array<Message> = []

export class Inbox {
  readonly options: Options
  private messages: Array<Message> = none
  private payloads = 0
  private bytes = 0
  private pinned = 0
  private copies: Uint8Array = noCopies
  private copiesEnd = 0
  private chunk: ArrayBufferLike | undefined
  private level: Level = "empty"
  private waking = false
  private wasRun = false
  private waiter: ((take: Take) => void) | undefined
  private ended: Take | undefined
  private error: TransportError | undefined

  constructor(options: Options) {
    this.options = options
  }

  /** Takes one frame off the wire. Called in broker order. */
  accept(frame: Uint8Array): void {
    this.acceptRange(frame, 0, frame.length)
  }

  /** `accept` for the frame that is a part of a chunk: nobody writes to the chunk again. */
  acceptRange(chunk: Uint8Array, start: number, end: number): void {
    if (this.ended !== undefined) return
    const { counters, limits } = this.options
    if (this.payloads >= limits.maxPayloads || this.bytes >= limits.maxBytes) {
      counters.dropped++
      this.options.onDropped()
      return
    }
    const decoded = this.mayPin(chunk.buffer, end - start)
      ? TransportCodec.decodeRange(chunk, start, end)
      : this.decodeCopy(chunk.subarray(start, end))
    if (Result.isFailure(decoded)) return this.malformed(chunk.subarray(start, end), decoded.failure)
    if (this.messages === none) this.messages = [decoded.success]
    else this.messages.push(decoded.success)
    this.payloads += decoded.success.payloads.length || 1
    this.bytes += end - start
    if (this.level !== "high") this.rise(Math.max(this.payloads / limits.highPayloads, this.bytes / limits.highBytes))
    this.wake()
  }

  /** Why its stream fails, when it does. */
  get failure(): TransportError | undefined {
    return this.error
  }

  /** Nothing more comes: the stream ends, or fails, after what is here. The first call counts. */
  end(error?: TransportError): void {
    if (this.ended !== undefined) return
    this.error = error
    this.ended = error === undefined ? Cause.done() : Effect.fail(error)
    this.wake()
  }

  /** The subscription is gone: drops what nobody took, and lets go of the connection. Says how many payloads that is. */
  discard(): number {
    this.end()
    const unread = this.messages.reduce((count, { payloads }) => count + payloads.length, 0)
    this.messages = none
    this.emptied()
    return unread
  }

  /** The reader's end, for `Stream.fromPull`. */
  readonly pull: Effect.Effect<Take, TransportError> = Effect.suspend(() => {
    if (this.wasRun) {
      return Effect.fail(new TransportError({ reason: new AlreadyRun({ channel: this.options.channel }) }))
    }
    this.wasRun = true
    return Effect.succeed(this.take)
  })

  private readonly take: Take = Effect.suspend(() => {
    if (this.messages.length > 0) return this.swap()
    if (this.ended !== undefined) return this.ended
    return this.wait
  })

  private readonly wait: Take = Effect.callback<Taken, TransportError | Cause.Done>((resume) => {
    this.waiter = resume
    return Effect.sync(() => {
      this.waiter = undefined
    })
  })

  private swap(): Take {
    // not empty: `take` looked
    const taken = this.messages as unknown as Taken
    this.options.counters.received += taken.length
    this.messages = none
    this.emptied()
    return Effect.succeed(taken)
  }

  private emptied(): void {
    this.payloads = 0
    this.bytes = 0
    this.pinned = 0
    this.copies = noCopies
    this.copiesEnd = 0
    this.chunk = undefined
    if (this.level === "empty") return
    this.level = "empty"
    this.options.onPressure("empty")
  }

  private rise(fill: number): void {
    if (this.level === "empty" && fill > 0.5) {
      this.level = "half"
      this.options.onPressure("half")
    }
    if (fill > 1) {
      this.level = "high"
      this.options.onPressure("high")
    }
  }

  // once per turn: a chunk of the socket with a thousand frames wakes the reader once, with all of them
  private wake(): void {
    if (this.waiter === undefined || this.waking) return
    this.waking = true
    queueMicrotask(this.rouse)
  }

  private readonly rouse = (): void => {
    this.waking = false
    const waiter = this.waiter
    this.waiter = undefined
    waiter?.(this.take)
  }

  private malformed(frame: Uint8Array, cause: TransportCodec.MalformedFrame): void {
    const { channel, counters, onMalformed } = this.options
    counters.malformed++
    const { byteLength } = frame
    onMalformed(new TransportError({ reason: new MalformedFrame({ channel, byteLength, cause }) }), frame)
  }

  private decodeCopy(frame: Uint8Array): ReturnType<typeof TransportCodec.decode> {
    // not `slice`: a `Buffer` would share its memory
    if (frame.length * 4 > copiesBytes) return TransportCodec.decode(new Uint8Array(frame))
    if (this.copies.length - this.copiesEnd < frame.length) {
      this.copies = new Uint8Array(copiesBytes)
      this.copiesEnd = 0
    }
    const start = this.copiesEnd
    this.copies.set(frame, start)
    this.copiesEnd += frame.length
    return TransportCodec.decodeRange(this.copies, start, this.copiesEnd)
  }

  /** Whether views of a frame may keep its chunk alive. */
  private mayPin(chunk: ArrayBufferLike, frameBytes: number): boolean {
    // a copy would hardly be smaller
    if (chunk === this.chunk || frameBytes * 2 >= chunk.byteLength) return true
    if (this.pinned >= maxPinnedBytes) return false
    this.chunk = chunk
    this.pinned += chunk.byteLength
    return true
  }
}
