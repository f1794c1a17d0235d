/**
 * The end of a channel's stream, as far as a writer knows it: what of its window is stored there, and whose else messages
 * are.
 */
import * as Effect from "effect/Effect"
import type { ChannelName } from "../../Channel.ts"
import { TransportError, WriterFenced, WriterUnfenced } from "../../TransportError.ts"
import type { JetStreamCounters } from "./counters.ts"
import * as headers from "./headers.ts"
import * as readBack from "./readBack.ts"
import { type Session, type SessionOver, told } from "./Session.ts"
import { maxMessageBytesNow, type StreamState } from "./streams.ts"
import type { Window } from "./Window.ts"

export interface Options {
  readonly channel: ChannelName
  readonly ensure: (session: Session, channel: ChannelName) => Effect.Effect<StreamState, TransportError | SessionOver>
  readonly stats: JetStreamCounters
  readonly ordered: boolean
  /** Of a writer that is to be the only one. */
  readonly epoch: number | undefined
  /** The last sequence that an only writer knows of. Default: the last one there is. */
  readonly after: number | undefined
}

/** What the next message has to expect, or why there is to be none any more. */
export type Found =
  | { readonly _tag: "Expects"; readonly expectation: headers.Expectation; readonly isRead: boolean }
  | { readonly _tag: "Fenced"; readonly error: TransportError }

export class Tail {
  private readonly options: Options
  private readonly window: Window
  private last: number | undefined
  private created: string | undefined
  private streamName: string | undefined
  private maxBytes = Infinity
  private remade = false

  constructor(options: Options, window: Window) {
    this.options = options
    this.window = window
    this.last = options.after
  }

  /** The last sequence that is known; 0 when none is. */
  get sequence(): number {
    return this.last ?? 0
  }

  /** The stream takes no larger messages, headers included. */
  get maxMessageBytes(): number {
    return this.maxBytes
  }

  /** The broker has stored up to this one message at the end: those of the window, and perhaps others'. */
  extend(sequence: number, ofWindow: number): void {
    if (this.last !== undefined) this.options.stats.foreign += Math.max(0, sequence - this.last - ofWindow)
    this.last = sequence
  }

  /** The broker has this one, wherever it is. */
  reach(sequence: number): void {
    this.last = Math.max(this.sequence, sequence)
  }

  /** Whether another stream is in the place of the one that was there, since this was asked last. */
  takeRemade(): boolean {
    const { remade } = this
    this.remade = false
    return remade
  }

  /** Looks what messages the stream takes now; when that cannot be said, it stays as it was. */
  readonly lookAtLimit = (session: Session): Effect.Effect<void> => {
    const { streamName } = this
    if (streamName === undefined) return Effect.void
    return Effect.ignore(Effect.map(maxMessageBytesNow(session, this.options.channel, streamName), (bytes) => {
      this.maxBytes = bytes
    }))
  }

  /**
   * Finds or makes the stream, and reads what is new there when somebody's next message depends on it: `isUnknown` says
   * that messages of the window may be stored. Settles those that are.
   */
  readonly look = Effect.fnUntraced({ self: this }, function*(
    this: Tail,
    session: Session,
    isUnknown: () => boolean
  ): Effect.fn.Return<Found, TransportError | SessionOver> {
    const { channel, ensure, epoch, ordered } = this.options
    const stream = yield* told(ensure(session, channel))
    const { retention } = stream
    if (epoch !== undefined && retention !== "limits") {
      return yield* new TransportError({ reason: new WriterUnfenced({ channel, stream: stream.name, retention }) })
    }
    if (this.created !== undefined && this.created !== stream.created) yield* this.beginAnew(stream.name)
    this.created = stream.created
    this.streamName = stream.name
    this.maxBytes = stream.maxMessageBytes
    this.last ??= stream.lastSequence
    if (epoch === undefined && !isUnknown()) return { _tag: "Expects", expectation: headers.nothing, isRead: false }
    // without an order, what was stored last says nothing of what was sent before it
    const known = ordered ? this.last : Math.min(this.last, this.firstAfter)
    // the last message that is known of tells whether a successor wrote it
    const from = epoch === undefined ? known + 1 : known
    const { found, take } = this.reader()
    yield* readBack.range(session, channel, stream, from, stream.lastSequence, take)
    // not before all of it was read: what is read anew would be somebody else's
    for (const number of found.stored) this.window.settle(number)
    this.options.stats.foundStored += found.stored.length
    if (found.fenced !== undefined) return { _tag: "Fenced", error: found.fenced }
    this.options.stats.foreign += found.foreign
    this.last = stream.lastSequence
    return { _tag: "Expects", expectation: { _tag: "LastSequence", sequence: this.last }, isRead: true }
  })

  /** What was known is of a stream that is gone. */
  private readonly beginAnew = (stream: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { channel, stats } = this.options
      stats.streamsRemade++
      this.remade = true
      this.window.stream++
      this.last = 0
      for (const [, slot] of this.window.waiting()) slot.after = 0
      return Effect.annotateLogs(Effect.logWarning("a stream is gone, and another one is in its place"), {
        channel,
        stream
      })
    })

  /** The first message that waits is stored behind this one, if it is. */
  private get firstAfter(): number {
    const { end, first } = this.window
    return first < end ? this.window.at(first).after ?? Infinity : Infinity
  }

  /** Finds which of the window are there, what is of others, and whether that is of another only writer. */
  private reader() {
    const { channel, epoch } = this.options
    const numbers = this.window.numbersById()
    const found = {
      fenced: undefined as TransportError | undefined,
      foreign: 0,
      stored: [] as Array<number>
    }
    const take = (entry: readBack.Entry): void => {
      if (found.fenced !== undefined) return
      const mine = entry.id === undefined || entry.epoch !== epoch ? undefined : numbers.get(entry.id)
      if (mine !== undefined) {
        // of messages with one id one is stored
        found.stored.push(...mine)
        numbers.delete(entry.id ?? "")
        return
      }
      const isKnown = entry.sequence <= this.sequence
      if (epoch !== undefined && entry.epoch !== undefined && (isKnown ? entry.epoch > epoch : true)) {
        const reason = new WriterFenced({ channel, epoch, found: entry.epoch, sequence: entry.sequence })
        found.fenced = new TransportError({ reason })
      } else if (!isKnown) found.foreign++
    }
    return { found, take }
  }
}
