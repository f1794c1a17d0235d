/**
 * The transport as one stream has it: its own channel, until it is revoked.
 *
 * @since 0.1.0
 */
import type { Channel, JetStream, TransportError } from "@kps/transport"
import { Packing, Transport } from "@kps/transport"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Lease from "./Lease.ts"
import * as Messages from "./Messages.ts"
import { monotonicMillis } from "./Session.ts"
import { TransportFailed } from "./StreamFault.ts"

/** How long what is published counts on a broker that refused nothing, in milliseconds. */
const checkMillis = 5_000

/**
 * The connection that all streams share, as it was last heard of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connection {
  readonly transport: Transport.Transport["Service"]
  /** Why it is away; absent while it is there. */
  readonly lost: () => TransportError.TransportError | undefined
  /** Succeeds as soon as it is there. */
  readonly whenConnected: Effect.Effect<void>
  /** The largest message the broker takes, encoded, in bytes, as far as it was heard of. */
  readonly maxPayloadBytes: () => number
  /** Milliseconds from any start, by a clock that does not go back. */
  readonly now: () => number
}

/**
 * Watches the connection. `onChange` is run when it is lost, also at first, and when it is found again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const watch = Effect.fnUntraced(function*(
  transport: Transport.Transport["Service"],
  onChange: (lost: TransportError.TransportError | undefined) => Effect.Effect<void>
): Effect.fn.Return<Connection, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const latch = Latch.makeUnsafe()
  let lost: TransportError.TransportError | undefined
  let maxPayloadBytes = Infinity
  yield* transport.statusChanges.pipe(
    Stream.runForEach((status) => {
      const before = lost
      lost = lostOf(status)
      if (status._tag === "Connected") maxPayloadBytes = status.maxPayloadBytes
      if (lost === undefined) latch.openUnsafe()
      else latch.closeUnsafe()
      // An instant is not worth a change: the text of the error is.
      return before?.message === lost?.message ? Effect.void : onChange(lost)
    }),
    Effect.forkScoped
  )
  return {
    transport,
    lost: () => lost,
    whenConnected: latch.await,
    maxPayloadBytes: () => maxPayloadBytes,
    now: () => monotonicMillis(clock)
  }
})

/** A closed transport does not come back: its own operations say so. */
const lostOf = (status: Transport.ConnectionStatus): TransportError.TransportError | undefined =>
  status._tag === "Disconnected" ? status.cause : undefined

/**
 * @category models
 * @since 0.1.0
 */
export interface Options extends Transport.PublishOptions {
  /** Default: each payload is a message of its own. */
  readonly packing?: Packing.Packing | undefined
  /** The lease that the stream runs by. Default: it needs none. */
  readonly held?: Lease.Held | undefined
}

/**
 * The transport in the hands of one stream.
 *
 * **Details**
 *
 * Once revoked it unsubscribes, and publishes and confirms nothing any more: whoever tries is interrupted. So a stream
 * whose code goes on after it was told to stop cannot be heard of. Nor is one whose lease is lost: whoever tries waits
 * until it is stopped, which is about to happen.
 *
 * @category models
 * @since 0.1.0
 */
export class StreamTransport {
  /** Ends with the handle: what belongs to the subscription lives in it. */
  readonly scope = Scope.makeUnsafe()
  readonly connection: Connection
  readonly channel: Channel.ChannelName
  /** By which limits payloads are packed into messages; `undefined`: each is a message of its own. */
  readonly packing: Packing.Packing | undefined
  /** The lease that the stream runs by. */
  readonly held: Lease.Held | undefined
  private readonly options: Transport.PublishOptions
  private readonly unsubscribed = Deferred.makeUnsafe<void>()
  private writer: JetStream.Writer | undefined
  private checkedAt = -Infinity
  private ended = false

  constructor(connection: Connection, channel: Channel.ChannelName, options: Options = {}) {
    const { held, onUncertain, packing } = options
    this.connection = connection
    this.channel = channel
    this.packing = packing
    this.held = held
    this.options = onUncertain === undefined ? {} : { onUncertain }
  }

  get revoked(): boolean {
    return this.ended
  }

  /** Whether another replica may act in this one's place: at once to be asked before each act. */
  get isLost(): boolean {
    return this.held !== undefined && !this.held.isHeld()
  }

  /** Whether whoever writes to the channel by a later epoch ends it. */
  get isFenced(): boolean {
    return this.writer !== undefined
  }

  /** Takes the transport away, at once, then waits until it is unsubscribed, whoever did it first. */
  readonly revoke: Effect.Effect<void> = Effect.suspend(() => {
    if (this.ended) return Deferred.await(this.unsubscribed)
    this.ended = true
    return Effect.uninterruptible(
      Effect.ensuring(Scope.close(this.scope, Exit.void), Deferred.succeed(this.unsubscribed, undefined))
    )
  })

  /** Fails while the connection is away. */
  readonly requireConnected: Effect.Effect<void, TransportFailed> = Effect.suspend(() =>
    Effect.flatMap(this.connection.transport.status, (status) =>
      status._tag === "Disconnected"
        ? Effect.fail(new TransportFailed({ operation: "connect", error: status.cause }))
        : Effect.void)
  )

  /** Publishes by this writer while the scope is open. */
  publishBy(writer: JetStream.Writer): Effect.Effect<void, never, Scope.Scope> {
    return Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => {
        this.writer = writer
      }),
      () =>
        Effect.sync(() => {
          this.writer = undefined
        })
    ))
  }

  /** Payloads as messages with one timestamp: packed, if they are to be, also within what the broker takes. */
  messagesOf(payloads: ReadonlyArray<Uint8Array>, timestampNanos: bigint): ReadonlyArray<Channel.Message> {
    if (this.packing === undefined) return Messages.single(payloads, timestampNanos)
    const maxBytes = Math.min(this.packing.maxBytes, this.connection.maxPayloadBytes())
    return Packing.pack(payloads, timestampNanos, { ...this.packing, maxBytes })
  }

  /**
   * As `publishAll`; of calls in a row, one every few seconds as `publishConfirmed`. The broker's refusals come after the
   * fact: whoever publishes seldom would not hear of one before the next message, nor that time.
   */
  publishChecked(
    messages: ReadonlyArray<JetStream.PublishedMessage>
  ): Effect.Effect<void, TransportError.TransportError> {
    const now = this.connection.now()
    if (now - this.checkedAt < checkMillis) return this.publishAll(messages)
    return Effect.tap(this.publishConfirmed(messages), () =>
      Effect.sync(() => {
        this.checkedAt = now
      }))
  }

  /** As the transport's `publishAll`. */
  publishAll(messages: ReadonlyArray<JetStream.PublishedMessage>): Effect.Effect<void, TransportError.TransportError> {
    if (this.isLost) return Effect.never
    if (this.ended) return Effect.interrupt
    return this.writer === undefined
      ? this.connection.transport.publishAll(this.channel, messages, this.options)
      : this.writer.publishAll(messages, this.options)
  }

  /** As the transport's `publishConfirmed`. */
  publishConfirmed(
    messages: ReadonlyArray<JetStream.PublishedMessage>
  ): Effect.Effect<void, TransportError.TransportError> {
    if (this.isLost) return Effect.never
    if (this.ended) return Effect.interrupt
    return this.writer === undefined
      ? this.connection.transport.publishConfirmed(this.channel, messages, this.options)
      : this.writer.publishConfirmed(messages, this.options)
  }

  /** As the transport's `flush`. */
  readonly flush: Effect.Effect<void, TransportError.TransportError> = Effect.suspend(() =>
    this.ended ? Effect.interrupt : this.writer?.flush ?? this.connection.transport.flush
  )

  /** As the transport's `subscription`. A scope forked from `scope` ends it when the handle is revoked. */
  subscription(
    options: Transport.SubscribeOptions
  ): Effect.Effect<
    Stream.Stream<Channel.Message, TransportError.TransportError>,
    TransportError.TransportError,
    Scope.Scope
  > {
    return this.ended ? Effect.interrupt : this.connection.transport.subscription(this.channel, options)
  }
}
