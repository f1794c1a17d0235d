/**
 * The alerts and statuses that the framework itself raises and sets, for streams and for the connector.
 *
 * Names, messages and metadata keys of those that the original SDK has are the original's.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as CauseText from "./CauseText.ts"
import * as Event from "./Event.ts"

/**
 * Schema of the metadata of every built-in event: three keys, always present.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Metadata = Schema.Struct({
  /** What went wrong, in one line; empty when nothing did. */
  ErrorMessage: Schema.String.pipe(Schema.withConstructorDefault(Effect.succeed(""))),
  /** Empty: the connector as a whole. */
  StreamID: Schema.String.pipe(Schema.withConstructorDefault(Effect.succeed(""))),
  /** Whatever else helps. */
  ExtraMessage: Schema.JsonObject.pipe(Schema.withConstructorDefault(Effect.succeed({})))
})

/**
 * @category models
 * @since 0.1.0
 */
export type Metadata = typeof Metadata.Type

/**
 * Fills in the metadata of a built-in event. Nothing is checked: what is not JSON is dealt with by the registry.
 *
 * @category constructors
 * @since 0.1.0
 */
export const metadata = (options: {
  /** Default: empty. */
  readonly errorMessage?: string
  /** Default: empty, the connector as a whole. */
  readonly streamId?: string
  /** Default: `{}`. */
  readonly extra?: Schema.JsonObject
}): Metadata => ({
  ErrorMessage: options.errorMessage ?? "",
  StreamID: options.streamId ?? "",
  ExtraMessage: options.extra ?? {}
})

/**
 * The metadata of a failure that lasts: the whole cause, since when, how often it was tried, when the next try is.
 *
 * **Details**
 *
 * `ErrorMessage` is the first error alone; `ExtraMessage` has `cause` (every error with the errors behind it, without
 * stacks), `since` and `nextRetry` (ISO 8601; no `nextRetry`: nothing is tried by itself any more) and `attempts`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const failure = (options: {
  readonly streamId?: string
  readonly cause: Cause.Cause<unknown>
  /** When the first error of this row happened. */
  readonly since: DateTime.DateTime
  /** How many tries failed so far. */
  readonly attempts: number
  /** When it is tried again. Default: never. */
  readonly nextRetry?: DateTime.DateTime
}): Metadata =>
  metadata({
    errorMessage: CauseText.first(options.cause),
    streamId: options.streamId ?? "",
    extra: {
      cause: CauseText.all(options.cause),
      since: DateTime.formatIso(options.since),
      attempts: options.attempts,
      ...(options.nextRetry === undefined ? {} : { nextRetry: DateTime.formatIso(options.nextRetry) })
    }
  })

const slot = "stream"

/**
 * The stream was opened; nothing has flowed yet.
 *
 * @category statuses
 * @since 0.1.0
 */
export const streamStarted = Event.status("streamStarted", {
  slot,
  message: "stream has successfully started",
  state: "PROVISIONED",
  metadata: Metadata
})

/**
 * The stream works: what it takes arrives.
 *
 * @category statuses
 * @since 0.1.0
 */
export const streamHealthy = Event.status("streamHealthy", {
  slot,
  message: "stream is healthy",
  state: "HEALTHY",
  metadata: Metadata
})

/**
 * The stream does not work for now, and is tried again by itself.
 *
 * @category statuses
 * @since 0.1.0
 */
export const streamUnhealthy = Event.status("streamUnhealthy", {
  slot,
  message: "stream is unhealthy",
  state: "UNHEALTHY",
  metadata: Metadata
})

/**
 * The stream is given up until a SetPayload names it again.
 *
 * @category statuses
 * @since 0.1.0
 */
export const streamHalted = Event.status("streamHalted", {
  slot,
  message: "stream is halted",
  state: "FAILED",
  metadata: Metadata
})

/**
 * The stream's source has ended by itself, and all of it was handed over.
 *
 * @category statuses
 * @since 0.1.0
 */
export const streamDone = Event.status("streamDone", {
  slot,
  message: "stream is done",
  state: "HEALTHY",
  metadata: Metadata
})

/**
 * The author's code failed: see `failure` for its metadata. The failures table gives the severity.
 *
 * @category alerts
 * @since 0.1.0
 */
export const streamFailed = Event.alert("streamFailed", {
  message: "stream failed",
  severity: "CRITICAL",
  metadata: Metadata
})

/**
 * @category alerts
 * @since 0.1.0
 */
export const transportPublishFailed = Event.alert("transportPublishFailed", {
  message: "failed to publish message on transport",
  severity: "CRITICAL",
  metadata: Metadata
})

/**
 * @category alerts
 * @since 0.1.0
 */
export const transportSubscribeFailed = Event.alert("transportSubscribeFailed", {
  message: "failed to subscribe to transport",
  severity: "CRITICAL",
  metadata: Metadata
})

/**
 * @category alerts
 * @since 0.1.0
 */
export const transportUnsubscribeFailed = Event.alert("transportUnsubscribeFailed", {
  message: "failed to unsubscribe from transport",
  severity: "CRITICAL",
  metadata: Metadata
})

/**
 * The platform's broker is away; about the connector as a whole.
 *
 * @category alerts
 * @since 0.1.0
 */
export const transportDisconnected = Event.alert("transportDisconnected", {
  message: "transport is disconnected",
  severity: "CRITICAL",
  state: "UNHEALTHY",
  metadata: Metadata
})

/**
 * A frame of the channel is no `TransportMessage`: it was counted and skipped.
 *
 * @category alerts
 * @since 0.1.0
 */
export const malformedFrame = Event.alert("malformedFrame", {
  message: "malformed message on transport was skipped",
  severity: "WARNING",
  state: "UNHEALTHY",
  metadata: Metadata
})

/**
 * The broker dropped messages because this subscriber did not keep up.
 *
 * @category alerts
 * @since 0.1.0
 */
export const slowConsumer = Event.alert("slowConsumer", {
  message: "transport dropped messages for a slow consumer",
  severity: "CRITICAL",
  state: "UNHEALTHY",
  metadata: Metadata
})

/**
 * An item was given up, as the failures table says.
 *
 * @category alerts
 * @since 0.1.0
 */
export const itemDropped = Event.alert("itemDropped", {
  message: "item was dropped",
  severity: "CRITICAL",
  metadata: Metadata
})

/**
 * Messages could not be delivered and are kept as dead letters: `kps dlq` shows them and publishes them again.
 *
 * @category alerts
 * @since 0.1.0
 */
export const messageDeadLettered = Event.alert("messageDeadLettered", {
  message: "message could not be delivered and is kept as a dead letter",
  severity: "CRITICAL",
  metadata: Metadata
})

/**
 * Dead letters were taken away, oldest first, since there are too many of them or they are too old.
 *
 * @category alerts
 * @since 0.1.0
 */
export const deadLettersEvicted = Event.alert("deadLettersEvicted", {
  message: "old dead letters were removed to make room",
  severity: "WARNING",
  metadata: Metadata
})

/**
 * Messages cannot be delivered, and cannot be kept as dead letters either: the stream waits until they can.
 *
 * @category alerts
 * @since 0.1.0
 */
export const deadLettersHeld = Event.alert("deadLettersHeld", {
  message: "dead letters cannot be stored, the stream waits",
  severity: "CRITICAL",
  state: "UNHEALTHY",
  metadata: Metadata
})

/**
 * The files of the server's TLS certificate hold something else, and it cannot be used. What was in force before still
 * is; about the connector as a whole.
 *
 * @category alerts
 * @since 0.1.0
 */
export const tlsCertificateRefused = Event.alert("tlsCertificateRefused", {
  message: "new TLS certificate cannot be used, the old one stays in force",
  severity: "CRITICAL",
  state: "UNHEALTHY",
  metadata: Metadata
})

/**
 * The server's TLS certificate ends soon; CRITICAL when it has ended. About the connector as a whole.
 *
 * @category alerts
 * @since 0.1.0
 */
export const tlsCertificateExpires = Event.alert("tlsCertificateExpires", {
  message: "TLS certificate expires soon",
  severity: "WARNING",
  state: "UNHEALTHY",
  metadata: Metadata
})

/**
 * The saved position of the stream's source cannot be used: it is damaged, of a later version, or does not fit the
 * source; or it cannot be reached. Nothing is read until it can.
 *
 * @category alerts
 * @since 0.1.0
 */
export const positionFailed = Event.alert("positionFailed", {
  message: "position of the source cannot be used",
  severity: "CRITICAL",
  metadata: Metadata
})

/**
 * The position of the stream's source cannot be saved for now: what is read meanwhile comes again after a restart.
 *
 * @category alerts
 * @since 0.1.0
 */
export const positionNotSaved = Event.alert("positionNotSaved", {
  message: "position of the source cannot be saved",
  severity: "WARNING",
  state: "UNHEALTHY",
  metadata: Metadata
})

/**
 * A stream that was asked for before, and kept, does not fit the connector's class any more, as after an upgrade. It is
 * kept and not run; the others are.
 *
 * @category alerts
 * @since 0.1.0
 */
export const streamRefused = Event.alert("streamRefused", {
  message: "stored stream does not fit the connector any more",
  severity: "CRITICAL",
  metadata: Metadata
})

/**
 * The config that was given before, and kept, does not fit the connector's class any more; about the connector as a
 * whole.
 *
 * @category alerts
 * @since 0.1.0
 */
export const configRefused = Event.alert("configRefused", {
  message: "stored config does not fit the connector any more",
  severity: "CRITICAL",
  metadata: Metadata
})

/**
 * What the platform asked for is kept and cannot be read: it is damaged, or of a later version. What was in force before
 * still is; about the connector as a whole.
 *
 * @category alerts
 * @since 0.1.0
 */
export const stateUnreadable = Event.alert("stateUnreadable", {
  message: "stored state cannot be read",
  severity: "CRITICAL",
  metadata: Metadata
})

/**
 * The connector could not say what the outside system offers.
 *
 * @category alerts
 * @since 0.1.0
 */
export const discoverFailed = Event.alert("discoverFailed", {
  message: "failed to discover streams",
  severity: "WARNING",
  metadata: Metadata
})

/**
 * There is more to report than is kept; `ExtraMessage.dropped` counts since the connector started. Raised by the
 * registry itself, about the connector as a whole, and never dropped.
 *
 * @category alerts
 * @since 0.1.0
 */
export const eventsDropped = Event.alert("eventsDropped", {
  message: "events were dropped for want of room",
  severity: "WARNING",
  state: "UNHEALTHY",
  metadata: Metadata
})
