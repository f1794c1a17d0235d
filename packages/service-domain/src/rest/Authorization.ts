/**
 * Who may call the REST API, and what is said to those who may not.
 *
 * @since 0.1.0
 */
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import { BadRequest, Unauthorized } from "./ApiError.ts"

/**
 * A token in the header `Authorization: Bearer <token>`, as `POST /v1.0/login` gives it. A client provides the header.
 *
 * @category middleware
 * @since 0.1.0
 */
export class Authorization extends HttpApiMiddleware.Service<Authorization>()("@kps/service-domain/Authorization", {
  security: { bearer: HttpApiSecurity.bearer },
  error: Unauthorized
}) {}

/**
 * Requests that are not what the API describes are answered as all errors are.
 *
 * @category middleware
 * @since 0.1.0
 */
export class SchemaErrors extends HttpApiMiddleware.Service<SchemaErrors>()("@kps/service-domain/SchemaErrors", {
  error: BadRequest
}) {}
