/**
 * Everything the three RPCs can fail with, as typed errors: a union for each RPC.
 *
 * `ContractTable` says how each of them travels.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { count, cut, quote } from "./internal/text.ts"
import type { Code, StreamFailure } from "./StreamSpec.ts"
import * as Violation from "./Violation.ts"

/**
 * The call is for another connector instance.
 *
 * @category errors
 * @since 0.1.0
 */
export class WrongConnectorId extends Schema.TaggedError<WrongConnectorId>(
  "@kps/server/ContractError/WrongConnectorId"
)("WrongConnectorId", {
  want: Schema.String,
  got: Schema.String
}) {
  override get message(): string {
    return `want connector_id ${quote(this.want)}, got ${quote(this.got)}`
  }
}

/**
 * GetPayload was asked for a kind that is none.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnknownPayloadKind extends Schema.TaggedError<UnknownPayloadKind>(
  "@kps/server/ContractError/UnknownPayloadKind"
)("UnknownPayloadKind", {
  /** The number as it came: enums of proto3 are open. */
  kind: Schema.Finite
}) {
  override get message(): string {
    return `want kind PAYLOAD_KIND_STREAM or PAYLOAD_KIND_CONFIG, got ${this.got}`
  }
  get got(): string {
    return this.kind === 0 ? "PAYLOAD_KIND_UNSPECIFIED" : String(this.kind)
  }
}

/**
 * A SetPayload that breaks the rules. Nothing of it was applied.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidPayloads extends Schema.TaggedError<InvalidPayloads>(
  "@kps/server/ContractError/InvalidPayloads"
)("InvalidPayloads", {
  /** Everything that is wrong, in the order of the request. */
  violations: Schema.NonEmptyArray(Violation.Violation)
}) {
  override get message(): string {
    return Violation.summary(this.violations)
  }
}

/**
 * A stream that does not run, of those that a SetPayload started or named.
 *
 * @category schemas
 * @since 0.1.0
 */
export const FailedStream = Schema.Struct({
  streamId: Schema.String,
  tag: Schema.String,
  code: Schema.Literals([
    "INTERNAL",
    "PERMISSION_DENIED",
    "UNAUTHENTICATED",
    "INVALID_ARGUMENT",
    "FAILED_PRECONDITION",
    "RESOURCE_EXHAUSTED",
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "DATA_LOSS"
  ]) satisfies Schema.Codec<Code>,
  message: Schema.String,
  /** Milliseconds until the next try; absent when there is none. */
  retryInMillis: Schema.optionalKey(Schema.Finite)
})

/**
 * @category models
 * @since 0.1.0
 */
export type FailedStream = typeof FailedStream.Type

/**
 * Which code a SetPayload with several failed streams has: the first of these that is present.
 *
 * @category constants
 * @since 0.1.0
 */
export const precedence: ReadonlyArray<Code> = FailedStream.fields.code.literals

/**
 * The request was applied, and some of its streams do not run. Those that can be tried again are.
 *
 * @category errors
 * @since 0.1.0
 */
export class StreamsFailed extends Schema.TaggedError<StreamsFailed>(
  "@kps/server/ContractError/StreamsFailed"
)("StreamsFailed", {
  /** How many streams were looked at. */
  asked: Schema.Finite,
  failed: Schema.NonEmptyArray(FailedStream)
}) {
  override get message(): string {
    const shown = this.failed.slice(0, 3).map(({ code, message, streamId }) =>
      `${quote(streamId)}: ${code}: ${cut(message)}`
    )
    const more = this.failed.length - shown.length
    const verb = this.failed.length === 1 ? "does" : "do"
    return `${this.failed.length} of ${count(this.asked, "stream")} ${verb} not run: ${shown.join("; ")}${
      more > 0 ? `; and ${more} more` : ""
    }`
  }
  /** The gravest code of the streams. */
  get code(): Code {
    return precedence.find((code) => this.failed.some((stream) => stream.code === code)) ?? "INTERNAL"
  }
}

/**
 * Makes the entry of a stream that failed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const failedStream = (streamId: string, failure: StreamFailure): FailedStream => ({
  streamId,
  tag: failure.tag,
  code: failure.code,
  message: failure.message,
  ...(failure.retryInMillis === undefined ? {} : { retryInMillis: failure.retryInMillis })
})

/**
 * The connector is shutting down and takes no SetPayload any more. The others are still answered.
 *
 * @category errors
 * @since 0.1.0
 */
export class ShuttingDown extends Schema.TaggedError<ShuttingDown>(
  "@kps/server/ContractError/ShuttingDown"
)("ShuttingDown", {}) {
  override get message(): string {
    return "the connector is shutting down"
  }
}

/**
 * What a SetPayload asks for could not be kept where the replicas share it. Nothing of it was applied, unless
 * `UNAVAILABLE` says that it is not known: then all of it may be, later.
 *
 * @category errors
 * @since 0.1.0
 */
export class StateFailed extends Schema.TaggedError<StateFailed>(
  "@kps/server/ContractError/StateFailed"
)("StateFailed", {
  /** The state cannot be reached; it changed all the time; it cannot be read; what is asked for is too large. */
  code: Schema.Literals(["UNAVAILABLE", "ABORTED", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"]),
  problem: Schema.String
}) {
  override get message(): string {
    return cut(this.problem, 500)
  }
}

/**
 * A bug, of ours or of the connector's author. What happened is in the log under the reference, and only there.
 *
 * @category errors
 * @since 0.1.0
 */
export class InternalError extends Schema.TaggedError<InternalError>(
  "@kps/server/ContractError/InternalError"
)("InternalError", {
  reference: Schema.String
}) {
  override get message(): string {
    return `internal error, reference ${this.reference}`
  }
}

/**
 * @category errors
 * @since 0.1.0
 */
export type GetPayloadError = WrongConnectorId | UnknownPayloadKind

/**
 * @category errors
 * @since 0.1.0
 */
export type SetPayloadError = WrongConnectorId | InvalidPayloads | StreamsFailed | StateFailed | ShuttingDown

/**
 * @category errors
 * @since 0.1.0
 */
export type GetEventsError = WrongConnectorId

/**
 * What any RPC can answer: `InternalError` is what becomes of a defect.
 *
 * @category errors
 * @since 0.1.0
 */
export type ContractError = GetPayloadError | SetPayloadError | GetEventsError | InternalError
