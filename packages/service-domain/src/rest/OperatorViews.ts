/**
 * What an operator is shown of a service domain that runs: instances, streams, pipelines, log lines, messages.
 *
 * Instants are milliseconds since the Unix epoch. Sizes are bytes.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * What passes on a channel.
 *
 * **Details**
 *
 * Counted while somebody asks for it, from the first time on, and until ten seconds after the last; by then everything
 * is 0 again. One message is one frame on the channel, however many payloads it has.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Figures = Schema.Struct({
  messages: Schema.Int,
  bytes: Schema.Int,
  /** Over the last five seconds, or as long as it is counted. */
  messagesPerSecond: Schema.Finite,
  bytesPerSecond: Schema.Finite,
  /** When the last message passed. */
  lastMillis: Schema.optional(Schema.Finite),
  /** Messages that are stored and were not taken yet by the slowest reader; absent where nothing is stored, or not known. */
  lag: Schema.optional(Schema.Int)
}).annotate({ identifier: "Figures" })

/**
 * @category models
 * @since 0.1.0
 */
export type Figures = typeof Figures.Type

/**
 * @category schemas
 * @since 0.1.0
 */
export const Direction = Schema.Literals(["INGRESS", "EGRESS"])

/**
 * @category schemas
 * @since 0.1.0
 */
export const StreamView = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  direction: Direction,
  channel: Schema.String,
  /** Whether it ran when the connector was last asked; absent: not known. */
  subscribed: Schema.optional(Schema.Boolean),
  /** Why it does not run, as the connector said when it was last told to run it. */
  cause: Schema.optional(Schema.String),
  /** Absent: not asked for, or the broker is away. */
  figures: Schema.optional(Figures)
}).annotate({ identifier: "StreamView", description: "A stream of a connector instance." })

/**
 * @category models
 * @since 0.1.0
 */
export type StreamView = typeof StreamView.Type

/**
 * A stream that the connector offers and that nobody asked for.
 *
 * @category schemas
 * @since 0.1.0
 */
export const DiscoveredStream = Schema.Struct({
  id: Schema.String,
  direction: Direction,
  metadata: Schema.Record(Schema.String, Schema.Json)
}).annotate({ identifier: "DiscoveredStream" })

/**
 * @category models
 * @since 0.1.0
 */
export type DiscoveredStream = typeof DiscoveredStream.Type

/**
 * How an instance is.
 *
 * **Details**
 *
 * - `UNASSIGNED`: this process knows no command and no address for its class
 * - `STANDBY`: another process on the same store runs it
 * - `STARTING`: its connector is started, or waited for
 * - `RUNNING`: the connector has accepted what it is to run; single streams may not run all the same
 * - `FAILING`: what `cause` says is in the way; it is tried again for ever
 *
 * @category schemas
 * @since 0.1.0
 */
export const InstanceStatus = Schema.Literals(["UNASSIGNED", "STANDBY", "STARTING", "RUNNING", "FAILING"])

/**
 * @category models
 * @since 0.1.0
 */
export type InstanceStatus = typeof InstanceStatus.Type

/**
 * @category schemas
 * @since 0.1.0
 */
export const InstanceView = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  projectId: Schema.String,
  className: Schema.String,
  classVersion: Schema.String,
  status: InstanceStatus,
  sinceMillis: Schema.Finite,
  cause: Schema.optional(Schema.String),
  /** Of the connector's process, where this service domain started it. */
  pid: Schema.optional(Schema.Int),
  /** Where its contract is called, as `host:port`. */
  endpoint: Schema.optional(Schema.String),
  /** How often its process has ended and was started again. */
  restarts: Schema.Int,
  streams: Schema.Array(StreamView),
  discovered: Schema.Array(DiscoveredStream)
}).annotate({ identifier: "InstanceView", description: "A connector instance on the service domain." })

/**
 * @category models
 * @since 0.1.0
 */
export type InstanceView = typeof InstanceView.Type

/**
 * How a pipeline is: as its report says, or `REFUSED`, since it cannot be run here as its document is (`cause` has why);
 * or `STANDBY`, since another process on the same store runs it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const PipelineStatus = Schema.Literals(["REFUSED", "STANDBY", "STARTING", "RUNNING", "FAILING", "STOPPED"])

/**
 * @category models
 * @since 0.1.0
 */
export type PipelineStatus = typeof PipelineStatus.Type

/**
 * @category schemas
 * @since 0.1.0
 */
export const PipelineView = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  projectId: Schema.optional(Schema.String),
  status: PipelineStatus,
  sinceMillis: Schema.Finite,
  cause: Schema.optional(Schema.String),
  /** The channels that it takes from, and puts out to. */
  inputs: Schema.Array(Schema.String),
  outputs: Schema.Array(Schema.String),
  /** Payloads since it was started here, exact. */
  counters: Schema.Struct({
    received: Schema.Int,
    sampledOut: Schema.Int,
    published: Schema.Int,
    failed: Schema.Int,
    dropped: Schema.Int,
    inFlight: Schema.Int
  }),
  /** Over the last five seconds. */
  receivedPerSecond: Schema.Finite,
  publishedPerSecond: Schema.Finite,
  functions: Schema.Array(Schema.Struct({
    name: Schema.String,
    status: Schema.Literals(["STARTING", "RUNNING", "FAILING"]),
    processed: Schema.Int,
    sent: Schema.Int,
    failed: Schema.Int,
    restarts: Schema.Int
  }))
}).annotate({ identifier: "PipelineView", description: "A data pipeline on the service domain." })

/**
 * @category models
 * @since 0.1.0
 */
export type PipelineView = typeof PipelineView.Type

/**
 * @category schemas
 * @since 0.1.0
 */
export const Overview = Schema.Struct({
  serviceDomain: Schema.Struct({ id: Schema.String, name: Schema.String }),
  /** Of the process that answers. */
  pid: Schema.Int,
  startedMillis: Schema.Finite,
  /** When this was so. */
  atMillis: Schema.Finite,
  /** What connectors and pipelines are connected to. */
  broker: Schema.Struct({
    url: Schema.String,
    transport: Schema.Literals(["core", "jetstream"]),
    connected: Schema.Boolean,
    cause: Schema.optional(Schema.String)
  }),
  instances: Schema.Array(InstanceView),
  pipelines: Schema.Array(PipelineView)
}).annotate({ identifier: "Overview", description: "What runs on the service domain, and how." })

/**
 * @category models
 * @since 0.1.0
 */
export type Overview = typeof Overview.Type

/**
 * A line that a connector or a function wrote, or that tells of it ("system").
 *
 * @category schemas
 * @since 0.1.0
 */
export const LogLine = Schema.Struct({
  /** Grows by one with each line; 1 is the first since the service domain was started. */
  sequence: Schema.Int,
  atMillis: Schema.Finite,
  /** The name of the instance, or of the function. */
  from: Schema.String,
  source: Schema.Literals(["stdout", "stderr", "system"]),
  text: Schema.String
}).annotate({ identifier: "LogLine" })

/**
 * @category models
 * @since 0.1.0
 */
export type LogLine = typeof LogLine.Type

/**
 * A message that passed on a channel, for the eye: what looks like a secret is shown as `<redacted>`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const TappedMessage = Schema.Struct({
  channel: Schema.String,
  atMillis: Schema.Finite,
  /** When its producer stamped it: nanoseconds since the Unix epoch, as decimal digits. */
  timestampNanos: Schema.String,
  payloads: Schema.Array(Schema.Struct({
    byteLength: Schema.Int,
    /** Its text, redacted, at most 1,000 characters; absent when it is no text. */
    text: Schema.optional(Schema.String),
    /** Its first 64 bytes in hexadecimal, when it is no text. */
    hex: Schema.optional(Schema.String)
  })),
  /** Messages that passed before this one and are not shown, since they came faster than they are read. */
  missed: Schema.Int
}).annotate({ identifier: "TappedMessage" })

/**
 * @category models
 * @since 0.1.0
 */
export type TappedMessage = typeof TappedMessage.Type
