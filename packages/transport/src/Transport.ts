/**
 * Publishes to, and subscribes from, the channels of the data pipelines.
 *
 * `Transport` is the only way a connector reaches the pipelines. This module has the service and its in-memory layer;
 * `NatsTransport` has the real one. Both pass the same `TransportConformance` suite.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { ChannelName, Message } from "./Channel.ts"
import * as memory from "./internal/memory.ts"
import type { TransportError } from "./TransportError.ts"

/**
 * The connection to the broker, as it is now. Instants are milliseconds since the Unix epoch.
 *
 * @category models
 * @since 0.1.0
 */
export type ConnectionStatus =
  | {
    readonly _tag: "Connected"
    readonly server: string
    readonly since: number
    readonly maxPayloadBytes: number
    /**
     * How messages go: with NATS by the fast data path, or by the client's public way, which is slower and promises the
     * same; in the memory of this process otherwise.
     */
    readonly dataPath: "fast" | "client" | "memory"
  }
  /** Not there (yet, or any more); `cause` is why the last try failed. It goes on trying for ever. */
  | { readonly _tag: "Disconnected"; readonly since: number; readonly cause: TransportError }
  | { readonly _tag: "Closed" }

/**
 * What went through a transport since it was made. Counts are exact and never go down.
 *
 * @category models
 * @since 0.1.0
 */
export interface TransportStats {
  /** Messages handed to the connection. */
  readonly published: number
  /** Messages handed to the readers of subscriptions; what a subscription held unread when it was closed is in none. */
  readonly received: number
  /** Frames that are no `TransportMessage`: skipped. */
  readonly malformed: number
  /** Messages that came for a subscriber that was too slow: dropped. */
  readonly dropped: number
  /** Published messages that were not confirmed by the broker when the connection broke; never sent again. */
  readonly uncertain: number
  /** Bytes handed to the connection that the broker has not confirmed yet. */
  readonly unconfirmedBytes: number
  /** Messages that could not be handed over, counted at every try, and those that the broker said it refused. */
  readonly publishErrors: number
  /** How often a server could not be connected to: each try at each server counts. */
  readonly connectErrors: number
  /** How often the connection broke. */
  readonly disconnects: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface PublishOptions {
  /**
   * Called when the connection breaks before the broker has confirmed messages of this call that were handed over, with
   * how many messages, and how many payloads they have; also long after the call. The messages add up to `uncertain`. The
   * same function for many calls costs least. Default: they are only counted.
   */
  readonly onUncertain?: (messages: number, payloads: number) => void
}

/**
 * Where a frame is stored that was skipped: the same each time that it comes, and of no other frame of the channel.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredFrame {
  /** In the stream of the channel: 1 for the first. */
  readonly sequence: number
  /** When it was stored: milliseconds since the Unix epoch. */
  readonly storedMillis: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface SubscribeOptions {
  /** Name of a queue group: each message goes to one member of it. Default: every subscriber gets every message. */
  readonly queue?: string
  /**
   * Called for each frame that was skipped because it is no `TransportMessage`; in a flood, for the first thousand that
   * wait for it. One call at a time, apart from the stream, while the subscription lives. The bytes of the frame are the
   * callee's own.
   *
   * A member of a queue group on JetStream is told of each, with where it is stored, and acknowledges it when the effect
   * has succeeded: until then it is not lost with this process, but comes again, to this member or another one. Default:
   * it is only counted.
   */
  readonly onMalformed?: (error: TransportError, frame: Uint8Array, stored?: StoredFrame) => Effect.Effect<void>
  /** Called when messages had to be dropped since this subscriber is too slow, with how many. Default: only counted. */
  readonly onDropped?: (count: number) => Effect.Effect<void>
  /**
   * Called when the subscription ends with messages that came and were not read, with how many payloads they have.
   * Default: they are not counted.
   */
  readonly onUnread?: (payloads: number) => void
  /**
   * When it succeeds the subscription is drained: unsubscribed, and its stream ends after the last message that came.
   * Default: never.
   */
  readonly drainWhen?: Effect.Effect<void>
}

/**
 * Service that publishes and subscribes to data-pipeline channels.
 *
 * @category services
 * @since 0.1.0
 */
export class Transport extends Context.Service<Transport, {
  /**
   * Hands one message to the broker connection.
   *
   * **Details**
   *
   * Success does not mean that the broker, or anyone, has it: see `flush`. Delivery is at most once: a subscriber that
   * is away at that moment never sees it. Waits while more than the connection's limit is unconfirmed. Fails, and
   * keeps nothing, while the broker is away. A channel that the broker has refused fails with `PermissionDenied` for ten
   * seconds after, then is tried again.
   */
  readonly publish: (channel: ChannelName, message: Message) => Effect.Effect<void, TransportError>

  /**
   * Hands many messages to the broker connection, in order, as `publish` does one. All of them are checked first: with
   * one that is too large, none is sent. When the broker goes away in the middle the error says how many were handed
   * over.
   */
  readonly publishAll: (
    channel: ChannelName,
    messages: ReadonlyArray<Message>,
    options?: PublishOptions
  ) => Effect.Effect<void, TransportError>

  /**
   * Publishes as `publishAll` does, and succeeds when the broker has taken every one of these messages.
   *
   * **Details**
   *
   * The answer is about these messages alone, whatever others publish meanwhile: with `NotConnected` any of them may
   * have arrived, with `PermissionDenied` the broker refused the channel. Taken by the broker does not mean that any
   * subscriber has them. Several calls at once share round trips. On JetStream, when a broker has lost its disk in the
   * middle of a call, it fails with `JetStreamRefused`: none of it is stored then, and it is to be published again.
   */
  readonly publishConfirmed: (
    channel: ChannelName,
    messages: ReadonlyArray<Message>,
    options?: PublishOptions
  ) => Effect.Effect<void, TransportError>

  /** A sink that publishes every message it is given, array by array. */
  readonly sink: (channel: ChannelName) => Sink.Sink<void, Message, never, TransportError>

  /**
   * Subscribes, and succeeds when the broker has confirmed it: every message published after that is in the stream.
   *
   * **Details**
   *
   * The stream emits arrays, in broker order, never ends by itself, and can be run once. The subscription lives in the
   * scope: closing it unsubscribes. It outlives reconnects: what was published meanwhile is lost.
   */
  readonly subscription: (
    channel: ChannelName,
    options?: SubscribeOptions
  ) => Effect.Effect<Stream.Stream<Message, TransportError>, TransportError, Scope.Scope>

  /** `subscription` as one stream: subscribed when it is run, unsubscribed when it ends. */
  readonly subscribe: (channel: ChannelName, options?: SubscribeOptions) => Stream.Stream<Message, TransportError>

  /**
   * Succeeds when the broker has taken everything that was published before on this connection.
   *
   * **Details**
   *
   * What an earlier break of the connection left `uncertain`, and what the broker refused, is not its matter: to know
   * about certain messages use `publishConfirmed`. Calls at once share a round trip.
   */
  readonly flush: Effect.Effect<void, TransportError>

  /** The connection as it is now. */
  readonly status: Effect.Effect<ConnectionStatus>

  /** The connection as it is now, then each change. Never ends. */
  readonly statusChanges: Stream.Stream<ConnectionStatus>

  /** What went through since the transport was made. */
  readonly stats: Effect.Effect<TransportStats>
}>()("@kps/transport/Transport") {}

/**
 * Largest message that the in-memory transport takes, encoded, in bytes. NATS's own default too.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxPayloadBytes: number = memory.maxPayloadBytes

/**
 * Layer that keeps every channel in this process, for tests, examples and pipelines of one process.
 *
 * **Details**
 *
 * Behaves as a broker that is never away: messages are encoded and decoded as on the wire, up to `maxPayloadBytes`
 * each; queue groups take turns. A subscriber holds up to 65,536 payloads or 8 MiB; what comes beyond is dropped and
 * counted. Needs no time to pass, so it works under `TestClock`. `TransportTest` has the same with a broker that can be
 * sent away.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<Transport> = Layer.effect(
  Transport,
  Effect.map(memory.make, ({ transport }) => transport)
)
