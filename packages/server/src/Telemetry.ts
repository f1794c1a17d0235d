/**
 * Exports traces, metrics and logs over OTLP/HTTP, as the standard environment variables say.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import { HttpClientError, TransportError } from "effect/http/HttpClientError"
import type { HttpClientRequest } from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as OtlpLogger from "effect/observability/OtlpLogger"
import * as OtlpMetrics from "effect/observability/OtlpMetrics"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as OtlpTracer from "effect/observability/OtlpTracer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { cut } from "./internal/text.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** `service.name`, where `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` do not say it. */
  readonly serviceName: string
  /** `service.version`, where the environment does not say it. */
  readonly serviceVersion: string
  /** `service.instance.id`, where the environment does not say it. */
  readonly instanceId: string
  /** What is logged over OTLP, such as not below a level. Default: everything. */
  readonly logs?: (logger: Logger.Logger<unknown, void>) => Logger.Logger<unknown, void>
}

/**
 * Layer that exports until it is closed, and flushes then.
 *
 * **Details**
 *
 * Traces have the calls of the contract and the beginnings and ends of streams, and nothing per message; metrics are
 * those of the metric registry of the layer's context; logs go there besides where they go anyway. With no
 * `OTEL_EXPORTER_OTLP_ENDPOINT`, nor one for a signal, nothing is exported. As the specification has it, all three
 * signals are exported unless `OTEL_TRACES_EXPORTER` and so on say otherwise, as protobuf unless
 * `OTEL_EXPORTER_OTLP_PROTOCOL` is `http/json`; gRPC is not supported. A collector that cannot be reached is logged
 * once, and when it is back; what it could not be given meanwhile is lost.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<never, Config.ConfigError> =>
  Layer.unwrap(Effect.map(resourceOf(options), (resource) =>
    Layer.mergeAll(
      OtlpTracer.layerFromConfig({ resource }).pipe(Layer.provide(serialization("TRACES"))),
      OtlpMetrics.layerFromConfig({ resource }).pipe(Layer.provide(serialization("METRICS"))),
      logging(resource, options.logs)
    ))).pipe(
      Layer.provide(client),
      Layer.provide(ConfigProvider.layerAdd(defaults)),
      // A wrong variable is a defect of Effect's exporters.
      Layer.catchCause((cause) => {
        const wrong = cause.reasons.flatMap((reason) =>
          Cause.isDieReason(reason) && reason.defect instanceof Config.ConfigError ? [reason.defect] : []
        )
        return Layer.effectDiscard(wrong.length > 0 ? Effect.fail(wrong[0]!) : Effect.failCause(cause))
      })
    )

/** What the specification has for variables that are not set, and Effect's exporters have not. */
const defaults = ConfigProvider.fromEnvRecord({
  OTEL_TRACES_EXPORTER: "otlp",
  OTEL_METRICS_EXPORTER: "otlp",
  OTEL_LOGS_EXPORTER: "otlp"
})

type Signal = "TRACES" | "METRICS" | "LOGS"

interface Resource {
  readonly serviceName: string
  readonly serviceVersion: string
  readonly attributes: { readonly "service.instance.id": string }
}

/** The environment first; what Effect's exporters are given would come before it. */
const resourceOf = (options: Options): Effect.Effect<Resource, Config.ConfigError> =>
  Effect.map(
    Config.all({
      name: Config.option(Config.String("OTEL_SERVICE_NAME")),
      attributes: Config.Record(Schema.String, Schema.String, "OTEL_RESOURCE_ATTRIBUTES").pipe(
        Config.withDefault<Record<string, string>>({})
      )
    }),
    ({ attributes, name }) => ({
      serviceName: Option.getOrElse(name, () => attributes["service.name"] ?? options.serviceName),
      serviceVersion: attributes["service.version"] ?? options.serviceVersion,
      attributes: { "service.instance.id": attributes["service.instance.id"] ?? options.instanceId }
    })
  )

const protocols = ["http/protobuf", "http/json"] as const

const serialization = (
  signal: Signal
): Layer.Layer<OtlpSerialization.OtlpSerialization, Config.ConfigError> =>
  Layer.unwrap(Effect.map(
    Config.all({
      own: Config.option(Config.Literals(protocols, `OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`)),
      all: Config.Literals(protocols, "OTEL_EXPORTER_OTLP_PROTOCOL").pipe(Config.withDefault(protocols[0]))
    }),
    ({ all, own }) =>
      Option.getOrElse(own, () => all) === "http/json" ? OtlpSerialization.layerJson : OtlpSerialization.layerProtobuf
  ))

/** Adds the exporter to the loggers that there are. */
const logging = (
  resource: Resource,
  limit: (logger: Logger.Logger<unknown, void>) => Logger.Logger<unknown, void> = identity
): Layer.Layer<never, Config.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(
    Logger.CurrentLoggers,
    Effect.gen(function*() {
      const existing = yield* Logger.CurrentLoggers
      const built = yield* OtlpLogger.layerFromConfig({ resource }).pipe(
        Layer.provide(serialization("LOGS")),
        Layer.build
      )
      const all = Context.get(Context.merge(yield* Effect.context<never>(), built), Logger.CurrentLoggers)
      const added = Array.from(all).filter((logger) => !existing.has(logger))
      return new Set([...existing, ...added.map(limit)])
    })
  )

/** `fetch`, which says when what it is given does not arrive: Effect's exporters say nothing. */
const client: Layer.Layer<HttpClient.HttpClient, Config.ConfigError> = Layer.effect(
  HttpClient.HttpClient,
  Effect.gen(function*() {
    const within = Duration.millis(
      yield* Config.Int("OTEL_EXPORTER_OTLP_TIMEOUT").pipe(Config.withDefault(defaultTimeoutMillis))
    )
    const failing = new Set<string>()
    const tell = (request: HttpClientRequest, problem: string | undefined): Effect.Effect<void> => {
      const { origin, pathname } = new URL(request.url)
      const endpoint = origin + pathname
      if (failing.has(endpoint) === (problem !== undefined)) return Effect.void
      if (problem === undefined) {
        failing.delete(endpoint)
        return Effect.annotateLogs(Effect.logInfo("telemetry is exported again"), { endpoint })
      }
      failing.add(endpoint)
      return Effect.annotateLogs(Effect.logWarning("telemetry cannot be exported"), { endpoint, problem })
    }
    return HttpClient.transform(yield* HttpClient.HttpClient, (response, request) =>
      response.pipe(
        Effect.timeoutOrElse({
          duration: within,
          orElse: () => Effect.fail(late(request, within))
        }),
        Effect.tap(({ status }) => tell(request, status < 400 ? undefined : `it answers ${status}`)),
        Effect.tapError((error) => tell(request, reasonOf(error)))
      ))
  })
).pipe(Layer.provide(FetchHttpClient.layer))

/** The specification's. */
const defaultTimeoutMillis = 10_000

const late = (request: HttpClientRequest, within: Duration.Duration): HttpClientError =>
  new HttpClientError({
    reason: new TransportError({ request, description: `no answer within ${Duration.format(within)}` })
  })

/** Node's own error says only that it failed; its cause says why. */
const reasonOf = ({ reason }: HttpClientError): string => {
  const { cause, description } = reason
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  return cut(description ?? (inner instanceof Error ? inner.message || inner.name : reason._tag))
}
