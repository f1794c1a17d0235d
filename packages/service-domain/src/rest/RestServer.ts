/**
 * Serves the REST API over HTTP, with its OpenAPI document and a page to browse it.
 *
 * @since 0.1.0
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiSwagger from "effect/http-api/HttpApiSwagger"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"
import { createServer } from "node:http"
import type { Documents } from "../documents/Documents.ts"
import type { EventHistory } from "../events/EventHistory.ts"
import type { Access } from "./Access.ts"
import { Api } from "./Api.ts"
import { codes } from "./ApiError.ts"
import * as Handlers from "./Handlers.ts"

const error = (statusCode: number, errorCode: number, message: string) =>
  HttpServerResponse.jsonUnsafe({ statusCode, errorCode, message }, { status: statusCode })

/** What no route is for. */
const others = HttpRouter.add("*", "/*", (request) =>
  Effect.succeed(
    error(404, codes.notFound, `no ${request.method} ${request.url.split("?")[0] ?? ""}: see /docs`)
  ))

/** A bug is told by a reference: its text stays in the log. */
const failures = HttpRouter.middleware((handler) =>
  Effect.catchCause(handler, (cause) => {
    if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
    const reference = randomUUID()
    return Effect.annotateLogs(Effect.logError("a request failed", cause), { reference }).pipe(
      Effect.as(error(500, codes.internal, `internal error: the log has it under the reference ${reference}`))
    )
  }), { global: true })

/**
 * Layer with the routes of the REST API, `GET /openapi.json` and the page `GET /docs`. Every other path is 404, in the
 * words of the API; a bug is 500 with a reference to the log.
 *
 * @category layers
 * @since 0.1.0
 */
export const routes = Layer.mergeAll(
  HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }).pipe(Layer.provide(Handlers.layer)),
  HttpApiSwagger.layer(Api, { path: "/docs" }),
  others,
  failures
)

/**
 * The address cannot be listened on.
 *
 * @category errors
 * @since 0.1.0
 */
export class ListenFailed extends Schema.TaggedError<ListenFailed>("@kps/service-domain/RestServer/ListenFailed")(
  "ListenFailed",
  { host: Schema.String, port: Schema.Int, cause: Schema.Defect() }
) {
  override get message(): string {
    const because = this.cause instanceof Error ? `: ${this.cause.message}` : ""
    return `cannot listen on ${this.host}:${this.port}${because}`
  }
}

/**
 * Service of the REST API while it is served.
 *
 * @category services
 * @since 0.1.0
 */
export class RestServer extends Context.Service<RestServer, {
  /** Such as `http://127.0.0.1:8080`. */
  readonly url: string
  /** The port in use, also where 0 was asked for. */
  readonly port: number
}>()("@kps/service-domain/rest/RestServer") {}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Address to listen on. Default: "127.0.0.1", which only this machine reaches: there is no TLS. */
  readonly host?: string
  /** Port to listen on; 0 takes a free one. Default: 8080. */
  readonly port?: number
}

type HttpServices = Layer.Success<typeof NodeHttpServer.layerHttpServices>

/**
 * Layer that serves the REST API until it is closed; calls that were begun are given a second to end.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options = {}
): Layer.Layer<RestServer, ListenFailed, Access | Documents | EventHistory> => layerWith(routes, options)

/**
 * The same with the routes that are given: those of the REST API and others.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWith = <A, E, R>(
  routes: Layer.Layer<A, E, R>,
  { host = "127.0.0.1", port = 8_080 }: Options = {}
) => {
  const server = Layer.effect(
    RestServer,
    Effect.map(HttpServer.HttpServer, ({ address }) => {
      const listening = address._tag === "UnixPathAddress" ? port : address.port
      return { port: listening, url: `http://${host.includes(":") ? `[${host}]` : host}:${listening}` }
    })
  )
  return HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.merge(server),
    Layer.provide(
      NodeHttpServer.layer(createServer, { host, port, gracefulShutdownTimeout: "1 second" }).pipe(
        Layer.catchTag(
          "ServeError",
          ({ cause }) =>
            Layer.effectContext<HttpServer.HttpServer | HttpServices, ListenFailed, never>(
              new ListenFailed({ host, port, cause })
            )
        )
      )
    )
  )
}
