/**
 * Errors of the REST API: one class for each HTTP status, all with the body that the platform has for errors.
 *
 * @since 0.1.0
 */
import { Violation } from "@kps/resources"
import * as Schema from "effect/Schema"

const body = <const Status extends number>(status: Status) => ({
  statusCode: Schema.Literal(status).annotate({ description: "The HTTP status." }),
  errorCode: Schema.Int.annotate({ description: "Which error it is: see ApiError.codes." }),
  message: Schema.String.annotate({ description: "What failed, with which values, and what to do." }),
  violations: Schema.optionalKey(
    Schema.Array(Violation.Violation).annotate({ description: "What is wrong with a document, and where." })
  )
})

/**
 * The `errorCode` of each error.
 *
 * @category models
 * @since 0.1.0
 */
export const codes = {
  /** The request itself is no good: its query, its filter, a body that is no JSON. */
  badRequest: 1,
  /** The document is refused: `violations` has what is wrong with it. */
  invalidDocument: 2,
  unauthorized: 3,
  notFound: 4,
  alreadyExists: 5,
  /** Other documents refer to it. */
  inUse: 6,
  /** The document was changed since it was read. */
  changed: 7,
  tooLarge: 8,
  unavailable: 9,
  internal: 10
} as const

/**
 * @category errors
 * @since 0.1.0
 */
export class BadRequest extends Schema.Error<BadRequest>("BadRequest")(body(400), {
  httpApiStatus: 400,
  description: "The request or its document is refused."
}) {}

/**
 * No token, or none that is known.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unauthorized extends Schema.Error<Unauthorized>("Unauthorized")(body(401), {
  httpApiStatus: 401,
  description: "No token, or none that is known."
}) {}

/**
 * @category errors
 * @since 0.1.0
 */
export class NotFound extends Schema.Error<NotFound>("NotFound")(body(404), {
  httpApiStatus: 404,
  description: "There is no such document."
}) {}

/**
 * A name that is taken, a document in use, or one that was changed meanwhile.
 *
 * @category errors
 * @since 0.1.0
 */
export class Conflict extends Schema.Error<Conflict>("Conflict")(body(409), {
  httpApiStatus: 409,
  description: "The name is taken, the document in use, or it was changed meanwhile."
}) {}

/**
 * @category errors
 * @since 0.1.0
 */
export class TooLarge extends Schema.Error<TooLarge>("TooLarge")(body(413), {
  httpApiStatus: 413,
  description: "The document is too large."
}) {}

/**
 * A bug of this software: its text is in the log.
 *
 * @category errors
 * @since 0.1.0
 */
export class Internal extends Schema.Error<Internal>("Internal")(body(500), {
  httpApiStatus: 500,
  description: "A bug of the server."
}) {}

/**
 * The store is out of reach: try again. What was to be written may have been written.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unavailable extends Schema.Error<Unavailable>("Unavailable")(body(503), {
  httpApiStatus: 503,
  description: "The store is out of reach: try again."
}) {}

/**
 * What every call can fail with.
 *
 * @category errors
 * @since 0.1.0
 */
export const all = [BadRequest, Unauthorized, NotFound, Conflict, TooLarge, Internal, Unavailable] as const

/**
 * @category errors
 * @since 0.1.0
 */
export type ApiError = InstanceType<(typeof all)[number]>
