/**
 * Serves metrics, probes and what streams promise over HTTP: `/metrics`, `/livez`, `/readyz`, `/streams`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import type * as Scope from "effect/Scope"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Phase } from "./Health.ts"
import { Insights, watched } from "./Insight.ts"
import { listen, type ListenFailed, portOf } from "./internal/listen.ts"

/**
 * Service of the endpoints while they are served.
 *
 * @category services
 * @since 0.1.0
 */
export class MetricsServer extends Context.Service<MetricsServer, {
  readonly host: string
  /** The port in use, also where 0 was asked for. */
  readonly port: number
}>()("@kps/server/MetricsServer") {}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Address to listen on. Default: "0.0.0.0". */
  readonly host?: string
  /** Port to listen on; 0 takes a free one. */
  readonly port: number
}

/**
 * What callers may take of the server. Durations are in milliseconds.
 *
 * @category constants
 * @since 0.1.0
 */
export const limits = {
  connections: 64,
  headerBytes: 8_192,
  /** From the first byte of a connection, or of the next request on it, to the end of the headers. */
  headersMillis: 5_000,
  /** To the end of the whole request. */
  requestMillis: 10_000,
  /** How long a connection may stay open without a request. */
  idleMillis: 5_000,
  /** How long answers may go on when the server is to end. */
  graceMillis: 1_000
} as const

/**
 * Layer that serves the endpoints until it is closed.
 *
 * **Details**
 *
 * `GET /metrics` has the metric registry of the layer's context in Prometheus' text format. `GET /livez` is 200 as long
 * as the process can answer. `GET /readyz` is 200 while every connector of the process takes calls, and 503 before that
 * and while one drains: it is the same that grpc.health.v1 says. `GET /streams` has every stream with its state and its
 * guarantee, as JSON (`Insight.Watched`). No other path or method, and nothing that could be
 * changed; no TLS and no credentials, so the port belongs to the platform's own network.
 *
 * The layer is to outlive the connectors, so that they are seen until they have drained: provide it to them.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<MetricsServer, ListenFailed, Insights> =>
  Layer.effect(MetricsServer, make(options))

const make = Effect.fnUntraced(function*(
  { host = "0.0.0.0", port }: Options
): Effect.fn.Return<MetricsServer["Service"], ListenFailed, Insights | Scope.Scope> {
  const context = yield* Effect.context<Insights>()
  const runFork = Effect.runForkWith(context)
  // Imported by name, it makes Node load all of `fetch`, in a bundle even where nobody asks for metrics: 10 ms and 5 MB.
  const { createServer } = process.getBuiltinModule("node:http")
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMillis,
    requestTimeout: limits.requestMillis,
    keepAliveTimeout: limits.idleMillis,
    connectionsCheckingInterval: 1_000
  }, (request, response) => void runFork(answer(request, response)))
  server.maxConnections = limits.connections
  yield* Effect.acquireRelease(listen(server, { host, port }), () => close(server))
  const place = { host, port: portOf(server, port) }
  yield* Effect.annotateLogs(Effect.logInfo("serving metrics"), place)
  return place
})

const answer = (request: IncomingMessage, response: ServerResponse): Effect.Effect<void, never, Insights> =>
  Effect.map(respond(request), ({ body, headers, status }) => {
    response.writeHead(status, {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...headers,
      // A body is of no use here: it is not read.
      ...request.headers["transfer-encoding"] === undefined && Number(request.headers["content-length"] ?? 0) === 0
        ? {}
        : { connection: "close" }
    })
    response.end(body)
  })

interface Answer {
  readonly status: number
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

const respond = ({ method, url = "" }: IncomingMessage): Effect.Effect<Answer, never, Insights> => {
  const path = url.split("?", 1)[0]!
  const endpoint = Object.hasOwn(endpoints, path) ? endpoints[path] : undefined
  if (endpoint === undefined) return Effect.succeed({ status: 404, body: "not found\n" })
  if (method !== "GET" && method !== "HEAD") {
    return Effect.succeed({ status: 405, body: "method not allowed\n", headers: { allow: "GET, HEAD" } })
  }
  return endpoint
}

const metrics: Effect.Effect<Answer> = PrometheusMetrics.format().pipe(
  Effect.map((body) => ({
    status: 200,
    body,
    headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" }
  })),
  // Such as a metric of the author's that throws when it is read.
  Effect.catchCause((cause) =>
    Effect.as(Effect.logError("cannot read the metrics", cause), { status: 500, body: "cannot read the metrics\n" })
  )
)

const ready: Effect.Effect<Answer, never, Insights> = Effect.gen(function*() {
  const { current } = yield* Insights
  const phases = yield* Effect.forEach(current(), ({ phase }) => phase)
  const behind: Phase | undefined = phases.length === 0 ? "Starting" : phases.find((phase) => phase !== "Serving")
  return behind === undefined ? { status: 200, body: "ready\n" } : { status: 503, body: `${behind.toLowerCase()}\n` }
})

const streams: Effect.Effect<Answer, never, Insights> = Effect.gen(function*() {
  const { current } = yield* Insights
  const all = yield* Effect.forEach(current(), watched)
  return {
    status: 200,
    body: `${JSON.stringify(all.flat())}\n`,
    headers: { "content-type": "application/json; charset=utf-8" }
  }
})

const endpoints: Readonly<Record<string, Effect.Effect<Answer, never, Insights>>> = {
  "/metrics": metrics,
  "/livez": Effect.succeed({ status: 200, body: "alive\n" }),
  "/readyz": ready,
  "/streams": streams
}

const close = (server: Server): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
    server.closeIdleConnections()
    return Effect.sync(() => server.closeAllConnections())
  }).pipe(Effect.timeoutOption(limits.graceMillis), Effect.asVoid)
