/** What a failure is to a caller: the status, the code, and the words. */
import type { InvalidResource, Violation } from "@kps/resources"
import type { DocumentError } from "../../documents/DocumentError.ts"
import * as ApiError from "../ApiError.ts"

const { codes } = ApiError

export const badRequest = (message: string): ApiError.BadRequest =>
  new ApiError.BadRequest({ statusCode: 400, errorCode: codes.badRequest, message })

export const tooLarge = (message: string): ApiError.TooLarge =>
  new ApiError.TooLarge({ statusCode: 413, errorCode: codes.tooLarge, message })

export const unauthorized = (message: string): ApiError.Unauthorized =>
  new ApiError.Unauthorized({ statusCode: 401, errorCode: codes.unauthorized, message })

export const unavailable = (message: string): ApiError.Unavailable =>
  new ApiError.Unavailable({ statusCode: 503, errorCode: codes.unavailable, message })

const invalid = (message: string, violations: ReadonlyArray<Violation.Violation>) =>
  new ApiError.BadRequest({ statusCode: 400, errorCode: codes.invalidDocument, message, violations })

const conflict = (errorCode: number, message: string) => new ApiError.Conflict({ statusCode: 409, errorCode, message })

export const ofResource = ({ message, violations }: InvalidResource.InvalidResource): ApiError.BadRequest =>
  invalid(message, violations)

export const ofDocument = ({ message, reason }: DocumentError): ApiError.ApiError => {
  switch (reason._tag) {
    case "NotFound":
      return new ApiError.NotFound({ statusCode: 404, errorCode: codes.notFound, message })
    case "AlreadyExists":
      return conflict(codes.alreadyExists, message)
    case "Changed":
      return conflict(codes.changed, message)
    case "InUse":
      return conflict(codes.inUse, message)
    case "Invalid":
      return invalid(message, reason.violations)
    case "TooLarge":
      return tooLarge(message)
    case "Unavailable":
      return unavailable(message)
  }
}
