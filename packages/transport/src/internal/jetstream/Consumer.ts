/**
 * One reader of a durable consumer: what it holds, on whatever connection.
 *
 * An exclusive reader keeps the order of the stream by two rules. When it begins, and after each break, it asks for
 * everything again that was delivered and not acknowledged, but for what it holds itself: the broker sends that before
 * anything new. And it counts deliveries: when one is missing, somebody else has it, and it begins anew.
 */
import { TransportCodec } from "@kps/idl"
import type { ConsumerInfo } from "@nats-io/jetstream"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { ChannelName } from "../../Channel.ts"
import type { Delivery } from "../../JetStream.ts"
import { MalformedFrame, TransportError } from "../../TransportError.ts"
import type { Counters } from "../Counters.ts"
import { Acks } from "./Acks.ts"
import { Attachment } from "./Attachment.ts"
import { ConsumerNotices } from "./ConsumerNotices.ts"
import type * as consumers from "./consumers.ts"
import { ensure as ensureConsumer } from "./consumers.ts"
import type { JetStreamCounters } from "./counters.ts"
import { Delivered } from "./Delivered.ts"
import * as delivery from "./delivery.ts"
import type { Incoming } from "./Incoming.ts"
import { Pins } from "./Pins.ts"
import { Puller } from "./Puller.ts"
import type { Session, SessionOver } from "./Session.ts"
import type { Sessions } from "./Sessions.ts"
import { Shelf } from "./Shelf.ts"
import type { StreamState } from "./streams.ts"

export interface Options {
  readonly channel: ChannelName
  readonly wanted: consumers.Wanted
  readonly exclusive: boolean
  /** Whether what was read is acknowledged when the reader comes for more. */
  readonly ackWhenAsked: boolean
  /** Whether the leases of what was read are kept here. */
  readonly keepLeases: boolean
  readonly maxBytes: number
  readonly sessions: Sessions
  readonly ensureStream: (
    session: Session,
    channel: ChannelName
  ) => Effect.Effect<StreamState, TransportError | SessionOver>
  readonly counters: Counters
  readonly stats: JetStreamCounters
  readonly now: () => number
  /** Called for each frame that is no message, which is acknowledged after it. Without it, it is at once. */
  readonly onMalformed: ((malformed: Delivered, error: TransportError) => Effect.Effect<void>) | undefined
  readonly onMissed: ((count: number) => Effect.Effect<void>) | undefined
}

/** Most messages that wait to be read. */
const maxWaiting = 4096
/** For so many messages at a time it is asked again. */
const rewindBatch = 1024
/** Of so many messages at most it is remembered that they were acknowledged. */
const maxRemembered = 8192
/** So often what comes again is asked for once more when it comes in another order. */
const mostDisorders = 8
const nanosPerMilli = 1_000_000

const noView = new TransportCodec.View([], 0, 0)

export class Consumer {
  readonly shelf: Shelf<Delivered>
  readonly notices: ConsumerNotices
  readonly attachment: Attachment
  private readonly options: Options
  private readonly acks: Acks
  /** Everything that was delivered here and is not settled, read or not. */
  private readonly held = new Map<number, Delivered>()
  private readonly pins = new Pins()
  /** What was read and is acknowledged when the reader comes for more. */
  private taken: ReadonlyArray<Delivered> = []
  private puller: Puller | undefined
  private session: Session | undefined
  private draining = false
  /** The next message is larger than the room that is left beside what waits to be read. */
  private full = false
  private forgetSession = () => {}
  private leaseMillis: number
  // of an exclusive reader: the last delivery, the last message taken, and the newest one of the consumer
  private lastDelivery = 0
  private last: number | undefined
  private newest: number | undefined
  private readonly givenBack = new Set<number>()
  /** Delivered to readers before this one, or on a connection before this one, and not seen here. */
  private readonly unseen = new Set<number>()
  /** After asking again for what was delivered: what has to come first, and the last of it. */
  private again: { readonly first: number; readonly last: number } | undefined
  /** How often it did not. */
  private disorders = 0
  /** When the latest message that was taken had been stored: milliseconds since the Unix epoch. */
  private lastStored = 0
  /** All up to this one were acknowledged when it was last looked at. */
  private floor: number | undefined
  private created: string | undefined
  /** The stream that was there first is lost: whatever is on the one in its place came while this reader was there. */
  private remade = false
  private streamName: string | undefined

  constructor(options: Options) {
    this.options = options
    // an exclusive reader knows by the order
    this.acks = new Acks(options.exclusive ? 0 : Math.min(2 * options.wanted.max_ack_pending, maxRemembered))
    this.leaseMillis = options.wanted.ack_wait / nanosPerMilli
    this.attachment = new Attachment({
      channel: options.channel,
      what: `consumer "${options.wanted.name}"`,
      sessions: options.sessions,
      now: options.now,
      attach: this.attach,
      onFailure: (error) => this.shelf.end(error)
    })
    this.shelf = new Shelf({
      channel: options.channel,
      byteLength: ({ frame }) => frame.byteLength,
      onAsked: () => {
        const { taken } = this
        this.taken = []
        this.full = false
        if (taken.length > 0) this.ack(taken)
        this.fill()
      },
      onTaken: (items) => {
        options.counters.received += items.length
        if (options.ackWhenAsked) this.taken = items
      }
    })
    const handled = (settle: (malformed: Delivered) => void) => (malformed: Delivered) => {
      settle(malformed)
      this.full = false
      this.fill()
    }
    this.notices = new ConsumerNotices({
      onMalformed: options.onMalformed,
      onMissed: options.onMissed,
      onHandled: handled((malformed) => this.ack([malformed])),
      // for others, or to be tried again here: not at once
      onThrown: handled((malformed) => this.giveBack([malformed], this.leaseMillis))
    })
  }

  /** Begins on the session: succeeds when the consumer is there and was asked for messages. */
  readonly attach = (session: Session): Effect.Effect<void, TransportError | SessionOver> =>
    Effect.gen({ self: this }, function*() {
      const { channel, ensureStream, exclusive, wanted } = this.options
      const stream = yield* ensureStream(session, channel)
      const remade = this.created !== undefined && this.created !== stream.created
      if (remade) this.forgetAll()
      this.remade ||= remade
      this.created = stream.created
      this.streamName = stream.name
      // one that is not there any more begins where it was; of a stream that was made anew it wants all there is
      const begin = this.remade ? "all" : wanted.from
      const from = this.floor === undefined ? begin : { sequence: this.lowest }
      const info = yield* ensureConsumer({ ...wanted, from }, session, channel, stream.name)
      this.floor = info.ack_floor.stream_seq
      this.leaseMillis = (info.config.ack_wait ?? wanted.ack_wait) / nanosPerMilli
      this.attachment.begin()
      this.session = session
      this.forgetSession = session.onEnd(() => this.restart())
      this.acks.attach(session)
      if (exclusive) yield* this.rewind(session, stream.name, info)
      if (this.draining || this.attachment.stopped) return
      this.puller = new Puller({
        session,
        stream: stream.name,
        consumer: wanted.name,
        now: this.options.now,
        onMessage: (message) => this.onMessage(message),
        onRoom: (full) => {
          this.full = full
          this.fill()
        },
        onOver: () => this.restart()
      })
      this.fill()
    })

  /** Keeps the leases of what is held, for ever. */
  readonly keep: Effect.Effect<never> = Effect.suspend(() =>
    Effect.andThen(
      Effect.sleep(Duration.millis(this.leaseMillis / 3)),
      Effect.sync(() =>
        this.extend(this.options.keepLeases ? this.held.values() : [...this.shelf.waiting, ...this.notices.waiting])
      )
    )
  ).pipe(Effect.forever)

  ack(deliveries: ReadonlyArray<Delivery>): void {
    for (const delivery of deliveries) {
      const held = this.holding(delivery)
      if (held === undefined) continue
      this.letGo(held)
      this.options.stats.acknowledged++
      this.acks.ack(held.subject, held)
    }
  }

  extend(deliveries: Iterable<Delivery>): void {
    const { session } = this
    for (const delivery of deliveries) {
      const held = this.holding(delivery)
      if (held !== undefined) session?.publish(held.subject, "+WPI")
    }
  }

  giveBack(deliveries: Iterable<Delivery>, delayMillis: number): void {
    const { session } = this
    const body = delayMillis > 0 ? `-NAK ${JSON.stringify({ delay: Math.round(delayMillis * nanosPerMilli) })}` : "-NAK"
    for (const delivery of deliveries) {
      const held = this.holding(delivery)
      if (held === undefined) continue
      this.letGo(held)
      if (this.options.exclusive) this.givenBack.add(held.sequence)
      this.options.stats.givenBack++
      // unsent, it comes when its lease is over
      session?.publish(held.subject, body)
    }
  }

  check(): void {
    this.puller?.check()
  }

  /** Takes no more: what nobody has read is given back, and the stream ends. */
  readonly drain: Effect.Effect<void> = Effect.suspend(() => {
    const unread = this.shelf.clear()
    this.shelf.end()
    // and what was on its way
    return this.leave(() => [...unread, ...this.shelf.clear()])
  })

  /** Gives back what is held. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.attachment.stop()
    this.shelf.clear()
    this.shelf.end()
    return this.leave(() => [...this.held.values()])
  }).pipe(Effect.andThen(Effect.sync(() => this.forgetSession())))

  private leave(deliveries: () => Iterable<Delivered>): Effect.Effect<void> {
    this.draining = true
    const giveBack = Effect.suspend(() => {
      const { session, streamName } = this
      if (session === undefined || streamName === undefined || this.held.size === 0) return Effect.void
      const { channel, wanted } = this.options
      // before it is asked about itself, the broker takes the request that was just left for one to be answered
      return session.call(channel, "leave a consumer", (api) => api.consumers.info(streamName, wanted.name)).pipe(
        Effect.timeoutOption("2 seconds"),
        Effect.ignore,
        Effect.andThen(Effect.sync(() => this.giveBack(deliveries(), 0)))
      )
    })
    return Effect.andThen(this.puller?.leave ?? Effect.void, giveBack)
  }

  /** It is nothing of this reader any more. */
  private letGo(held: Delivered): void {
    this.held.delete(held.sequence)
    this.pins.release(held.pin)
  }

  /** What is here of a delivery; nothing when it is settled. */
  private holding(delivery: Delivery): Delivered | undefined {
    const held = this.held.get(delivery.sequence)
    return held === delivery ? held : undefined
  }

  private get lowest(): number {
    const { exclusive } = this.options
    const next = exclusive ? (this.last ?? 0) + 1 : (this.floor ?? 0) + 1
    let lowest = next
    for (const sequence of this.held.keys()) lowest = Math.min(lowest, sequence)
    return lowest
  }

  /** Asks again for what was delivered and not acknowledged, but for what is held here. */
  private readonly rewind = Effect.fnUntraced({ self: this }, function*(
    this: Consumer,
    session: Session,
    stream: string,
    info: ConsumerInfo
  ): Effect.fn.Return<void, TransportError | SessionOver> {
    const { channel, wanted } = this.options
    const { ack_floor: floor, delivered, num_ack_pending: pending } = info
    this.lastDelivery = delivered.consumer_seq
    // of a new one it is not known where it begins
    if (delivered.consumer_seq > 0) this.newest = Math.max(this.newest ?? 0, delivered.stream_seq)
    this.last ??= floor.stream_seq
    this.again = undefined
    if (pending === 0) return
    for (const sequence of this.unseen) if (sequence <= floor.stream_seq) this.unseen.delete(sequence)
    for (let sequence = Math.max(floor.stream_seq, this.last) + 1; sequence <= delivered.stream_seq; sequence++) {
      this.unseen.add(sequence)
    }
    // what is next to the floor is not acknowledged, unless by this reader: which has had all up to its last one then
    const next = floor.stream_seq + 1
    const first = this.unseen.has(next) ? next : Math.max(floor.stream_seq, this.last) + 1
    if (this.unseen.has(first)) this.again = { first, last: delivered.stream_seq }
    // a message that is held for long leaves a wide gap, of which most is acknowledged: the broker passes over that
    for (let from = floor.stream_seq + 1; from <= delivered.stream_seq; from += rewindBatch) {
      let last: string | undefined
      const to = Math.min(from + rewindBatch - 1, delivered.stream_seq)
      for (let sequence = from; sequence <= to; sequence++) {
        if (this.held.has(sequence)) continue
        if (last !== undefined) session.publish(last, "-NAK")
        last = delivery.subjectOf(stream, wanted.name, sequence, delivered.consumer_seq)
      }
      // the answer to the last one says that all of them are done, before more is sent, or anything asked for
      if (last !== undefined) yield* session.ask(channel, "ask again for what was delivered", last, "-NAK")
    }
  })

  private onMessage(message: Incoming): void {
    const { counters, exclusive, stats } = this.options
    const meta = delivery.metaOf(message.reply)
    if (meta === undefined) return
    if (exclusive) {
      if (meta.delivery !== this.lastDelivery + 1) return this.restart()
      this.lastDelivery = meta.delivery
      if (this.isOutOfOrder(meta.sequence)) return this.restart()
    }
    if (meta.count > 1) stats.redelivered++
    const held = this.held.get(meta.sequence)
    // a broker that has lost the end of its stream gives another message the number of one that was here
    if (held !== undefined && held.storedMillis === meta.storedMillis) {
      // its lease was over while it was held
      held.subject = message.reply
      held.deliveryCount = meta.count
      return this.extend([held])
    }
    if (this.acks.has(meta)) return this.acks.ack(message.reply, meta)
    const isLater = meta.sequence > (this.last ?? 0) || meta.storedMillis > this.lastStored
    // had by others, and not acknowledged: whatever came before it
    const isUnseen = this.unseen.delete(meta.sequence)
    if (exclusive && !isLater && !isUnseen && !this.givenBack.delete(meta.sequence)) {
      // acknowledged already, and that was lost
      return this.acks.ack(message.reply, meta)
    }
    if (exclusive) {
      if (isLater) this.last = meta.sequence
      this.lastStored = Math.max(this.lastStored, meta.storedMillis)
      if (meta.count === 1) {
        const missed = this.newest === undefined ? 0 : meta.sequence - this.newest - 1
        this.newest = meta.sequence
        if (missed > 0) {
          stats.missed += missed
          this.notices.addMissed(missed)
        }
      }
    }
    // of one that was lost, and has its number
    if (held !== undefined) this.letGo(held)
    const pin = this.pins.hold(message)
    const frame = pin.message.data
    const decoded = TransportCodec.decode(frame)
    const delivered = new Delivered(pin, Result.isSuccess(decoded) ? decoded.success : noView, meta)
    this.held.set(meta.sequence, delivered)
    if (Result.isSuccess(decoded)) return this.shelf.push(delivered)
    counters.malformed++
    const reason = new MalformedFrame({
      channel: this.options.channel,
      byteLength: frame.byteLength,
      cause: decoded.failure
    })
    this.notices.addMalformed(delivered, new TransportError({ reason }))
  }

  /**
   * Whether what was asked for again comes in another order. So it does when a reader before this one has ended while it
   * was given just that: the broker has the rest of it waiting still, and puts what is given back behind it. What it then
   * delivers is not waiting any more, so that asking once more brings the order about. A message that is next to the floor
   * and was removed from the stream never comes.
   */
  private isOutOfOrder(sequence: number): boolean {
    const { again } = this
    // what is held or was given back may come before it
    if (again === undefined || sequence < again.first) return false
    this.again = undefined
    if (sequence > again.first && sequence <= again.last && this.disorders < mostDisorders) {
      this.disorders++
      return true
    }
    this.disorders = 0
    return false
  }

  private fill(): void {
    const { maxBytes, wanted } = this.options
    const waiting = this.shelf.length + this.notices.length
    if (this.draining || this.puller === undefined || (this.full && waiting > 0)) return
    // a message must fit, however large it is
    const bytes = Math.max(maxBytes, 2 * (this.session?.maxPayloadBytes ?? 0))
    const messages = Math.min(maxWaiting, wanted.max_ack_pending)
    this.puller.fill(messages - waiting, bytes - this.shelf.byteLength - this.notices.byteLength)
  }

  private restart(): void {
    this.puller?.close()
    this.puller = undefined
    this.session = undefined
    this.forgetSession()
    this.attachment.restart()
  }

  /** The stream is another one: what was held is of no stream any more. */
  private forgetAll(): void {
    this.held.clear()
    this.givenBack.clear()
    this.unseen.clear()
    this.pins.clear()
    this.acks.clear()
    this.last = 0
    this.lastStored = 0
    this.newest = undefined
    this.floor = undefined
  }
}
