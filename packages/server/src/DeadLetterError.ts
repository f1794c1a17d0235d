/**
 * Failures of the dead-letter store, each one wrapped in a single `DeadLetterError`.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { cut, quote } from "./internal/text.ts"

const because = (cause: unknown): string =>
  cause instanceof Error && cause.message !== "" ? `: ${cut(cause.message)}` : ""

/**
 * The store could not be reached, or gave no answer: what was to be stored may have been.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unavailable extends Schema.TaggedError<Unavailable>("@kps/server/DeadLetterError/Unavailable")(
  "Unavailable",
  { operation: Schema.String, instance: Schema.String, cause: Schema.Defect() }
) {
  override get message(): string {
    return `cannot ${this.operation} dead letters of connector ${quote(this.instance)}${because(this.cause)}`
  }
}

/**
 * There is no such letter: it never was, was purged, or had to make room.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotFound extends Schema.TaggedError<NotFound>("@kps/server/DeadLetterError/NotFound")("NotFound", {
  instance: Schema.String,
  id: Schema.String
}) {
  override get message(): string {
    return `connector ${quote(this.instance)} has no dead letter ${quote(this.id)}`
  }
}

/**
 * A letter is there and cannot be read: it is damaged, or of a later version of this software.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unreadable extends Schema.TaggedError<Unreadable>("@kps/server/DeadLetterError/Unreadable")("Unreadable", {
  instance: Schema.String,
  id: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `cannot read dead letter ${quote(this.id)} of connector ${quote(this.instance)}: ${cut(this.problem)}`
  }
}

/**
 * Nothing on the broker would take a replay: neither a subscriber nor a stream. Nothing was published.
 *
 * @category errors
 * @since 0.1.0
 */
export class NobodyListens extends Schema.TaggedError<NobodyListens>("@kps/server/DeadLetterError/NobodyListens")(
  "NobodyListens",
  { channel: Schema.String, id: Schema.String }
) {
  override get message(): string {
    return `nobody listens on channel ${quote(this.channel)}: dead letter ${quote(this.id)} was not replayed; ` +
      "start the stream first"
  }
}

/**
 * The letter cannot be published again.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotReplayed extends Schema.TaggedError<NotReplayed>("@kps/server/DeadLetterError/NotReplayed")(
  "NotReplayed",
  { channel: Schema.String, id: Schema.String, cause: Schema.Defect() }
) {
  override get message(): string {
    return `cannot replay dead letter ${quote(this.id)} to channel ${quote(this.channel)}${because(this.cause)}`
  }
}

/**
 * Why an operation on dead letters failed.
 *
 * @category errors
 * @since 0.1.0
 */
export const DeadLetterErrorReason = Schema.Union([Unavailable, NotFound, Unreadable, NobodyListens, NotReplayed])

/**
 * @category errors
 * @since 0.1.0
 */
export type DeadLetterErrorReason = typeof DeadLetterErrorReason.Type

/**
 * The one error of the dead-letter store; `reason` says what happened.
 *
 * @category errors
 * @since 0.1.0
 */
export class DeadLetterError extends Schema.TaggedError<DeadLetterError>("@kps/server/DeadLetterError")(
  "DeadLetterError",
  { reason: DeadLetterErrorReason }
) {
  override readonly cause = this.reason

  override get message(): string {
    return this.reason.message
  }
}
