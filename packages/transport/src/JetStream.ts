/**
 * What JetStream can do for a channel beyond `Transport`: messages with ids and positions, an exclusive writer, the
 * channel's last message, and consumers that acknowledge.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { ChannelName, Message } from "./Channel.ts"
import type { PublishOptions } from "./Transport.ts"
import type { TransportError } from "./TransportError.ts"

/**
 * What the stream of a channel is made with. A stream that is there is compared with what is given here, and with
 * nothing else: what is left out may be as it is.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamOptions {
  /** Begins the names of streams, at most 50 characters. Default: "KPS_". */
  readonly prefix?: string | undefined
  /**
   * Name of the stream of a channel. Default: the prefix, then the channel with `_` for its dots and `=` with two
   * hexadecimal digits for each byte of what is no letter, digit or `-`.
   */
  readonly name?: ((channel: ChannelName) => string) | undefined
  /** Default: "file". */
  readonly storage?: "file" | "memory" | undefined
  /** Servers that have a copy, 1 to 5. One does not outlive the loss of its machine. Default: 1. */
  readonly replicas?: number | undefined
  /**
   * When a message goes: with the limits, when every consumer that is there has acknowledged it, or when the only one
   * has. Exclusive writers and resume points want "limits", since they read back what is stored. Default: "limits".
   */
  readonly retention?: "limits" | "interest" | "workqueue" | undefined
  /** A message that is older goes. `Duration.infinity`: none does for its age. Default: 7 days. */
  readonly maxAge?: Duration.Input | undefined
  /** Most bytes that the stream takes. Default: no limit. */
  readonly maxBytes?: number | undefined
  /** Most messages that the stream takes. Default: no limit. */
  readonly maxMessages?: number | undefined
  /** What a full stream does: the oldest messages go, or new ones are refused. Default: "old". */
  readonly discard?: "old" | "new" | undefined
  /** For so long the id of a message is known: one that comes again is stored once. Default: 2 minutes. */
  readonly duplicateWindow?: Duration.Input | undefined
  /** Compression of the files; "s2" wants nats-server 2.10. Default: "none". */
  readonly compression?: "none" | "s2" | undefined
  /**
   * What to do with a stream that is there and differs from what is given: fail with `SettingsDiffer`, or raise `maxAge`,
   * `maxBytes`, `maxMessages` and `duplicateWindow` where only these differ and are larger here, and fail otherwise.
   * Nothing else is ever changed. Default: "fail".
   */
  readonly onDifference?: "fail" | "grow" | undefined
}

/**
 * How the broker keeps the stream of a channel. Durations are in milliseconds; `null` is no limit.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamSettings {
  readonly storage: "file" | "memory"
  /** Servers that have a copy. */
  readonly replicas: number
  readonly retention: "limits" | "interest" | "workqueue"
  readonly discard: "old" | "new"
  readonly maxAgeMillis: number | null
  readonly maxBytes: number | null
  readonly maxMessages: number | null
  readonly duplicateWindowMillis: number
}

/**
 * How the broker keeps a durable consumer.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConsumerSettings {
  readonly ackWaitMillis: number
  /** Most messages that its readers hold together. */
  readonly maxAckPending: number
}

/**
 * A message as it is published to JetStream. The `Transport` of this layer takes them too.
 *
 * @category models
 * @since 0.1.0
 */
export interface PublishedMessage extends Message {
  /**
   * Header `Nats-Msg-Id`, at most 128 bytes: of messages with one id, within the duplicate window, one is stored. An
   * exclusive writer adds `@` and its epoch. Default: an id that nobody else has.
   */
  readonly id?: string | undefined
  /** Header `Kps-Position`, at most 16 KiB: where its source is to go on after this message. Default: none. */
  readonly position?: string | undefined
}

/**
 * What is known of a stored message without its payloads.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredMessage {
  /** In the stream of the channel: 1 for the first. */
  readonly sequence: number
  readonly id: string | undefined
  readonly position: string | undefined
  /** Of the exclusive writer that published it. */
  readonly epoch: number | undefined
}

/**
 * Where a source that can be resumed goes on, and where its writer begins.
 *
 * @category models
 * @since 0.1.0
 */
export interface ResumePoint {
  /** The last sequence of the stream, 0 before the first message: `after` of the writer. */
  readonly sequence: number
  /** The last message with a position. */
  readonly message: Option.Option<StoredMessage>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface WriterOptions {
  /**
   * Number of the lease that this writer holds, a whole number of at least 0: a later holder has a higher one. Travels as
   * header `Kps-Epoch`.
   */
  readonly epoch: number
  /** The sequence of the resume point that the source begins at. Default: the last one when the writer is opened. */
  readonly after?: number | undefined
}

/**
 * A writer that is the only one with an epoch on its channel.
 *
 * **Details**
 *
 * Every message expects the one before it, and the first one the sequence that the writer was opened after. So what is
 * stored follows the resume point without a gap and without a repeat, however often it had to be sent. When another
 * epoch's message is found there, this call and all later ones fail with `WriterFenced`: an old holder that was stopped
 * and goes on can store nothing after its successor's first message. Messages without an epoch are counted as foreign and
 * passed over.
 *
 * @category models
 * @since 0.1.0
 */
export interface Writer {
  /** As `Transport.publishAll`. */
  readonly publishAll: (
    messages: ReadonlyArray<PublishedMessage>,
    options?: PublishOptions
  ) => Effect.Effect<void, TransportError>
  /** As `Transport.publishConfirmed`. */
  readonly publishConfirmed: (
    messages: ReadonlyArray<PublishedMessage>,
    options?: PublishOptions
  ) => Effect.Effect<void, TransportError>
  /**
   * Succeeds when everything that was published before is stored, but for what its publisher was told of. Fails with why
   * the writer has ended, as `WriterFenced`, when some of it was not stored by then.
   */
  readonly flush: Effect.Effect<void, TransportError>
  /** The last sequence of the stream that this writer knows of. */
  readonly sequence: Effect.Effect<number>
}

/**
 * A message that was delivered and is to be acknowledged.
 *
 * @category models
 * @since 0.1.0
 */
export interface Delivery extends Message, StoredMessage {
  /** How often it was delivered, this time too: 1 for the first. */
  readonly deliveryCount: number
  /** When it was stored: milliseconds since the Unix epoch. */
  readonly storedMillis: number
  /** The bytes that were stored, without headers: a view. */
  readonly frame: Uint8Array
  /** Every header, those of other publishers too. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
}

/**
 * A stored frame that is no `TransportMessage`.
 *
 * @category models
 * @since 0.1.0
 */
export type MalformedDelivery = Omit<Delivery, keyof Message> & { readonly error: TransportError }

/**
 * @category models
 * @since 0.1.0
 */
export interface ConsumerOptions {
  /**
   * Name of the durable consumer: what it has acknowledged outlives this process. Made when it is not there. One that a
   * queue group of that name has is refused with `SettingsDiffer`, and the other way round.
   */
  readonly name: string
  /** What a new consumer begins with. One that is there goes on where it is. Default: "all". */
  readonly from?: "all" | "new" | { readonly sequence: number } | undefined
  /**
   * Whether this is the only reader: messages then come in the order of the stream, also after a crash of a reader
   * before this one, a broken connection, or an expired lease. What an earlier reader held is delivered again at once.
   * With false, several readers share the messages, and what one of them held comes when its lease is over. Default:
   * false.
   */
  readonly exclusive?: boolean | undefined
  /** How long a message may be held before it is delivered again. Default: that of the transport's options. */
  readonly ackWait?: Duration.Input | undefined
  /** Most messages that all readers together hold. Default: that of the transport's options. */
  readonly maxAckPending?: number | undefined
  /** Most bytes of messages that wait here to be read. Default: that of the transport's options. */
  readonly maxBufferedBytes?: number | undefined
  /**
   * Who keeps the lease of messages that are held: this consumer, until they are acknowledged or given back, or its user
   * by `extend`. What waits to be read is kept in either case. Default: "consumer".
   */
  readonly lease?: "consumer" | "user" | undefined
  /**
   * Called for each frame that is no `TransportMessage`, one call at a time, apart from the deliveries; the frame is
   * acknowledged after it, and given back when it throws. What waits for it takes room from the deliveries. Default: it is
   * counted and acknowledged.
   */
  readonly onMalformed?: ((malformed: MalformedDelivery) => Effect.Effect<void>) | undefined
  /**
   * Called when messages were removed from the stream before this consumer had them, with how many. Only an exclusive one
   * can tell. Default: they are only counted.
   */
  readonly onMissed?: ((count: number) => Effect.Effect<void>) | undefined
  /**
   * When it succeeds, no more is taken: what waits to be read is given back, and the deliveries end. What is held can
   * still be acknowledged. Default: never.
   */
  readonly drainWhen?: Effect.Effect<void> | undefined
}

/**
 * A durable consumer in the hands of one reader.
 *
 * **Details**
 *
 * Delivery is at least once: what is not acknowledged comes again, to this process or another one. A message that is held
 * here is not delivered a second time meanwhile.
 *
 * @category models
 * @since 0.1.0
 */
export interface Consumer {
  /** Arrays as they come, pulled: what is not read is not asked for. Outlives reconnects. Can be run once. */
  readonly deliveries: Stream.Stream<Delivery, TransportError>
  /**
   * They are handled, and not delivered again. While the broker is away it is kept, and said when it is back; when the
   * process ends before, they come again. What is not held is ignored.
   */
  readonly ack: (deliveries: ReadonlyArray<Delivery>) => Effect.Effect<void>
  /** Their lease begins anew. */
  readonly extend: (deliveries: ReadonlyArray<Delivery>) => Effect.Effect<void>
  /**
   * They are not handled here, and are delivered again, after `delay` (default: at once), behind others that are on their
   * way. For giving up: to try again, keep them.
   */
  readonly giveBack: (
    deliveries: ReadonlyArray<Delivery>,
    options?: { readonly delay?: Duration.Input }
  ) => Effect.Effect<void>
  /** How the consumer stands with the broker. */
  readonly state: Effect.Effect<ConsumerState, TransportError>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface ConsumerState {
  /** Messages that were never delivered. */
  readonly pending: number
  /** Messages that are held by its readers. */
  readonly ackPending: number
  /** All up to this sequence are acknowledged. */
  readonly ackFloor: number
}

/**
 * What happened below `TransportStats` since the transport was made. Counts are exact and never go down.
 *
 * @category models
 * @since 0.1.0
 */
export interface JetStreamStats {
  /** Messages handed to a connection, each time. */
  readonly sent: number
  /** Of these, those that were sent before. */
  readonly resent: number
  /** Refusals since the message before was not the last one of the stream: the window was sent again from there. */
  readonly resyncs: number
  /** Messages that the broker had already. */
  readonly duplicates: number
  /** Messages whose answer never came and that were found in the stream. */
  readonly foundStored: number
  /** Messages of others that were seen among one's own. */
  readonly foreign: number
  /** How often answers did not come in time. */
  readonly ackTimeouts: number
  /** How often a stream was found to be another one under the same name: what was stored in the old one is gone. */
  readonly streamsRemade: number
  /** Messages acknowledged. */
  readonly acknowledged: number
  /** Deliveries that were not the first of their message. */
  readonly redelivered: number
  /** Messages given back. */
  readonly givenBack: number
  /** Messages that were removed from a stream before an exclusive consumer had them. */
  readonly missed: number
}

/**
 * Service with what JetStream keeps for channels.
 *
 * @category services
 * @since 0.1.0
 */
export class JetStream extends Context.Service<JetStream, {
  /** Makes the stream of the channel, or checks it, and gives its name. Publishing and subscribing do so too. */
  readonly stream: (channel: ChannelName) => Effect.Effect<string, TransportError>

  /** The settings of the channel's stream as the broker has them now, whatever was asked for. Makes it when it is not there. */
  readonly settings: (channel: ChannelName) => Effect.Effect<StreamSettings, TransportError>

  /** The settings of the channel's consumer of this name as the broker has them now; none when it is not there. */
  readonly consumerSettings: (
    channel: ChannelName,
    name: string
  ) => Effect.Effect<Option.Option<ConsumerSettings>, TransportError>

  /** The last message of the channel. */
  readonly lastMessage: (channel: ChannelName) => Effect.Effect<Option.Option<StoredMessage>, TransportError>

  /** The last message of the channel that has a position, however far back, and the channel's last sequence. */
  readonly resumePoint: (channel: ChannelName) => Effect.Effect<ResumePoint, TransportError>

  /**
   * Opens a writer that is fenced by its epoch. Fails with `WriterFenced` when a message of a later epoch is there
   * already, and with `WriterUnfenced` when the stream has another retention than "limits".
   */
  readonly writer: (
    channel: ChannelName,
    options: WriterOptions
  ) => Effect.Effect<Writer, TransportError, Scope.Scope>

  /** Opens a durable consumer. Closing the scope gives back what is held. */
  readonly consumer: (
    channel: ChannelName,
    options: ConsumerOptions
  ) => Effect.Effect<Consumer, TransportError, Scope.Scope>

  /** What happened since the transport was made. */
  readonly stats: Effect.Effect<JetStreamStats>
}>()("@kps/transport/JetStream") {}
