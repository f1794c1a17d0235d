/** One try after the other to send what waits in a window: in order, each message with what it expects of the stream. */
import type { ChannelName } from "../../Channel.ts"
import { MessageTooLarge, TransportError } from "../../TransportError.ts"
import type { JetStreamCounters } from "./counters.ts"
import * as headers from "./headers.ts"
import type { Session } from "./Session.ts"
import type { Tail } from "./Tail.ts"
import type { Window } from "./Window.ts"

export interface Options {
  readonly channel: ChannelName
  /** No other writer of the sessions has it. */
  readonly number: number
  readonly ordered: boolean
  readonly stats: JetStreamCounters
  /** No messages of this size are taken any more, as they were when it came. */
  readonly onTooLarge: (number: number, error: TransportError) => void
}

export class Sender {
  private readonly options: Options
  private readonly window: Window
  private readonly tail: Tail
  private session: Session | undefined
  private tries = 0
  private replyPrefix = ""
  private following = 0
  private expectation = headers.nothing
  private probing = false

  constructor(options: Options, window: Window, tail: Tail) {
    this.options = options
    this.window = window
    this.tail = tail
  }

  /** Number of the try that is under way. */
  get attempt(): number {
    return this.tries
  }

  /** Number of the next message that is sent: those before it are on their way, or done with. */
  get next(): number {
    return this.following
  }

  /** Begins a new try, from the first message that waits; `alone` when that is to be stored before others are sent. */
  begin(session: Session, expectation: headers.Expectation, alone: boolean): void {
    this.session = session
    this.tries++
    this.replyPrefix = session.replyPrefix(this.options.number, this.tries)
    this.options.stats.resent += Math.max(0, this.following - this.window.first)
    this.following = this.window.first
    this.expectation = expectation
    this.probing = alone
  }

  /** What was sent alone is stored: others follow. */
  widen(): void {
    this.probing = false
  }

  /** Sends what there is, as far as the connection takes it; what is on its way brings answers, and those come back here. */
  send(): void {
    const { channel, onTooLarge, ordered, stats } = this.options
    const { session, window } = this
    if (session === undefined) return
    // what is not to be stored any more was not sent
    this.following = Math.max(this.following, window.first)
    const end = this.probing ? Math.min(window.first + 1, window.end) : window.end
    for (; this.following < end && !(this.following > window.first && session.isFull); this.following++) {
      const slot = window.at(this.following)
      if (!slot.waiting) continue
      const lines = headers.encode(slot.lines, this.expectation)
      const byteLength = Buffer.byteLength(lines) + slot.frame.byteLength
      const limit = Math.min(session.maxPayloadBytes, this.tail.maxMessageBytes)
      if (byteLength > limit) {
        // its caller may publish at once, and so come here
        onTooLarge(
          this.following++,
          new TransportError({ reason: new MessageTooLarge({ channel, byteLength, limit }) })
        )
        return this.send()
      }
      if (!session.publishStored(channel, `${this.replyPrefix}${this.following}`, lines, slot.frame)) return
      stats.sent++
      slot.after ??= this.tail.sequence
      this.expectation = ordered ? { _tag: "LastId", id: slot.id } : headers.nothing
    }
  }
}
