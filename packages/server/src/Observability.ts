/**
 * Makes a connector observable from outside: metrics and probes over HTTP, OTLP, the push gateway. What is off is not
 * even loaded.
 *
 * @since 0.1.0
 */
import type { Connector } from "@kps/connector"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import type { ListenFailed } from "./GrpcServer.ts"
import * as Insight from "./Insight.ts"
import type * as MetricsServer from "./MetricsServer.ts"
import type * as PushGateway from "./PushGateway.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The id of the connector instance: `service.instance.id` of what is exported over OTLP. */
  readonly connectorId: string
  /** Where `/metrics`, `/livez` and `/readyz` are served. Default: nowhere. */
  readonly metrics?: MetricsServer.Options | undefined
  /** Address of a Prometheus push gateway. Default: none. */
  readonly pushGateway?: string | undefined
  /** Whether traces, metrics and logs are exported as the `OTEL_` variables say. Default: false. */
  readonly telemetry?: boolean | undefined
  /** What is logged over OTLP, such as not below a level. Default: everything. */
  readonly logs?: (logger: Logger.Logger<unknown, void>) => Logger.Logger<unknown, void>
}

/**
 * Why a connector cannot be made observable.
 *
 * @category errors
 * @since 0.1.0
 */
export type Failed = ListenFailed | PushGateway.InvalidPushGateway | Config.ConfigError

/**
 * Layer that lets a connector be observed.
 *
 * **Details**
 *
 * To be provided to the layer of the connector's server, and to its transport for what that logs: then it is there
 * before they are, and until they have drained. One connector for each such layer, and one such layer for a process.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <Name extends string>(
  { definition: { version }, name }: Connector.Any<Name>,
  options: Options
): Layer.Layer<never, Failed> => {
  const { connectorId, logs, metrics, pushGateway, telemetry = false } = options
  const numbers = metrics === undefined && !telemetry
    ? Layer.empty
    : loaded(() => import("./Metrics.ts"), (module) => module.layer)
  const server = metrics === undefined
    ? Layer.empty
    : loaded(() => import("./MetricsServer.ts"), (module) => module.layer(metrics))
  const exporters = telemetry
    ? loaded(() => import("./Telemetry.ts"), (module) =>
      module.layer({
        serviceName: name,
        serviceVersion: version,
        instanceId: connectorId,
        ...(logs === undefined ? {} : { logs })
      }))
    : Layer.empty
  const pushes = pushGateway === undefined
    ? Layer.empty
    : loaded(() => import("./PushGateway.ts"), (module) => module.layer({ address: pushGateway }))
  // Each has what is below it: the exporters log what the server does, and are the last to end.
  return Layer.mergeAll(server, pushes).pipe(
    Layer.provideMerge(exporters),
    Layer.provideMerge(numbers),
    Layer.provideMerge(Insight.layer)
  )
}

/**
 * `layer` with the documented environment: `CONNECTOR_INSTANCE_ID` and that of `config`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerEnv = <Name extends string>(connector: Connector.Any<Name>): Layer.Layer<never, Failed> =>
  Layer.unwrap(Effect.map(
    Config.all({ connectorId: Config.NonEmptyString("CONNECTOR_INSTANCE_ID"), asked: config }),
    ({ asked, connectorId }) => layer(connector, { connectorId, ...asked })
  ))

/**
 * What the environment asks for: `KPS_METRICS_PORT`, `PUSH_GW`, and OTLP by `OTEL_EXPORTER_OTLP_ENDPOINT` or its variant
 * for one signal, unless `OTEL_SDK_DISABLED` is true.
 *
 * @category configuration
 * @since 0.1.0
 */
export const config: Config.Config<Pick<Options, "metrics" | "pushGateway" | "telemetry">> = Config.map(
  Config.all({
    port: Config.option(Config.Port("KPS_METRICS_PORT")),
    pushGateway: Config.option(Config.NonEmptyString("PUSH_GW")),
    disabled: Config.Boolean("OTEL_SDK_DISABLED").pipe(Config.withDefault(false)),
    endpoints: Config.all(
      ["", "TRACES_", "METRICS_", "LOGS_"].map((signal) =>
        Config.option(Config.NonEmptyString(`OTEL_EXPORTER_OTLP_${signal}ENDPOINT`))
      )
    )
  }),
  ({ disabled, endpoints, port, pushGateway }) => ({
    metrics: Option.getOrUndefined(Option.map(port, (port) => ({ port }))),
    pushGateway: Option.getOrUndefined(pushGateway),
    telemetry: !disabled && endpoints.some(Option.isSome)
  })
)

/** A layer of a module that is loaded when the layer is built. */
const loaded = <Module, A, E, R>(
  load: () => Promise<Module>,
  layer: (module: Module) => Layer.Layer<A, E, R>
): Layer.Layer<A, E, R> => Layer.unwrap(Effect.map(Effect.promise(load), layer))
