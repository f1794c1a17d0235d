/**
 * Reads what a connector answers, in whichever form it says that something went wrong.
 *
 * Three forms mean the same: a reply with a `ResponseStatus` in it, a gRPC status with the `ResponseStatus` as a detail,
 * and the bare gRPC status of the original SDK.
 *
 * @since 0.1.0
 */
import { fromBinary } from "@bufbuild/protobuf"
import { type Any, anyUnpack, type Duration as DurationMessage } from "@bufbuild/protobuf/wkt"
import type { ConnectError } from "@connectrpc/connect"
import { ErrorDetails, ResponseCode, ResponseCodes, type ResponseStatus, ResponseStatusSchema } from "@kps/idl"
import * as Result from "effect/Result"
import type { FailureCode, StreamFailure, Violation } from "./ClientError.ts"

/**
 * A refusal, read.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  readonly code: FailureCode
  readonly text: string
  readonly reason: string | undefined
  readonly violations: ReadonlyArray<Violation>
  readonly failures: ReadonlyArray<StreamFailure>
  readonly retryAfterMillis: number | undefined
  readonly details: ReadonlyArray<Detail>
}

/**
 * A message of any type, packed.
 *
 * @category models
 * @since 0.1.0
 */
export type Detail = Pick<Any, "typeUrl" | "value">

const failureCode = (name: ResponseCodes.Name): FailureCode => name === "OK" ? "UNKNOWN" : name

const millis = ({ nanos, seconds }: DurationMessage): number => Math.max(0, Number(seconds) * 1000 + nanos / 1e6)

const streamFailure = (info: ErrorDetails.ErrorInfo): ReadonlyArray<StreamFailure> => {
  const { code, message, retry_in_millis: retry, stream_id: streamId } = info.metadata
  if (streamId === undefined || code === undefined) return []
  return [{
    streamId,
    reason: info.reason,
    code: ResponseCodes.isName(code) ? failureCode(code) : "UNKNOWN",
    message: message ?? "",
    ...(retry !== undefined && /^\d{1,15}$/.test(retry) ? { retryAfterMillis: Number(retry) } : {})
  }]
}

const make = (code: ResponseCodes.Name, text: string, details: ReadonlyArray<Detail>): Answer => {
  const infos: Array<ErrorDetails.ErrorInfo> = []
  const violations: Array<Violation> = []
  let retryAfterMillis: number | undefined
  for (const { typeUrl, value } of details) {
    const any: Any = { $typeName: "google.protobuf.Any", typeUrl, value }
    // a detail that is damaged is one that says nothing; it stays in `details`
    Result.try(() => {
      const info = anyUnpack(any, ErrorDetails.ErrorInfoSchema)
      if (info !== undefined) infos.push(info)
      for (const { description, field } of anyUnpack(any, ErrorDetails.BadRequestSchema)?.fieldViolations ?? []) {
        violations.push({ field, description })
      }
      const delay = anyUnpack(any, ErrorDetails.RetryInfoSchema)?.retryDelay
      if (delay !== undefined) retryAfterMillis = millis(delay)
    })
  }
  return {
    code: failureCode(code),
    text,
    reason: infos[0]?.reason,
    violations,
    failures: infos.flatMap(streamFailure),
    retryAfterMillis,
    details: details.map(({ typeUrl, value }) => ({ typeUrl, value }))
  }
}

/**
 * The refusal in a reply, or `undefined` when the status says OK.
 *
 * **Details**
 *
 * A reply without a status, or with a code that this version does not know, did not say that all went well: it is
 * UNKNOWN, and the text says why.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofStatus = (status: ResponseStatus | undefined): Answer | undefined => {
  if (status === undefined) return make("UNKNOWN", "the reply has no status", [])
  const { code, details, message } = status
  if (code === ResponseCode.OK) return undefined
  const name = ResponseCodes.fromCode(code)
  if (ResponseCodes.toCode(name) === code) return make(name, message, details)
  const why = code === ResponseCode.UNSPECIFIED ? "the status has no code" : `the status has the unknown code ${code}`
  return make("UNKNOWN", message === "" ? why : `${why}: ${message}`, details)
}

// what the original says with a bare gRPC UNKNOWN, with the field that it means
const original: Readonly<Record<string, string>> = {
  "wrong Connector id": "connector_id",
  "unknown payload kind": "kind"
}

/**
 * The refusal in a gRPC status that came from the other side.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofGrpc = (error: ConnectError): Answer => {
  const details = error.details.flatMap((detail): ReadonlyArray<Detail> =>
    // those with a descriptor are ours, to be sent
    "desc" in detail ? [] : [{ typeUrl: `type.googleapis.com/${detail.type}`, value: detail.value }]
  )
  for (const { typeUrl, value } of details) {
    if (!typeUrl.endsWith(`/${ResponseStatusSchema.typeName}`)) continue
    const status = Result.try(() => fromBinary(ResponseStatusSchema, value))
    const answer = Result.isSuccess(status) ? ofStatus(status.success) : undefined
    if (answer !== undefined) return answer
  }
  const code = ResponseCodes.fromGrpc(error.code)
  const field = code === "UNKNOWN" && Object.hasOwn(original, error.rawMessage) ? original[error.rawMessage] : undefined
  if (field === undefined) return make(code, error.rawMessage, details)
  return {
    ...make("INVALID_ARGUMENT", error.rawMessage, details),
    violations: [{ field, description: error.rawMessage }]
  }
}
