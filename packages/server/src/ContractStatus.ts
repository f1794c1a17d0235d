/**
 * Puts errors of the contract on the wire: as a `ResponseStatus` in a reply, or as a gRPC status.
 *
 * @since 0.1.0
 */
import { create, toBinary } from "@bufbuild/protobuf"
import { anyPack } from "@bufbuild/protobuf/wkt"
import { ConnectError } from "@connectrpc/connect"
import { ErrorDetails, ResponseCodes, type ResponseStatus, ResponseStatusSchema } from "@kps/idl"
import type { ContractError } from "./ContractError.ts"
import * as ContractTable from "./ContractTable.ts"
import { cut } from "./internal/text.ts"

const schemas = {
  "google.rpc.BadRequest": ErrorDetails.BadRequestSchema,
  "google.rpc.ErrorInfo": ErrorDetails.ErrorInfoSchema,
  "google.rpc.RetryInfo": ErrorDetails.RetryInfoSchema
} as const

/** At most this many violations or failed streams in the details of a reply; the message says how many there are. */
const maxTold = 1000

/** Texts for people; what programs read is in the details. */
const maxMessageLength = 2000

/**
 * Several clients take no more than 8 KiB of trailers, in which the text is percent-encoded and the details are
 * base64. Of that, for text and details:
 */
const maxTrailerBytes = 7000
const maxTrailerMessageLength = 300

/**
 * The status of a call that went well.
 *
 * @category constants
 * @since 0.1.0
 */
export const ok: ResponseStatus = create(ResponseStatusSchema, { code: ResponseCodes.toCode("OK") })

/**
 * The error as a reply says it.
 *
 * @category converting
 * @since 0.1.0
 */
export const inBand = (error: ContractError): ResponseStatus => status(error, maxMessageLength, maxTold)

/**
 * The error as a gRPC status: code by name, and as details the `ResponseStatus` and once more what it has for details,
 * for clients that know only gRPC's own.
 *
 * **Details**
 *
 * What does not fit into the trailers is left out from the end; the message says how many there are.
 *
 * @category converting
 * @since 0.1.0
 */
export const grpc = (error: ContractError): ConnectError => {
  for (const told of [maxTold, 100, 30, 10, 5, 3, 2, 1]) {
    const whole = status(error, maxTrailerMessageLength, told)
    const bytes = 2 * toBinary(ResponseStatusSchema, whole).byteLength * 4 / 3
    if (bytes + encodeURIComponent(whole.message).length <= maxTrailerBytes) return connectError(error, whole, told)
  }
  return connectError(error, status(error, maxTrailerMessageLength, 0), 0)
}

const status = (error: ContractError, maxLength: number, told: number): ResponseStatus =>
  create(ResponseStatusSchema, {
    code: ResponseCodes.toCode(ContractTable.codeOf(error)),
    message: cut(error.message, maxLength),
    details: ContractTable.detailsOf(error, told).map((detail) => pack(detail))
  })

const pack = (detail: ContractTable.Detail) => {
  switch (detail.$typeName) {
    case "google.rpc.BadRequest":
      return anyPack(schemas[detail.$typeName], detail)
    case "google.rpc.ErrorInfo":
      return anyPack(schemas[detail.$typeName], detail)
    case "google.rpc.RetryInfo":
      return anyPack(schemas[detail.$typeName], detail)
  }
}

const connectError = (error: ContractError, whole: ResponseStatus, told: number): ConnectError =>
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- connect's codes are gRPC's numbers
  new ConnectError(whole.message, ResponseCodes.toGrpc(ContractTable.codeOf(error)), undefined, [
    { desc: ResponseStatusSchema, value: whole },
    ...ContractTable.detailsOf(error, told).map((value) => ({ desc: schemas[value.$typeName], value }))
  ])
