/**
 * The one table of what a caller can get instead of OK: docs/contract.md shows it, and a test compares the two.
 *
 * @since 0.1.0
 */
import { create } from "@bufbuild/protobuf"
import { ErrorDetails, type ResponseCodes } from "@kps/idl"
import type { ContractError } from "./ContractError.ts"
import { precedence } from "./ContractError.ts"
import { cut } from "./internal/text.ts"
import type { Violation } from "./Violation.ts"

/**
 * The RPCs of the contract.
 *
 * @category models
 * @since 0.1.0
 */
export type Rpc = "GetPayload" | "SetPayload" | "GetEvents"

/**
 * One detail, before it is packed.
 *
 * @category models
 * @since 0.1.0
 */
export type Detail = ErrorDetails.BadRequest | ErrorDetails.ErrorInfo | ErrorDetails.RetryInfo

/**
 * What the documentation says of an error.
 *
 * @category models
 * @since 0.1.0
 */
export interface Documented {
  readonly when: string
  readonly rpcs: ReadonlyArray<Rpc>
  /** The codes it can have; of several, the first that is present. Named alike in the contract and in gRPC. */
  readonly codes: ReadonlyArray<ResponseCodes.Name>
  /** The types of its details, without their package. */
  readonly details: ReadonlyArray<"BadRequest" | "ErrorInfo" | "RetryInfo">
}

/**
 * How an error of the contract travels.
 *
 * @category models
 * @since 0.1.0
 */
export interface Row<in E extends ContractError> extends Documented {
  readonly code: (error: E) => ResponseCodes.Name
  /** At most `told` violations or failed streams. */
  readonly toDetails: (error: E, told: number) => ReadonlyArray<Detail>
}

/**
 * The domain of every ErrorInfo.
 *
 * @category constants
 * @since 0.1.0
 */
export const domain = "kps.connector"

const all: ReadonlyArray<Rpc> = ["GetPayload", "SetPayload", "GetEvents"]

const info = (reason: string, metadata: Record<string, string> = {}) =>
  create(ErrorDetails.ErrorInfoSchema, { reason, domain, metadata })

const violating = (violations: ReadonlyArray<Violation>) =>
  create(ErrorDetails.BadRequestSchema, {
    fieldViolations: violations.map(({ description, path }) => ({ field: path, description }))
  })

const retryIn = (millis: number) =>
  create(ErrorDetails.RetryInfoSchema, {
    retryDelay: { seconds: BigInt(Math.floor(millis / 1000)), nanos: (millis % 1000) * 1_000_000 }
  })

/**
 * Errors of the contract itself: in band by default, gRPC statuses by choice.
 *
 * @category constants
 * @since 0.1.0
 */
export const table: { readonly [Tag in ContractError["_tag"]]: Row<Extract<ContractError, { readonly _tag: Tag }>> } = {
  WrongConnectorId: {
    when: "`connector_id` is not the id of this instance",
    rpcs: all,
    codes: ["INVALID_ARGUMENT"],
    details: ["BadRequest", "ErrorInfo"],
    code: () => "INVALID_ARGUMENT",
    toDetails: (error) => [violating([{ path: "connector_id", description: error.message }]), info(error._tag)]
  },
  UnknownPayloadKind: {
    when: "`kind` is unspecified, or a number this version does not know",
    rpcs: ["GetPayload"],
    codes: ["INVALID_ARGUMENT"],
    details: ["BadRequest", "ErrorInfo"],
    code: () => "INVALID_ARGUMENT",
    toDetails: (error) => [violating([{ path: "kind", description: error.message }]), info(error._tag)]
  },
  InvalidPayloads: {
    when: "a payload breaks a rule; nothing was applied",
    rpcs: ["SetPayload"],
    codes: ["INVALID_ARGUMENT"],
    details: ["BadRequest", "ErrorInfo"],
    code: () => "INVALID_ARGUMENT",
    toDetails: ({ _tag, violations }, told) => [violating(violations.slice(0, told)), info(_tag)]
  },
  StreamsFailed: {
    when: "applied, and at least one stream does not run",
    rpcs: ["SetPayload"],
    codes: precedence,
    details: ["ErrorInfo", "RetryInfo"],
    code: ({ code }) => code,
    toDetails: ({ failed }, told) => {
      const retries = failed.flatMap(({ retryInMillis }) => retryInMillis === undefined ? [] : [retryInMillis])
      return [
        ...failed.slice(0, told).map(({ code, message, retryInMillis, streamId, tag }) =>
          info(tag, {
            stream_id: streamId,
            code,
            message: cut(message, 500),
            ...(retryInMillis === undefined ? {} : { retry_in_millis: String(Math.round(retryInMillis)) })
          })
        ),
        // By then every one of them has been tried again.
        ...(retries.length === 0 ? [] : [retryIn(retries.reduce((a, b) => Math.max(a, Math.round(b)), 0))])
      ]
    }
  },
  StateFailed: {
    when: "what is asked for could not be kept where the replicas share it",
    rpcs: ["SetPayload"],
    codes: ["UNAVAILABLE", "ABORTED", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED"],
    details: ["ErrorInfo"],
    code: ({ code }) => code,
    toDetails: ({ _tag }) => [info(_tag)]
  },
  ShuttingDown: {
    when: "the connector is draining",
    rpcs: ["SetPayload"],
    codes: ["UNAVAILABLE"],
    details: ["ErrorInfo"],
    code: () => "UNAVAILABLE",
    toDetails: ({ _tag }) => [info(_tag)]
  },
  InternalError: {
    when: "a bug; the text is in the log under the reference",
    rpcs: all,
    codes: ["INTERNAL"],
    details: ["ErrorInfo"],
    code: () => "INTERNAL",
    toDetails: ({ _tag, reference }) => [info(_tag, { reference })]
  }
}

/**
 * What is never in band, since no reply is made: gRPC statuses without details, whatever the `errors` option says.
 *
 * @category constants
 * @since 0.1.0
 */
export const edge = {
  UnknownMethod: { when: "the path names no method of the contract", rpcs: all, codes: ["UNIMPLEMENTED"], details: [] },
  MessageTooLarge: {
    when: "the request is larger than 4 MiB",
    rpcs: all,
    codes: ["RESOURCE_EXHAUSTED"],
    details: []
  },
  ServerBusy: {
    when: "large requests and replies of all callers together are over 64 MiB",
    rpcs: all,
    codes: ["RESOURCE_EXHAUSTED"],
    details: []
  },
  MalformedMessage: { when: "the request is no protobuf message", rpcs: all, codes: ["INTERNAL"], details: [] },
  NestingTooDeep: {
    when: "a Struct is nested deeper than about 48 levels",
    rpcs: ["SetPayload"],
    codes: ["INTERNAL"],
    details: []
  },
  DeadlineExceeded: {
    when: "the caller's deadline passed before there was a reply",
    rpcs: all,
    codes: ["DEADLINE_EXCEEDED"],
    details: []
  },
  Cancelled: { when: "the caller cancelled", rpcs: all, codes: ["CANCELLED"], details: [] },
  Stopped: {
    when: "the connector stopped before there was a reply",
    rpcs: all,
    codes: ["UNAVAILABLE"],
    details: []
  }
} as const satisfies Record<string, Documented>

/**
 * @category converting
 * @since 0.1.0
 */
export const codeOf = (error: ContractError): ResponseCodes.Name => rowOf(error).code(error)

/**
 * @category converting
 * @since 0.1.0
 */
export const detailsOf = (error: ContractError, told: number): ReadonlyArray<Detail> =>
  rowOf(error).toDetails(error, told)

// One cast: the row is looked up by the tag of the error that it is then given.
const rowOf = (error: ContractError): Row<ContractError> => table[error._tag] as Row<ContractError>
