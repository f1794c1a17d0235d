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
   * Where a resumable source finds its position again. `channel`: with the channel's last message, which an exclusive
   * writer has put there. `bucket`: where it is saved once a second. `process`: nowhere but in the process.
   */
  positions: Schema.Literals(["channel", "bucket", "process"]),
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
 * From the channel to outside.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Egress = Schema.Struct({
  direction: Schema.Literal("EGRESS"),
  /** What the sink says of itself. */
  idempotent: Schema.Boolean,
  /** Absent: core NATS, or the memory of a process; nothing stores the channel. */
  stored: Schema.optionalKey(Stored),
  /** Whether an item has the same id at every try of one `process` only, or wherever it is delivered from the `channel`. */
  ids: Schema.Literals(["process", "channel"]),
  ordering: Schema.Literals(["strict", "none"]),
  /** When a message counts as done at the broker: as soon as it was `taken`, or when it was `handled`. */
  acknowledged: Schema.Literals(["taken", "handled"]),
  /** How long an item that fails is tried before it is a dead letter, in milliseconds; `null`: for ever. */
  horizonMillis: Schema.NullOr(Schema.Finite),
  /** How long the broker waits for an acknowledgement, in milliseconds. */
  ackWaitMillis: Schema.Finite,
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
