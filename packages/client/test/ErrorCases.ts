import type { MessageInitShape } from "@bufbuild/protobuf"
import { ResponseCode, ResponseCodes, type ResponseStatusSchema } from "@kps/idl"
import { badRequest, errorInfo, retryInfo } from "./TestConnector.ts"

/** A status, and what it is to the caller of SetPayload and of the other methods, without place and method. */
export interface ErrorCase {
  readonly name: string
  readonly status: MessageInitShape<typeof ResponseStatusSchema>
  readonly setPayload: object
  readonly others: object
}

const forAll = (name: string, status: ErrorCase["status"], error: object): ErrorCase => ({
  name,
  status,
  setPayload: error,
  others: error
})

const kept = (...details: ReadonlyArray<{ readonly typeUrl: string; readonly value: Uint8Array }>) =>
  details.map(({ typeUrl, value }) => ({ typeUrl, value }))

const unreachable = errorInfo("BrokerUnreachable", {
  stream_id: "a",
  code: "UNAVAILABLE",
  message: "cannot connect to a:1",
  retry_in_millis: "250"
})
const denied = errorInfo("SubjectDenied", { stream_id: "b", code: "PERMISSION_DENIED", message: "no" })
const odd = errorInfo("R", { stream_id: "a", code: "OK", retry_in_millis: "-1" })
const newer = errorInfo("R", { stream_id: "b", code: "NEW" })
const other = { typeUrl: "type.googleapis.com/some.Other", value: Uint8Array.of(1, 2) }
const damaged = { typeUrl: "type.googleapis.com/google.rpc.ErrorInfo", value: Uint8Array.of(255) }
const violations = [
  { field: "payloads[0].stream.id", description: "must not be empty" },
  { field: "x", description: "y" }
]

export const errorCases: ReadonlyArray<ErrorCase> = [
  forAll(
    "all violations",
    {
      code: ResponseCode.INVALID_ARGUMENT,
      message: "2 violations",
      details: [badRequest(...violations), errorInfo("InvalidPayload")]
    },
    { _tag: "InvalidRequest", text: "2 violations", reason: "InvalidPayload", violations, isRetryable: false }
  ),
  forAll(
    "an invalid request without details",
    { code: ResponseCode.INVALID_ARGUMENT, message: "no" },
    { _tag: "InvalidRequest", text: "no", violations: [], isRetryable: false }
  ),
  {
    name: "streams that failed",
    status: { code: ResponseCode.PERMISSION_DENIED, message: "m", details: [unreachable, denied] },
    setPayload: {
      _tag: "StreamsFailed",
      code: "PERMISSION_DENIED",
      text: "m",
      failures: [
        {
          streamId: "a",
          reason: "BrokerUnreachable",
          code: "UNAVAILABLE",
          message: "cannot connect to a:1",
          retryAfterMillis: 250
        },
        { streamId: "b", reason: "SubjectDenied", code: "PERMISSION_DENIED", message: "no" }
      ],
      isRetryable: false
    },
    others: {
      _tag: "Rejected",
      code: "PERMISSION_DENIED",
      text: "m",
      reason: "BrokerUnreachable",
      details: kept(unreachable, denied),
      isRetryable: false
    }
  },
  {
    name: "streams that failed and are all tried again",
    status: { code: ResponseCode.UNAVAILABLE, details: [unreachable] },
    setPayload: {
      _tag: "StreamsFailed",
      code: "UNAVAILABLE",
      text: "",
      failures: [{
        streamId: "a",
        reason: "BrokerUnreachable",
        code: "UNAVAILABLE",
        message: "cannot connect to a:1",
        retryAfterMillis: 250
      }],
      isRetryable: true
    },
    others: {
      _tag: "Rejected",
      code: "UNAVAILABLE",
      text: "",
      reason: "BrokerUnreachable",
      details: kept(unreachable),
      isRetryable: true
    }
  },
  {
    name: "a stream that failed with INVALID_ARGUMENT",
    status: {
      code: ResponseCode.INVALID_ARGUMENT,
      message: "m",
      details: [errorInfo("BadSubject", { stream_id: "a", code: "INVALID_ARGUMENT" })]
    },
    setPayload: {
      _tag: "StreamsFailed",
      code: "INVALID_ARGUMENT",
      text: "m",
      failures: [{ streamId: "a", reason: "BadSubject", code: "INVALID_ARGUMENT", message: "" }],
      isRetryable: false
    },
    others: { _tag: "InvalidRequest", text: "m", reason: "BadSubject", violations: [], isRetryable: false }
  },
  forAll(
    "a violation with the stream it is about, which is no stream that failed",
    {
      code: ResponseCode.INVALID_ARGUMENT,
      message: "m",
      details: [badRequest(...violations), errorInfo("R", { stream_id: "a", code: "UNAVAILABLE" })]
    },
    { _tag: "InvalidRequest", text: "m", reason: "R", violations, isRetryable: false }
  ),
  forAll(
    "an error about one stream without a code of its own",
    { code: ResponseCode.NOT_FOUND, message: "m", details: [errorInfo("R", { stream_id: "a" })] },
    {
      _tag: "Rejected",
      code: "NOT_FOUND",
      text: "m",
      reason: "R",
      details: kept(errorInfo("R", { stream_id: "a" })),
      isRetryable: false
    }
  ),
  {
    name: "failed streams with values that make no sense",
    status: { code: ResponseCode.ABORTED, message: "m", details: [odd, newer] },
    setPayload: {
      _tag: "StreamsFailed",
      code: "ABORTED",
      text: "m",
      failures: [
        { streamId: "a", reason: "R", code: "UNKNOWN", message: "" },
        { streamId: "b", reason: "R", code: "UNKNOWN", message: "" }
      ],
      isRetryable: false
    },
    others: { _tag: "Rejected", code: "ABORTED", text: "m", reason: "R", details: kept(odd, newer), isRetryable: true }
  },
  forAll(
    "when to try again",
    {
      code: ResponseCode.RESOURCE_EXHAUSTED,
      message: "full",
      details: [errorInfo("DiskFull"), retryInfo(1, 500_000_000)]
    },
    {
      _tag: "Rejected",
      code: "RESOURCE_EXHAUSTED",
      text: "full",
      reason: "DiskFull",
      retryAfterMillis: 1500,
      details: kept(errorInfo("DiskFull"), retryInfo(1, 500_000_000)),
      isRetryable: true
    }
  ),
  forAll(
    "details that are unknown or damaged",
    { code: ResponseCode.INTERNAL, message: "m", details: [other, damaged, errorInfo("R")] },
    {
      _tag: "Rejected",
      code: "INTERNAL",
      text: "m",
      reason: "R",
      details: kept(other, damaged, errorInfo("R")),
      isRetryable: false
    }
  ),
  forAll(
    "no code",
    { code: ResponseCode.UNSPECIFIED, message: "m" },
    { _tag: "Rejected", code: "UNKNOWN", text: "the status has no code: m", details: [], isRetryable: false }
  ),
  forAll(
    "a code of a later version",
    // the types allow such a code only as it was read
    { code: 99 as ResponseCode },
    { _tag: "Rejected", code: "UNKNOWN", text: "the status has the unknown code 99", details: [], isRetryable: false }
  ),
  ...ResponseCodes.names.filter((name) => name !== "OK" && name !== "INVALID_ARGUMENT").map((code) =>
    forAll(code, { code: ResponseCodes.toCode(code), message: "m" }, {
      _tag: "Rejected",
      code,
      text: "m",
      details: [],
      isRetryable: ["UNAVAILABLE", "ABORTED", "DEADLINE_EXCEEDED"].includes(code)
    })
  )
]
