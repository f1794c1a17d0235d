/**
 * One connection, from its greeting until it breaks: what goes out, what is confirmed, what comes in.
 *
 * `send` hands bytes to the connection, and `subscribe` receives them; everything else here is about knowing what the
 * broker has.
 */
import { TransportCodec } from "@kps/idl"
import { errors, type NatsConnection, type Subscription } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { ChannelName, Message } from "../Channel.ts"
import { MessageTooLarge, PermissionDenied, TransportError } from "../TransportError.ts"
import type { Counters } from "./Counters.ts"
import * as DataPath from "./DataPath.ts"
import type { Dialled } from "./dial.ts"
import * as FastPath from "./fast/FastPath.ts"
import type { Inbox } from "./Inbox.ts"
import { Refusals } from "./Refusals.ts"
import { SocketGate, socketOf } from "./SocketGate.ts"
import { encodedLength, halvesOf } from "./timestamp.ts"
import { type Account, Unconfirmed } from "./Unconfirmed.ts"

export interface Options {
  readonly counters: Counters
  readonly maxUnconfirmedBytes: number
  /** Whether the fast data path is wanted. */
  readonly fastPath: boolean
  /** Milliseconds from any start. */
  readonly now: () => number
}

/** The link is over: why. */
export class Lost {
  readonly _tag = "Lost"
  readonly cause: unknown
  constructor(cause: unknown) {
    this.cause = cause
  }
}

/** One PING on its way: when its PONG is here, the broker has taken everything up to the mark. */
interface Trip {
  messages: number
  payloads: number
  bytes: number
  readonly done: Set<(outcome: Effect.Effect<void, Lost>) => void>
}

/** What the protocol adds to a message, about: the line before it. */
const frameBytes = 32

export class Link {
  readonly client: NatsConnection
  readonly dialled: Dialled
  readonly gate: SocketGate
  readonly path: DataPath.DataPath
  /** Why the fast data path was wanted and could not be taken. */
  readonly pathProblem: string | undefined
  private readonly options: Options
  private lost: Lost | undefined
  private readonly onLost = new Set<() => void>()
  private readonly refusals: Refusals
  private readonly unconfirmed = new Unconfirmed()
  // counts since the link was made
  private sentMessages = 0
  private sentPayloads = 0
  private sentBytes = 0
  private confirmedMessages = 0
  private confirmedPayloads = 0
  private confirmedBytes = 0
  private pongs = 0
  private waiting: Array<() => void> = []
  private gathering: Trip | undefined
  private readonly away = new Set<Trip>()

  constructor(dialled: Dialled, options: Options) {
    this.dialled = dialled
    this.client = dialled.client
    this.options = options
    this.refusals = new Refusals(options.now)
    this.gate = new SocketGate({
      socket: socketOf(dialled.client),
      now: options.now,
      received: () => {
        const { inBytes, inMsgs } = this.client.stats()
        return inBytes + inMsgs * frameBytes
      }
    })
    const fast = options.fastPath
      ? FastPath.install(this.client, { onFailure: (cause) => this.end(cause), onRoom: () => this.wake() })
      : undefined
    this.path = fast !== undefined && Result.isSuccess(fast) ? fast.success : DataPath.client(this.client)
    DataPath.register(this.client, this.path)
    this.pathProblem = fast !== undefined && Result.isFailure(fast) ? fast.failure : undefined
    void this.client.closed().then((cause) => this.end(cause))
    void this.listen()
  }

  /** Why it is over; `undefined` while it is not. */
  get loss(): Lost | undefined {
    return this.lost
  }

  get maxPayloadBytes(): number {
    return this.client.info?.max_payload ?? 0
  }

  /** Why none of the messages may be sent, or `undefined`. */
  refuses(channel: ChannelName, messages: ReadonlyArray<Message>): TransportError | undefined {
    if (this.refusals.has(channel)) return publishDenied(channel)
    const limit = this.maxPayloadBytes
    for (let i = 0; i < messages.length; i++) {
      const byteLength = encodedLength(messages[i]!)
      if (byteLength > limit) return new TransportError({ reason: new MessageTooLarge({ channel, byteLength, limit }) })
    }
    return undefined
  }

  /**
   * Hands over messages from one index up to another, and returns the index of the first one that was not: less when the
   * window or the path is full or the link is over. The account is told of those that are never confirmed.
   */
  send(
    channel: ChannelName,
    messages: ReadonlyArray<Message>,
    from: number,
    to: number,
    account: Account | undefined
  ): number {
    const { counters, maxUnconfirmedBytes } = this.options
    const windowBytes = this.confirmedBytes + maxUnconfirmedBytes
    // messages without a byte of their own take memory too
    const windowMessages = maxUnconfirmedBytes / frameBytes - (this.sentMessages - this.confirmedMessages)
    const isIdle = this.sentMessages === this.confirmedMessages
    const before = { messages: this.sentMessages, payloads: this.sentPayloads }
    const bytesBefore = this.sentBytes
    let i = from
    let closed: Lost | undefined
    // before the first one of this turn, so that messages and PING leave in one write
    if (from < to && this.gathering === undefined && this.away.size === 0) this.gather()
    try {
      for (; i < to && this.lost === undefined && !this.path.isFull(); i++) {
        const message = messages[i]!
        const timestamp = halvesOf(message)
        const byteLength = TransportCodec.encodedLengthHalves(timestamp, message.payloads)
        // a message that is larger than the whole window goes alone
        const isFull = this.sentBytes + byteLength > windowBytes || i - from >= windowMessages
        if (isFull && !(isIdle && i === from)) break
        this.path.publish(channel, timestamp, message.payloads, byteLength)
        this.sentBytes += byteLength
        this.sentPayloads += message.payloads.length
      }
    } catch (cause) {
      // closed, and we are told in a later turn
      closed = new Lost(cause)
    }
    this.sentMessages += i - from
    counters.published += i - from
    counters.unconfirmedBytes += this.sentBytes - bytesBefore
    if (account !== undefined && i > from) {
      this.unconfirmed.add(account, before, { messages: this.sentMessages, payloads: this.sentPayloads })
    }
    if (closed !== undefined) this.end(closed.cause)
    return i
  }

  /** Succeeds when it is worth to `send` again, or the link is over. */
  readonly room: Effect.Effect<void> = Effect.callback<void>((resume) => {
    const isIdle = this.sentMessages === this.confirmedMessages && !this.path.isFull()
    if (this.lost !== undefined || isIdle) return resume(Effect.void)
    const wake = () => resume(Effect.void)
    this.waiting.push(wake)
    return Effect.sync(() => {
      this.waiting = this.waiting.filter((other) => other !== wake)
    })
  })

  /** Succeeds when the broker has handled everything that was handed over before. Calls of one turn share a PING. */
  readonly roundTrip: Effect.Effect<void, Lost> = Effect.callback<void, Lost>((resume) => {
    if (this.lost !== undefined) return resume(Effect.fail(this.lost))
    const { done } = this.gather()
    done.add(resume)
    return Effect.sync(() => done.delete(resume))
  })

  /** Whether the broker has lately refused messages on the channel; exact after a `roundTrip`. */
  hasRefused(channel: ChannelName): boolean {
    return this.refusals.has(channel)
  }

  /** Feeds the inbox with what comes on its channel; a refusal ends the inbox. `undefined` when the link is over. */
  subscribe(inbox: Inbox, queue: string | undefined): Subscription | undefined {
    const { channel } = inbox.options
    try {
      const subscription = this.client.subscribe(channel, {
        ...(queue === undefined ? {} : { queue }),
        callback: (error, message) => {
          if (error === null) inbox.accept(message.data)
          else inbox.end(new TransportError({ reason: new PermissionDenied({ channel, operation: "subscribe" }) }))
        }
      })
      this.path.feed(subscription, inbox)
      return subscription
    } catch (cause) {
      // closed, and we are told in a later turn
      this.end(cause)
      return undefined
    }
  }

  /** Waits until the link is over. */
  readonly whenLost: Effect.Effect<Lost> = Effect.callback<Lost>((resume) => {
    if (this.lost !== undefined) return resume(Effect.succeed(this.lost))
    const listener = () => resume(Effect.succeed(this.lost!))
    this.onLost.add(listener)
    return Effect.sync(() => this.onLost.delete(listener))
  })

  /** Asks for a sign of life, and says how many have come so far. */
  signsOfLife(): number {
    if (this.lost === undefined && this.away.size === 0) this.gather()
    const { inMsgs } = this.client.stats()
    return inMsgs + this.pongs
  }

  /** Ends it, for a reason of ours or the client's. The first call counts. */
  end(cause: unknown): void {
    if (this.lost !== undefined) return
    this.lost = new Lost(cause)
    const { counters } = this.options
    counters.uncertain += this.sentMessages - this.confirmedMessages
    counters.unconfirmedBytes -= this.sentBytes - this.confirmedBytes
    this.unconfirmed.end({ messages: this.confirmedMessages, payloads: this.confirmedPayloads })
    this.gate.close()
    this.path.close()
    this.dialled.destroy()
    const failed = Effect.fail(this.lost)
    const trips = this.gathering === undefined ? [...this.away] : [...this.away, this.gathering]
    for (const { done } of trips) for (const resume of done) resume(failed)
    this.away.clear()
    for (const listener of this.onLost) listener()
    this.wake()
  }

  private gather(): Trip {
    if (this.gathering !== undefined) return this.gathering
    const trip: Trip = { messages: 0, payloads: 0, bytes: 0, done: new Set() }
    this.gathering = trip
    queueMicrotask(() => this.ping(trip))
    return trip
  }

  private ping(trip: Trip): void {
    this.gathering = undefined
    if (this.lost !== undefined) return
    trip.messages = this.sentMessages
    trip.payloads = this.sentPayloads
    trip.bytes = this.sentBytes
    this.away.add(trip)
    // a connection that breaks leaves this pending; `end` answers instead
    this.client.flush().then(() => this.pong(trip), (cause) => this.end(cause))
  }

  private pong(trip: Trip): void {
    if (!this.away.delete(trip)) return
    const { counters } = this.options
    counters.unconfirmedBytes -= trip.bytes - this.confirmedBytes
    this.confirmedMessages = trip.messages
    this.confirmedPayloads = trip.payloads
    this.confirmedBytes = trip.bytes
    this.unconfirmed.confirm(trip)
    this.pongs++
    if (this.sentMessages > trip.messages && this.away.size === 0) this.gather()
    this.wake()
    // a refusal that came before the PONG is told by the client some microtasks after it
    if (trip.done.size > 0) {
      setImmediate(() => {
        for (const resume of trip.done) resume(Effect.void)
      })
    }
  }

  private wake(): void {
    const waiting = this.waiting
    this.waiting = []
    for (const resume of waiting) resume()
  }

  private async listen(): Promise<void> {
    for await (const status of this.client.status()) {
      if (status.type !== "error" || !(status.error instanceof errors.PermissionViolationError)) continue
      const { operation, subject } = status.error
      if (operation !== "publish") continue
      this.refusals.add(subject)
      this.options.counters.publishErrors++
    }
  }
}

export const publishDenied = (channel: ChannelName): TransportError =>
  new TransportError({ reason: new PermissionDenied({ channel, operation: "publish" }) })
