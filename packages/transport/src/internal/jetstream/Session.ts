/**
 * JetStream on one connection, until it breaks: requests to its API, and the one inbox for all acknowledgements of what
 * is published.
 */
import type { JetStreamManager } from "@nats-io/jetstream"
import { createInbox, errors, type Msg, type NatsConnection, type Subscription } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import type { ChannelName } from "../../Channel.ts"
import { JetStreamRefused, PermissionDenied, TransportError } from "../../TransportError.ts"
import * as DataPath from "../DataPath.ts"
import type { Taker } from "../fast/ChunkParser.ts"

/** Who is told how the broker answered what it published. */
export interface AckTaker {
  /** `status` is the one of an answer without a body. */
  readonly onAck: (attempt: number, number: number, data: Uint8Array, status: number) => void
  /** The broker does not let these credentials publish on the channel. */
  readonly onDenied: (subject: string) => void
}

/** The connection is over: whoever waits for its answer goes on with the next one. */
export class SessionOver {
  readonly _tag = "SessionOver"
}

/** The library cannot be loaded, or not be used. */
class Unusable {
  readonly _tag = "Unusable"
  readonly cause: unknown
  constructor(cause: unknown) {
    this.cause = cause
  }
}

const apiMillis = 5000

const dot = 0x2e
const space = 0x20
const zero = 0x30

export class Session {
  readonly client: NatsConnection
  readonly api: JetStreamManager
  private readonly path: DataPath.DataPath
  private readonly inbox: string
  private readonly takers = new Map<number, AckTaker>()
  private readonly onOver = new Set<() => void>()
  private ended = false

  private constructor(client: NatsConnection, api: JetStreamManager) {
    this.client = client
    this.api = api
    this.path = DataPath.of(client)
    this.inbox = createInbox()
    const skip = this.inbox.length + 1
    const acks = client.subscribe(`${this.inbox}.>`, {
      callback: (error, message) => {
        if (error !== null) return
        // <writer>.<attempt>.<number>
        const [writer, attempt, number] = message.subject.slice(skip).split(".").map(Number)
        this.takers.get(writer ?? 0)?.onAck(attempt ?? 0, number ?? NaN, message.data, message.headers?.code ?? 0)
      }
    })
    this.path.feed(acks, { acceptRange: (bytes, start, end) => this.onFrame(bytes, start, end) })
    void client.closed().then(() => this.end())
    void this.listen()
  }

  static readonly make = (client: NatsConnection): Effect.Effect<Session, SessionOver> =>
    Effect.tryPromise({
      try: async () => {
        const { jetstreamManager } = await import("./manager.ts")
        return new Session(client, await jetstreamManager(client, { checkAPI: false, timeout: apiMillis }))
      },
      catch: (cause) => client.isClosed() ? new SessionOver() : new Unusable(cause)
    }).pipe(
      // nothing else can go wrong: it asks the broker nothing
      Effect.catchTag("Unusable", ({ cause }) => Effect.die(cause))
    )

  get maxPayloadBytes(): number {
    return this.client.info?.max_payload ?? 0
  }

  get isOver(): boolean {
    return this.ended
  }

  /** Waits until the connection is over. */
  readonly whenOver: Effect.Effect<void> = Effect.callback<void>((resume) => {
    if (this.ended) return resume(Effect.void)
    const listener = () => resume(Effect.void)
    this.onOver.add(listener)
    return Effect.sync(() => this.onOver.delete(listener))
  })

  /** Calls back when the connection is over; at once when it is. Returns what takes that back. */
  onEnd(listener: () => void): () => void {
    if (this.ended) listener()
    else this.onOver.add(listener)
    return () => this.onOver.delete(listener)
  }

  /** From now on answers to `replyPrefix` of this writer go there. */
  listenFor(writer: number, taker: AckTaker): void {
    this.takers.set(writer, taker)
  }

  forget(writer: number): void {
    this.takers.delete(writer)
  }

  /** What the number of a message is put behind, to make where its answer goes. */
  replyPrefix(writer: number, attempt: number): string {
    return `${this.inbox}.${writer}.${attempt}.`
  }

  /** A request to the API; `operation` says in words what for. */
  call<A>(
    channel: ChannelName,
    operation: string,
    request: (api: JetStreamManager) => Promise<A>
  ): Effect.Effect<A, TransportError | SessionOver | ApiError> {
    const answer = Effect.tryPromise({
      try: () => request(this.api),
      catch: (cause) => this.ended || this.client.isClosed() ? new SessionOver() : failureOf(channel, operation, cause)
    })
    // a connection that breaks may leave a request pending
    return Effect.raceFirst(answer, Effect.andThen(this.whenOver, Effect.fail(new SessionOver())))
  }

  /** A request to whatever subject: succeeds when it is answered. */
  ask(
    channel: ChannelName,
    operation: string,
    subject: string,
    body: string
  ): Effect.Effect<void, TransportError | SessionOver> {
    return told(this.call(channel, operation, async () => {
      await this.client.request(subject, body, { timeout: apiMillis })
    }))
  }

  /** Calls back when the broker has handled everything that was handed over before, or never will. */
  roundTrip(done: (handled: boolean) => void): void {
    let called = false
    const once = (handled: boolean) => {
      if (called) return
      called = true
      forget()
      done(handled)
    }
    // a connection that breaks leaves the flush pending
    const forget = this.onEnd(() => queueMicrotask(() => once(false)))
    this.client.flush().then(() => once(true), () => once(false))
  }

  /** The client's `publish`; whether it could be handed over. */
  publish(...args: Parameters<NatsConnection["publish"]>): boolean {
    return this.handOver(() => this.client.publish(...args))
  }

  private handOver(publish: () => void): boolean {
    // the fast path writes to a connection that is closed without a word
    if (this.ended || this.client.isClosed()) return false
    try {
      publish()
      return true
    } catch (cause) {
      // closed, and we are told in a later turn; whatever else it says is a mistake of ours
      if (!(cause instanceof errors.ClosedConnectionError || cause instanceof errors.DrainingConnectionError)) {
        throw cause
      }
      this.end()
      return false
    }
  }

  /** Hands over an acknowledgement; whether it could be. */
  acknowledge(subject: string, text: string): boolean {
    return this.handOver(() => this.path.publishText(subject, text))
  }

  /** Whether so much waits to be written that it is better to wait. */
  get isFull(): boolean {
    return this.path.isFull()
  }

  /** Hands over a message that is to be stored; whether it could be. */
  publishStored(channel: ChannelName, reply: string, lines: string, frame: Uint8Array): boolean {
    return this.handOver(() => this.path.publishHeaded(channel, reply, lines, frame))
  }

  /** The client's `subscribe`; `undefined` when the connection is over. Messages with headers may come the other way. */
  subscribe(
    subject: string,
    callback: (error: Error | null, message: Msg) => void,
    onHeaded: NonNullable<Taker["acceptHeaded"]>
  ): Subscription | undefined {
    try {
      const subscription = this.client.subscribe(subject, { callback })
      // a message that has neither headers nor a subject to reply to is nobody's here
      this.path.feed(subscription, { acceptRange: () => undefined, acceptHeaded: onHeaded })
      return subscription
    } catch {
      // closed, and we are told in a later turn
      this.end()
      return undefined
    }
  }

  /**
   * An acknowledgement as it stands in a chunk: where it was sent to is in the line before it, from its end
   * `<number>.<attempt>.<writer>`, behind the size and the number of the subscription.
   */
  private onFrame(bytes: Uint8Array, start: number, end: number): void {
    let i = start - 3
    while (bytes[i] !== space) i--
    while (bytes[i] === space) i--
    while (bytes[i] !== space) i--
    i--
    /** Not a number when it is no token of ours: anybody may send to an inbox. */
    const field = (): number => {
      let value = 0
      let unit = 1
      for (let digit: number; (digit = bytes[i]! - zero) >= 0 && digit <= 9; i--, unit *= 10) value += digit * unit
      return bytes[i--] === dot && unit > 1 ? value : NaN
    }
    const number = field()
    const attempt = field()
    const writer = field()
    this.takers.get(writer)?.onAck(attempt, number, bytes.subarray(start, end), 0)
  }

  private end(): void {
    if (this.ended) return
    this.ended = true
    for (const listener of Array.from(this.onOver)) listener()
    this.onOver.clear()
  }

  private async listen(): Promise<void> {
    for await (const status of this.client.status()) {
      if (status.type !== "error" || !(status.error instanceof errors.PermissionViolationError)) continue
      const { operation, subject } = status.error
      if (operation !== "publish") continue
      for (const taker of this.takers.values()) taker.onDenied(subject)
    }
  }
}

/** The API said no. */
export class ApiError {
  readonly _tag = "ApiError"
  readonly code: number
  readonly error: TransportError

  constructor(code: number, error: TransportError) {
    this.code = code
    this.error = error
  }
}

export const streamNotFound = 10_059
export const consumerNotFound = 10_014
export const consumerExists = 10_148
export const streamExists = 10_058
export const subjectsOverlap = 10_065
export const noMessageFound = 10_037

/** Turns an `ApiError` into the error of the transport. */
export const told = <A, E, R>(
  effect: Effect.Effect<A, E | ApiError, R>
): Effect.Effect<A, Exclude<E, ApiError> | TransportError, R> =>
  Effect.mapError(effect, (error) => (error instanceof ApiError ? error.error : error) as Exclude<E, ApiError>) // all that is left

export const refused = (channel: ChannelName, operation: string, code: number, problem: string): TransportError =>
  new TransportError({ reason: new JetStreamRefused({ channel, operation, code, problem }) })

const numberIn = (value: unknown, key: string): number => {
  const found: unknown = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined
  return typeof found === "number" ? found : 0
}

const failureOf = (channel: ChannelName, operation: string, cause: unknown): ApiError | TransportError => {
  if (cause instanceof errors.PermissionViolationError) {
    const operation = cause.operation === "publish" ? "publish" : "subscribe"
    return new TransportError({ reason: new PermissionDenied({ channel, operation }) })
  }
  const name = cause instanceof Error ? cause.name : ""
  const problem = name === "TimeoutError"
    ? `no answer within ${apiMillis} ms`
    : name === "JetStreamNotEnabled"
    ? "JetStream is not enabled on the server, or for this account"
    : cause instanceof Error
    ? cause.message
    : String(cause)
  const code = numberIn(cause, "code")
  return new ApiError(code, refused(channel, operation, code, problem))
}
