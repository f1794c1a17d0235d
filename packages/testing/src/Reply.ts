/**
 * What a connector answered, in whichever form: read strictly, unlike a client does.
 *
 * The contract has two forms for an error: a `ResponseStatus` in a reply whose gRPC status is OK, or a gRPC status of
 * the same name with the `ResponseStatus` as its first detail. Nothing is guessed from texts.
 *
 * @since 0.1.0
 */
import { fromBinary } from "@bufbuild/protobuf"
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt"
import type { ConnectError } from "@connectrpc/connect"
import { ErrorDetails, ResponseCodes, type ResponseStatus, ResponseStatusSchema } from "@kps/idl"
import * as Result from "effect/Result"
import { cut } from "./Outcome.ts"

/**
 * How an answer travelled: in the reply, as a gRPC status that holds the `ResponseStatus`, as a bare gRPC status.
 *
 * @category models
 * @since 0.1.0
 */
export type Form = "in band" | "gRPC status" | "bare gRPC status"

/**
 * One answer.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reply<out A> {
  readonly form: Form
  /** By name. `UNSPECIFIED`: the reply has no code, or one that does not exist. */
  readonly code: ResponseCodes.Name | "UNSPECIFIED"
  readonly message: string
  readonly violations: ReadonlyArray<{ readonly field: string; readonly description: string }>
  readonly infos: ReadonlyArray<{
    readonly reason: string
    readonly domain: string
    readonly metadata: Readonly<Record<string, string>>
  }>
  /** A gRPC status and the `ResponseStatus` within it that do not say the same. */
  readonly contradiction: string | undefined
  /** The other side said so; otherwise something went wrong on the way. */
  readonly isSaid: boolean
  /** The whole reply, where there was one. */
  readonly value: A | undefined
}

type Read = Pick<Reply<never>, "code" | "message" | "violations" | "infos">

const unpack = (details: ReadonlyArray<Pick<Any, "typeUrl" | "value">>): Pick<Read, "violations" | "infos"> => {
  const violations: Array<Reply<never>["violations"][number]> = []
  const infos: Array<Reply<never>["infos"][number]> = []
  for (const { typeUrl, value } of details) {
    const any: Any = { $typeName: "google.protobuf.Any", typeUrl, value }
    // a detail that is damaged says nothing
    Result.try(() => {
      const info = anyUnpack(any, ErrorDetails.ErrorInfoSchema)
      if (info !== undefined) infos.push(info)
      violations.push(...anyUnpack(any, ErrorDetails.BadRequestSchema)?.fieldViolations ?? [])
    })
  }
  return { violations, infos }
}

const read = (status: ResponseStatus): Read => {
  const name = ResponseCodes.fromCode(status.code)
  // numbers that do not exist read as UNKNOWN, which is a name that a connector may not hide behind
  const code = ResponseCodes.toCode(name) === status.code ? name : "UNSPECIFIED"
  return { code, message: status.message, ...unpack(status.details) }
}

/**
 * Reads a reply whose gRPC status is OK.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofMessage = <A extends { readonly status?: ResponseStatus | undefined }>(value: A): Reply<A> => ({
  ...(value.status === undefined
    ? { code: "UNSPECIFIED", message: "the reply has no status", violations: [], infos: [] }
    : read(value.status)),
  form: "in band",
  contradiction: undefined,
  isSaid: true,
  value
})

/**
 * Reads a gRPC status that is not OK.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofError = (error: ConnectError): Reply<never> => {
  const code = ResponseCodes.fromGrpc(error.code)
  const details = error.details.flatMap((detail) =>
    "desc" in detail ? [] : [{ typeUrl: `type.googleapis.com/${detail.type}`, value: detail.value }]
  )
  const [first] = details
  const held = first?.typeUrl.endsWith(`/${ResponseStatusSchema.typeName}`) === true
    ? Result.try(() => fromBinary(ResponseStatusSchema, first.value))
    : undefined
  if (held === undefined || Result.isFailure(held)) {
    return {
      form: "bare gRPC status",
      code,
      message: error.rawMessage,
      contradiction: undefined,
      isSaid: error.isWireError,
      value: undefined,
      ...unpack(details)
    }
  }
  const status = read(held.success)
  return {
    ...status,
    form: "gRPC status",
    isSaid: true,
    code,
    contradiction: status.code === code
      ? undefined
      : `the gRPC status is ${code} and the ResponseStatus within it ${status.code}`,
    value: undefined
  }
}

const streamCodes: ReadonlySet<string> = new Set<ResponseCodes.Name>([
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
])

/**
 * Whether it is a refusal with a code that the contract has for a stream that does not run.
 *
 * @category guards
 * @since 0.1.0
 */
export const isStreamCode = ({ code, contradiction, isSaid }: Reply<unknown>): boolean =>
  isSaid && contradiction === undefined && streamCodes.has(code)

/**
 * An answer in a few words.
 *
 * @category rendering
 * @since 0.1.0
 */
export const text = (reply: Reply<unknown>): string => {
  const { code, contradiction, form, isSaid, message, violations } = reply
  if (!isSaid) return cut(`no answer: ${code} on the way (${message})`)
  const where = form === "in band" ? code : form === "gRPC status" ? `gRPC ${code}` : `bare gRPC ${code}`
  const fields = violations.length === 0 ? "" : ` at ${violations.map(({ field }) => field).join(", ")}`
  return cut(
    `${where}${fields}${message === "" ? "" : ` (${cut(message, 200)})`}${
      contradiction === undefined ? "" : `; ${contradiction}`
    }`
  )
}
