/**
 * Pushes the two counters of the original SDK to a Prometheus push gateway, every minute.
 *
 * @since 0.1.0
 */
import type { Transport } from "@kps/transport"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type Insight, Observer } from "./Insight.ts"
import { cut, quote } from "./internal/text.ts"

/**
 * The address of a push gateway makes no sense.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidPushGateway extends Schema.TaggedError<InvalidPushGateway>("@kps/server/PushGateway/Invalid")(
  "InvalidPushGateway",
  { problem: Schema.String }
) {
  override get message(): string {
    return `invalid push gateway: ${this.problem}`
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Address of the gateway: `host:port`, or a URL with `http` or `https`, which may have a path, and a user and password
   * for basic authentication.
   */
  readonly address: string
  /** Default: 1 minute. */
  readonly interval?: Duration.Input
  /** How long one push may take. Default: 10 seconds. */
  readonly timeout?: Duration.Input
}

/** The job of the original SDK. */
const job = "connector_transport_metrics_job"

/** How long the last push may take, when the connector has ended. */
const lastTimeout = "1 second"

/**
 * Layer that pushes for every connector that it is provided to, until the connector has ended.
 *
 * **Details**
 *
 * `transport_connect_errors` and `transport_publish_errors`, as the job `connector_transport_metrics_job`, grouped by
 * `instance`, which is the connector instance's id: connectors do not overwrite each other; replicas of one instance
 * do. Pushed at once, every minute, and a last time when the connector has drained; each push replaces the last one of
 * its group. The first push that fails is logged, and the first one after it that does not. The data path waits for
 * none of it.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<never, InvalidPushGateway> =>
  Layer.effect(
    Observer,
    Effect.gen(function*() {
      const observe = yield* Observer
      const gateway = yield* Effect.fromResult(parse(options.address))
      return (insight: Insight) => Effect.andThen(observe(insight), pushing(insight, gateway, options))
    })
  )

const pushing = Effect.fnUntraced(function*(
  insight: Insight,
  gateway: Gateway,
  { interval = "1 minute", timeout = "10 seconds" }: Options
): Effect.fn.Return<void, never, Scope.Scope> {
  const { connectorId } = insight
  const url = `${gateway.url}/metrics/job/${job}/${group("instance", connectorId)}`
  let failing = false

  const push = Effect.fnUntraced(function*(within: Duration.Input) {
    const problem = yield* put(url, gateway.headers, format(yield* insight.transport)).pipe(
      Effect.timeoutOrElse({ duration: within, orElse: () => Effect.succeed("no answer in time") })
    )
    if (failing === (problem !== undefined)) return
    failing = problem !== undefined
    const place = { pushGateway: gateway.url, connectorId }
    yield* failing
      ? Effect.annotateLogs(Effect.logWarning("metrics cannot be pushed"), { ...place, problem })
      : Effect.annotateLogs(Effect.logInfo("metrics are pushed again"), place)
  })

  yield* Effect.addFinalizer(() => push(lastTimeout))
  yield* push(timeout).pipe(Effect.repeat(Schedule.fixed(interval)), Effect.forkScoped)
})

const format = ({ connectErrors, publishErrors }: Transport.TransportStats): string =>
  `# HELP transport_connect_errors Number of NATS connect errors encountered
# TYPE transport_connect_errors counter
transport_connect_errors ${connectErrors}
# HELP transport_publish_errors Number of NATS messages that encountered errors
# TYPE transport_publish_errors counter
transport_publish_errors ${publishErrors}
`

/** A label of the group in the path; values that a path cannot hold go as base64, as the gateway has it. */
const group = (label: string, value: string): string =>
  /^[\w-][\w.-]*$/u.test(value)
    ? `${label}/${value}`
    : `${label}@base64/${value === "" ? "=" : Buffer.from(value).toString("base64url")}`

/** What went wrong, if anything did. */
const put = (
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string
): Effect.Effect<string | undefined> =>
  Effect.tryPromise({
    try: (signal) => {
      const all = { ...headers, "content-type": contentType }
      return fetch(url, { method: "PUT", redirect: "manual", headers: all, body, signal }).then((response) =>
        response.text().then((text) => ({ status: response.status, text }))
      )
    },
    catch: reasonOf
  }).pipe(Effect.match({
    onSuccess: ({ status, text }) =>
      status >= 200 && status < 300 ? undefined : `it answers ${status}${text === "" ? "" : `: ${quote(text)}`}`,
    onFailure: (problem) => problem
  }))

const contentType = "text/plain; version=0.0.4; charset=utf-8"

/** Node's own error says only that it failed; its cause says why. */
const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cut(cause.message || cause.name) : "the request failed"
}

interface Gateway {
  /** Without credentials. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

const parse = (address: string): Result.Result<Gateway, InvalidPushGateway> => {
  const refuse = (problem: string) => Result.fail(new InvalidPushGateway({ problem }))
  const text = address.includes("://") ? address : `http://${address}`
  if (!URL.canParse(text)) return refuse("it is no host:port and no URL")
  const url = new URL(text)
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return refuse(`its scheme is ${quote(url.protocol.slice(0, -1))}, want "http" or "https"`)
  }
  const { host, password, pathname, protocol, username } = url
  const decoded = Result.try(() => `${decodeURIComponent(username)}:${decodeURIComponent(password)}`)
  if (Result.isFailure(decoded)) return refuse("its user or password has a % that encodes nothing")
  const credentials = decoded.success
  return Result.succeed({
    url: `${protocol}//${host}${pathname.replace(/\/+$/u, "")}`,
    headers: credentials === ":" ? {} : { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` }
  })
}
