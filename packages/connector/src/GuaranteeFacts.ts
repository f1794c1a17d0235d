/**
 * What the guarantee of a stream follows from: what really runs, and how the broker keeps its channel.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The JetStream stream that stores a channel, as the broker has it. Durations are in milliseconds; `null` is no limit.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Stored = Schema.Struct({
  storage: Schema.Literals(["file", "memory"]),
  /** Servers that have a copy. */
  replicas: Schema.Int,
  retention: Schema.Literals(["limits", "interest", "workqueue"]),
  discard: Schema.Literals(["old", "new"]),
  maxAgeMillis: Schema.NullOr(Schema.Finite),
  maxBytes: Schema.NullOr(Schema.Finite),
  maxMessages: Schema.NullOr(Schema.Finite),
  duplicateWindowMillis: Schema.Finite
})

/**
 * @category models
 * @since 0.1.0
 */
export type Stored = typeof Stored.Type

/**
 * From outside to the channel.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Ingress = Schema.Struct({
  direction: Schema.Literal("INGRESS"),
  source: Schema.Literals(["lossy", "acknowledged", "resumable"]),
  /** Absent: core NATS, or the memory of a process; nothing stores the channel. */
  stored: Schema.optionalKey(Stored),
  /**
   * Whether the position of a resumable source is saved once a second where it outlives the process, too. Where the
   * channel is stored it is with the channel's last message in any case.
   */
  saved: Schema.Boolean,
  /** Whether a writer that lost its lease can store nothing more on the channel. */
  fenced: Schema.Boolean,
  /** Whether a lease keeps the stream to one process at a time. */
  leased: Schema.Boolean,
  /** The largest message that the broker takes, in bytes. */
  maxPayloadBytes: Schema.Finite
})

/**
 * @category models
 * @since 0.1.0
 */
export type Ingress = typeof Ingress.Type

/**
 * From the channel to outside. Of a stored channel a message is acknowledged when it is handled, and its items have the
 * same ids wherever they are delivered; otherwise neither is so.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Egress = Schema.Struct({
  direction: Schema.Literal("EGRESS"),
  /** What the sink says of itself. */
  idempotent: Schema.Boolean,
  /** For how long an idempotent sink knows an id, in milliseconds. Absent: for ever. */
  remembersMillis: Schema.optionalKey(Schema.Finite),
  /** Absent: core NATS, or the memory of a process; nothing stores the channel. */
  stored: Schema.optionalKey(Stored),
  /** How the broker keeps its consumer. Absent where nothing stores the channel, and while that is not known. */
  consumer: Schema.optionalKey(Schema.Struct({
    name: Schema.String,
    ackWaitMillis: Schema.Finite,
    maxAckPending: Schema.Finite
  })),
  /** What a stream that was never there begins with, of a channel that is stored. */
  from: Schema.Literals(["all", "new"]),
  ordering: Schema.Literals(["strict", "none"]),
  /** How long an item that fails is tried before it is a dead letter, in milliseconds; `null`: for ever. */
  horizonMillis: Schema.NullOr(Schema.Finite),
  /** Where dead letters are kept. */
  deadLetters: Schema.Literals(["memory", "jetstream"]),
  /** Tags of the errors whose items the failures table drops. */
  drops: Schema.Array(Schema.String),
  /** Whether a lease keeps the stream to one process at a time. */
  leased: Schema.Boolean
})

/**
 * @category models
 * @since 0.1.0
 */
export type Egress = typeof Egress.Type

/**
 * @category schemas
 * @since 0.1.0
 */
export const Facts = Schema.Union([Ingress, Egress])

/**
 * @category models
 * @since 0.1.0
 */
export type Facts = Ingress | Egress
