/**
 * How a connector is served.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as StreamDelivery from "./StreamDelivery.ts"
import * as StreamPacking from "./StreamPacking.ts"
import type * as Tls from "./Tls.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The id of this connector instance: every call must name it. */
  readonly connectorId: string
  /** Address to listen on. Default: "0.0.0.0". */
  readonly host?: string
  /** Port to listen on; 0 takes a free one. Default: 8000. */
  readonly port?: number
  /** The certificate to serve with, and whose clients are let in. Default: none, plain text. */
  readonly tls?: Tls.Options | undefined
  /** How long SetPayload waits for the first outcome of the streams it started. Default: 5 seconds. */
  readonly startTimeout?: Duration.Input
  /** How long a stopping stream's finalizers are waited for. Default: 5 seconds. */
  readonly stopTimeout?: Duration.Input
  /** How long the connector's `discover` may take; GetPayload waits no longer. Default: 5 seconds. */
  readonly discoverTimeout?: Duration.Input
  /**
   * How long, after the server was told to stop, its streams may finish what they took and then calls in flight may go
   * on, together. Default: 10 seconds.
   */
  readonly gracePeriod?: Duration.Input
  /** Errors as a `ResponseStatus` in the reply, or as gRPC status codes. Default: "inBand". */
  readonly errors?: "inBand" | "grpc"
  /** Whether a SetPayload replaces each kind it has payloads of, or always the streams. Default: "perKind". */
  readonly setPayload?: "perKind" | "replaceAll"
  /** Whether config payloads are merged over the config in force, or replace it. Default: "merge". */
  readonly config?: "merge" | "replace"
  /** Whether clients that have no proto file can ask for the contract (gRPC server reflection). Default: true. */
  readonly reflection?: boolean
  /**
   * Which ingress streams pack many payloads into one message, and how far. Default: none does, for the sake of consumers
   * that read only the first payload of a message.
   */
  readonly packing?: StreamPacking.Options | undefined
  /**
   * What becomes of the items of egress streams that cannot be delivered: whether others may pass them, and for how long
   * they are tried before they go to the dead-letter channel. Default: others wait, 60 seconds.
   */
  readonly delivery?: StreamDelivery.Options | undefined
}

/**
 * Options with every default in its place.
 *
 * @category models
 * @since 0.1.0
 */
export interface Resolved {
  readonly connectorId: string
  readonly host: string
  readonly port: number
  readonly tls: Tls.Options | undefined
  readonly startTimeout: Duration.Duration
  readonly stopTimeout: Duration.Duration
  readonly discoverTimeout: Duration.Duration
  readonly gracePeriod: Duration.Duration
  readonly errors: "inBand" | "grpc"
  readonly setPayload: "perKind" | "replaceAll"
  readonly config: "merge" | "replace"
  readonly reflection: boolean
}

/**
 * Fills in the defaults.
 *
 * @category constructors
 * @since 0.1.0
 */
export const resolve = (options: Options): Resolved => ({
  connectorId: options.connectorId,
  host: options.host ?? "0.0.0.0",
  port: options.port ?? 8000,
  tls: options.tls,
  startTimeout: Duration.fromInputUnsafe(options.startTimeout ?? "5 seconds"),
  stopTimeout: Duration.fromInputUnsafe(options.stopTimeout ?? "5 seconds"),
  discoverTimeout: Duration.fromInputUnsafe(options.discoverTimeout ?? "5 seconds"),
  gracePeriod: Duration.fromInputUnsafe(options.gracePeriod ?? "10 seconds"),
  errors: options.errors ?? "inBand",
  setPayload: options.setPayload ?? "perKind",
  config: options.config ?? "merge",
  reflection: options.reflection ?? true
})

const tls: Config.Config<Tls.Options | undefined> = Config.flatMap(
  Config.all([
    Config.option(Config.NonEmptyString("KPS_TLS_CERT")),
    Config.option(Config.Redacted("KPS_TLS_KEY")),
    Config.option(Config.NonEmptyString("KPS_TLS_CLIENT_CA"))
  ]),
  ([cert, key, clientCa]) =>
    Option.isNone(cert) && Option.isNone(key) && Option.isNone(clientCa)
      ? Config.succeed(undefined)
      // With one of them, the others have to be there: a connector does not serve in the clear for a misspelt variable.
      : Config.all({
        cert: Config.NonEmptyString("KPS_TLS_CERT"),
        key: Config.Redacted("KPS_TLS_KEY"),
        clientCa: Config.succeed(Option.getOrUndefined(clientCa))
      })
)

const packing: Config.Config<StreamPacking.Options | undefined> = Config.schema(
  Schema.String.check(
    Schema.makeFilter((text) => Result.match(StreamPacking.parse(text), { onFailure: identity, onSuccess: () => true }))
  ),
  "KPS_PACKING"
).pipe(
  Config.map((text) => Result.getOrThrow(StreamPacking.parse(text))),
  Config.withDefault(undefined)
)

const delivery: Config.Config<StreamDelivery.Options | undefined> = Config.schema(
  Schema.String.check(
    Schema.makeFilter((text) =>
      Result.match(StreamDelivery.parse(text), { onFailure: identity, onSuccess: () => true })
    )
  ),
  "KPS_DELIVERY"
).pipe(
  Config.map((text) => Result.getOrThrow(StreamDelivery.parse(text))),
  Config.withDefault(undefined)
)

/**
 * What the environment says of a connector: `CONNECTOR_INSTANCE_ID`, which must be there, `KPS_LISTEN_HOST` and `KPS_LISTEN_PORT` (where
 * to listen), `KPS_ERRORS` (`inBand` or
 * `grpc`), `KPS_SET_PAYLOAD` (`perKind` or `replaceAll`), `KPS_REFLECTION` (`on` or `off`), `KPS_PACKING` (see
 * `StreamPacking.parse`), `KPS_DELIVERY` (see `StreamDelivery.parse`), and for TLS
 * `KPS_TLS_CERT`, `KPS_TLS_KEY` and `KPS_TLS_CLIENT_CA`, each the path of a file or PEM.
 *
 * @category configuration
 * @since 0.1.0
 */
export const config: Config.Config<
  & Required<Pick<Options, "connectorId" | "host" | "port" | "errors" | "setPayload" | "reflection">>
  & Pick<Options, "tls" | "packing" | "delivery">
> = Config.all({
  connectorId: Config.NonEmptyString("CONNECTOR_INSTANCE_ID"),
  host: Config.NonEmptyString("KPS_LISTEN_HOST").pipe(Config.withDefault("0.0.0.0")),
  port: Config.schema(
    Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 0, maximum: 65_535 })),
    "KPS_LISTEN_PORT"
  ).pipe(Config.withDefault(8000)),
  errors: Config.Literals(["inBand", "grpc"], "KPS_ERRORS").pipe(Config.withDefault("inBand" as const)),
  setPayload: Config.Literals(["perKind", "replaceAll"], "KPS_SET_PAYLOAD").pipe(
    Config.withDefault("perKind" as const)
  ),
  reflection: Config.Literals(["on", "off"], "KPS_REFLECTION").pipe(
    Config.withDefault("on" as const),
    Config.map((value) => value === "on")
  ),
  packing,
  delivery,
  tls
})
