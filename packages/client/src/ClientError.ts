/**
 * Everything a call of a connector can fail with: one union of errors for each method.
 *
 * Texts that come from the connector are kept whole in the fields, and cut at 200 characters in the messages.
 *
 * @since 0.1.0
 */
import type { ResponseCodes } from "@kps/idl"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { cut, listed, quoted } from "./internal/text.ts"

/**
 * The name of a response code other than OK.
 *
 * @category schemas
 * @since 0.1.0
 */
export const FailureCode = Schema.Literals([
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "UNAUTHENTICATED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS"
]) satisfies Schema.Codec<Exclude<ResponseCodes.Name, "OK">>

/**
 * @category models
 * @since 0.1.0
 */
export type FailureCode = typeof FailureCode.Type

// those after which the same call may succeed, with nothing said about when
const retryable: ReadonlySet<FailureCode> = new Set<FailureCode>(["UNAVAILABLE", "ABORTED", "DEADLINE_EXCEEDED"])

/**
 * The method that was called: of the contract, or of the health service.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Rpc = Schema.Literals(["GetPayload", "SetPayload", "GetEvents", "Check", "Watch"])

/**
 * @category models
 * @since 0.1.0
 */
export type Rpc = typeof Rpc.Type

/**
 * One thing that is wrong with a request.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Violation = Schema.Struct({
  /** Path of the field, such as `payloads[2].stream.id`. */
  field: Schema.String,
  description: Schema.String
})

/**
 * @category models
 * @since 0.1.0
 */
export type Violation = typeof Violation.Type

/**
 * One stream that does not run.
 *
 * @category schemas
 * @since 0.1.0
 */
export const StreamFailure = Schema.Struct({
  streamId: Schema.String,
  /** Tag of the connector's error. */
  reason: Schema.String,
  code: FailureCode,
  message: Schema.String,
  /** When the connector tries again by itself, in milliseconds from its answer. Absent: it does not. */
  retryAfterMillis: Schema.optionalKey(Schema.Finite)
})

/**
 * @category models
 * @since 0.1.0
 */
export type StreamFailure = typeof StreamFailure.Type

/**
 * The connector refused the request, and nothing has changed.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>(
  "@kps/client/ClientError/InvalidRequest"
)("InvalidRequest", {
  endpoint: Schema.String,
  rpc: Rpc,
  /** What the connector says. */
  text: Schema.String,
  /** Tag of the connector's error, when it sent one. */
  reason: Schema.optionalKey(Schema.String),
  /** Everything that is wrong, as far as the connector tells; empty when it says it only in the text. */
  violations: Schema.Array(Violation)
}) {
  override get message(): string {
    const wrong = this.violations.map(({ description, field }) => `${cut(field)}: ${cut(description)}`)
    return `${this.rpc} refused by ${this.endpoint}: ${wrong.length === 0 ? cut(this.text) : listed(wrong)}`
  }
  get code(): FailureCode {
    return "INVALID_ARGUMENT"
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The request was accepted, and some of its streams do not run.
 *
 * **Details**
 *
 * The streams that are not named run, unless there were more than the connector could tell: then the text says so.
 *
 * @category errors
 * @since 0.1.0
 */
export class StreamsFailed extends Schema.TaggedError<StreamsFailed>(
  "@kps/client/ClientError/StreamsFailed"
)("StreamsFailed", {
  endpoint: Schema.String,
  rpc: Rpc,
  /** The gravest of the failures' codes, as the connector sees it. */
  code: FailureCode,
  /** What the connector says. */
  text: Schema.String,
  failures: Schema.NonEmptyArray(StreamFailure)
}) {
  override get message(): string {
    const failed = this.failures.map(({ code, message, streamId }) => `${quoted(streamId)}: ${code}: ${cut(message)}`)
    return `${this.rpc} of ${this.endpoint}: these streams do not run: ${listed(failed)}`
  }
  /** Whether all of the streams may run when the same request is sent again, later. */
  get isRetryable(): boolean {
    return this.failures.every(({ code, retryAfterMillis }) => retryAfterMillis !== undefined || retryable.has(code))
  }
}

/**
 * There is no connection, the connection broke during the call, or what answers there does not speak gRPC.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unreachable extends Schema.TaggedError<Unreachable>(
  "@kps/client/ClientError/Unreachable"
)("Unreachable", {
  endpoint: Schema.String,
  rpc: Rpc,
  /** What happened, in the words of the network. */
  text: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `cannot reach a connector at ${this.endpoint}: ${cut(this.text)}`
  }
  get code(): FailureCode {
    return "UNAVAILABLE"
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * The connector is there, and one side does not accept the certificate of the other.
 *
 * @category errors
 * @since 0.1.0
 */
export class CertificateRefused extends Schema.TaggedError<CertificateRefused>(
  "@kps/client/ClientError/CertificateRefused"
)("CertificateRefused", {
  endpoint: Schema.String,
  rpc: Rpc,
  /** The connector's certificate, by this side; or this side's, or its absence, by the connector. */
  whose: Schema.Literals(["connector", "client"]),
  /** What is wrong with it. */
  text: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return this.whose === "connector"
      ? `the certificate of the connector at ${this.endpoint} is refused: ${cut(this.text)}`
      : `the connector at ${this.endpoint} refuses the certificate of this client: ${cut(this.text)}`
  }
  get code(): FailureCode {
    return "UNAUTHENTICATED"
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The call's deadline passed before the connector answered. What was asked for may have happened all the same.
 *
 * @category errors
 * @since 0.1.0
 */
export class DeadlineExceeded extends Schema.TaggedError<DeadlineExceeded>(
  "@kps/client/ClientError/DeadlineExceeded"
)("DeadlineExceeded", {
  endpoint: Schema.String,
  rpc: Rpc,
  /** Infinite when the call had none of ours and the connector, or something in between, ended it. */
  deadline: Schema.Duration
}) {
  override get message(): string {
    return Duration.isFinite(this.deadline)
      ? `no answer to ${this.rpc} from ${this.endpoint} within ${Duration.format(this.deadline)}`
      : `${this.rpc} of ${this.endpoint} was ended by a deadline at the other side`
  }
  get code(): FailureCode {
    return "DEADLINE_EXCEEDED"
  }
  /** The methods of the contract may be called again. */
  get isRetryable(): boolean {
    return true
  }
}

/**
 * The call failed in any other way; `code` says how.
 *
 * @category errors
 * @since 0.1.0
 */
export class Rejected extends Schema.TaggedError<Rejected>(
  "@kps/client/ClientError/Rejected"
)("Rejected", {
  endpoint: Schema.String,
  rpc: Rpc,
  code: FailureCode,
  /** What the connector says, or what is wrong with its answer. */
  text: Schema.String,
  /** Tag of the connector's error, when it sent one. */
  reason: Schema.optionalKey(Schema.String),
  /** When to try again, in milliseconds from the answer, when the connector says so. */
  retryAfterMillis: Schema.optionalKey(Schema.Finite),
  /** Every detail of the answer, also those of types that this version does not know. */
  details: Schema.Array(Schema.Struct({ typeUrl: Schema.String, value: Schema.Uint8Array })),
  /** What was caught, when the failure is on this side. */
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return `${this.rpc} of ${this.endpoint} failed with ${this.code}: ${cut(this.text)}`
  }
  get isRetryable(): boolean {
    return this.retryAfterMillis !== undefined || retryable.has(this.code)
  }
}

/**
 * What GetPayload can fail with.
 *
 * @category errors
 * @since 0.1.0
 */
export const GetPayloadError = Schema.Union([
  InvalidRequest,
  Unreachable,
  CertificateRefused,
  DeadlineExceeded,
  Rejected
])

/**
 * @category errors
 * @since 0.1.0
 */
export type GetPayloadError = typeof GetPayloadError.Type

/**
 * What SetPayload can fail with.
 *
 * @category errors
 * @since 0.1.0
 */
export const SetPayloadError = Schema.Union([
  InvalidRequest,
  StreamsFailed,
  Unreachable,
  CertificateRefused,
  DeadlineExceeded,
  Rejected
])

/**
 * @category errors
 * @since 0.1.0
 */
export type SetPayloadError = typeof SetPayloadError.Type

/**
 * What GetEvents can fail with.
 *
 * @category errors
 * @since 0.1.0
 */
export const GetEventsError = Schema.Union([
  InvalidRequest,
  Unreachable,
  CertificateRefused,
  DeadlineExceeded,
  Rejected
])

/**
 * @category errors
 * @since 0.1.0
 */
export type GetEventsError = typeof GetEventsError.Type

/**
 * What asking for the health can fail with.
 *
 * @category errors
 * @since 0.1.0
 */
export const HealthError = Schema.Union([Unreachable, CertificateRefused, DeadlineExceeded, Rejected])

/**
 * @category errors
 * @since 0.1.0
 */
export type HealthError = typeof HealthError.Type
