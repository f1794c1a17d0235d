/**
 * One subscription without a name: every message of the channel from now on, in order, while this process lives.
 *
 * Its consumer is made anew whenever the connection, or the consumer itself, is gone: from behind the last message that
 * came. So nothing is lost meanwhile, and nothing comes twice.
 */
import { TransportCodec } from "@kps/idl"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { ChannelName, Message } from "../../Channel.ts"
import { MalformedFrame, TransportError } from "../../TransportError.ts"
import type { Counters } from "../Counters.ts"
import type { Notices } from "../Notices.ts"
import { Attachment } from "./Attachment.ts"
import * as delivery from "./delivery.ts"
import type { Incoming } from "./Incoming.ts"
import { Pins } from "./Pins.ts"
import { Puller } from "./Puller.ts"
import { type Session, type SessionOver, told } from "./Session.ts"
import type { Sessions } from "./Sessions.ts"
import { Shelf } from "./Shelf.ts"
import type { StreamState } from "./streams.ts"

export interface Options {
  readonly channel: ChannelName
  readonly maxPayloads: number
  readonly maxBytes: number
  readonly sessions: Sessions
  readonly ensureStream: (
    session: Session,
    channel: ChannelName
  ) => Effect.Effect<StreamState, TransportError | SessionOver>
  readonly counters: Counters
  readonly notices: Notices
  readonly now: () => number
}

interface Came {
  readonly message: Message
  readonly byteLength: number
}

/** Most messages that wait to be read. */
const maxWaiting = 4096
/** A consumer that nobody asks goes away after so long. */
const idleNanos = 60_000_000_000

export class Ordered {
  readonly shelf: Shelf<Came>
  readonly attachment: Attachment
  private readonly options: Options
  private readonly pins = new Pins()
  private puller: Puller | undefined
  private session: Session | undefined
  private consumer: { readonly stream: string; readonly name: string } | undefined
  private created: string | undefined
  private lastDelivery = 0
  private last: number | undefined
  /** The subscription ends behind this message. */
  private until = Infinity
  private full = false

  constructor(options: Options) {
    this.options = options
    this.attachment = new Attachment({
      channel: options.channel,
      what: "a subscription",
      sessions: options.sessions,
      now: options.now,
      attach: this.attach,
      onFailure: (error) => this.shelf.end(error)
    })
    this.shelf = new Shelf({
      channel: options.channel,
      byteLength: ({ byteLength }) => byteLength,
      onAsked: () => {
        this.full = false
        this.fill()
      },
      onTaken: (items) => {
        options.counters.received += items.length
        // all that was here
        this.pins.clear()
      }
    })
  }

  /** Begins on the session: succeeds when there is a consumer and it was asked for messages. */
  readonly attach = (session: Session): Effect.Effect<void, TransportError | SessionOver> =>
    Effect.gen({ self: this }, function*() {
      const { channel, ensureStream, now } = this.options
      const stream = yield* ensureStream(session, channel)
      if (this.created !== undefined && this.created !== stream.created) this.last = 0
      this.created = stream.created
      // what a broker has lost that it had delivered, it numbers anew
      const last = Math.min(this.last ?? Infinity, stream.lastSequence)
      this.last = last
      const info = yield* told(
        session.call(channel, `make a consumer of stream "${stream.name}"`, (api) =>
          api.consumers.add(stream.name, {
            ack_policy: "none",
            deliver_policy: "by_start_sequence",
            opt_start_seq: last + 1,
            mem_storage: true,
            num_replicas: 1,
            inactive_threshold: idleNanos
          }))
      )
      this.attachment.begin()
      this.session = session
      this.lastDelivery = 0
      this.consumer = { stream: stream.name, name: info.name }
      if (this.attachment.stopped) return this.leave()
      this.puller = new Puller({
        session,
        stream: stream.name,
        consumer: info.name,
        now,
        onMessage: (message) => this.onMessage(message),
        onRoom: (full) => {
          this.full = full
          this.fill()
        },
        onOver: () => this.restart()
      })
      this.fill()
    })

  check(): void {
    this.puller?.check()
  }

  /** Ends it behind a message that is stored. */
  drain(lastSequence: number): void {
    this.until = lastSequence
    this.finishWhenDone()
  }

  /** Says how many payloads nobody read. */
  close(): number {
    this.attachment.stop()
    this.leave()
    const unread = this.shelf.clear().reduce((count, { message }) => count + message.payloads.length, 0)
    this.shelf.end()
    return unread
  }

  private onMessage(message: Incoming): void {
    const { channel, counters, notices } = this.options
    const meta = delivery.metaOf(message.reply)
    if (meta === undefined) return
    if (meta.delivery !== this.lastDelivery + 1) return this.restart()
    this.lastDelivery = meta.delivery
    const missed = meta.sequence - (this.last ?? 0) - 1
    if (missed > 0) {
      counters.dropped += missed
      notices.onDropped(missed)
    }
    this.last = meta.sequence
    if (meta.sequence > this.until) return this.finishWhenDone()
    const pin = this.pins.hold(message)
    const frame = pin.message.data
    const decoded = TransportCodec.decode(frame)
    if (Result.isSuccess(decoded)) this.shelf.push({ message: decoded.success, byteLength: frame.byteLength })
    else {
      this.pins.release(pin)
      counters.malformed++
      const reason = new MalformedFrame({ channel, byteLength: frame.byteLength, cause: decoded.failure })
      notices.onMalformed(new TransportError({ reason }), frame)
    }
    this.finishWhenDone()
  }

  private finishWhenDone(): void {
    if ((this.last ?? 0) < this.until || this.attachment.stopped) return
    this.attachment.stop()
    this.leave()
    this.shelf.end()
  }

  private fill(): void {
    const { maxBytes, maxPayloads } = this.options
    if (this.puller === undefined || (this.full && this.shelf.length > 0)) return
    // a message must fit, however large it is
    const bytes = Math.max(maxBytes, 2 * (this.session?.maxPayloadBytes ?? 0))
    this.puller.fill(Math.min(maxWaiting, maxPayloads) - this.shelf.length, bytes - this.shelf.byteLength)
  }

  /** The consumer is not wanted any more. */
  private leave(): void {
    this.puller?.close()
    this.puller = undefined
    if (this.consumer === undefined) return
    const { name, stream } = this.consumer
    this.consumer = undefined
    this.session?.publish(`$JS.API.CONSUMER.DELETE.${stream}.${name}`)
  }

  private restart(): void {
    this.leave()
    this.attachment.restart()
  }
}
