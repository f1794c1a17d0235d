/**
 * The state that replicas of a connector share, and that outlives them, where it is asked for. What is off is not even
 * loaded.
 *
 * @since 0.1.0
 */
import type { NatsConnection } from "@kps/transport"
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Buckets } from "./Bucket.ts"
import type * as DeadLetters from "./DeadLetters.ts"
import * as DesiredState from "./DesiredState.ts"
import * as Lease from "./Lease.ts"
import * as Positions from "./Positions.ts"
import * as Sessions from "./Sessions.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The id of the connector instance: all its replicas have the same. */
  readonly connectorId: string
  /** `memory`: nothing is shared or kept, and there is one replica. Default: "memory". */
  readonly state?: "memory" | "jetstream"
  /** How many servers of a NATS cluster keep each bucket: 1, 3 or 5. Default: 1. */
  readonly replicas?: number
  /** What the names of the buckets begin with, before a `-`. Default: "kps". */
  readonly prefix?: string
  /** How long a replica that died keeps what it held. Default: 10 seconds. */
  readonly timeToLive?: Duration.Input
  /** How much is kept of what could not be delivered. Default: 7 days and 256 MiB. */
  readonly deadLetters?: DeadLetters.Bounds
}

/**
 * What the server of a connector takes when it is there.
 *
 * @category models
 * @since 0.1.0
 */
export type Services = DesiredState.DesiredState | Positions.Positions | Lease.Lease | Sessions.Sessions

/**
 * Layer with all of the shared state in buckets that are given.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerBuckets = (
  options: Pick<Options, "connectorId" | "timeToLive">
): Layer.Layer<Services, never, Buckets> => {
  const { connectorId: instance, timeToLive = "10 seconds" } = options
  return Layer.mergeAll(
    DesiredState.layer,
    Positions.layer,
    Layer.provideMerge(Lease.layer, Sessions.layer({ instance, timeToLive }))
  )
}

/**
 * Layer to be provided to the layer of a connector's server, with the transport's `NatsConnection`.
 *
 * **Details**
 *
 * With `state: "memory"` it provides nothing, and a server without is one of its own.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<never, never, NatsConnection.NatsConnection> => {
  const { prefix = "kps", replicas = 1, state = "memory" } = options
  if (state === "memory") return Layer.empty
  const buckets = Layer.unwrap(
    Effect.map(Effect.promise(() => import("./JetStreamBuckets.ts")), (module) => module.layer({ prefix, replicas }))
  )
  const deadLetters = Layer.unwrap(
    Effect.map(
      Effect.promise(() => import("./JetStreamDeadLetters.ts")),
      (module) => module.layer({ prefix, replicas, ...options.deadLetters })
    )
  )
  return Layer.merge(Layer.provide(layerBuckets(options), buckets), deadLetters)
}

const between = (minimum: number, maximum: number) =>
  Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum, maximum }))

/**
 * What the environment says of it: `KPS_STATE` (`memory` or `jetstream`), `KPS_STATE_REPLICAS` (1, 3 or 5),
 * `KPS_STATE_PREFIX`, `KPS_LEASE_TTL` (seconds, from 1 to 600), `KPS_DLQ_MAX_AGE` (hours, from 1 to 8,760) and
 * `KPS_DLQ_MAX_BYTES` (from 1,048,576 to 1,099,511,627,776).
 *
 * @category configuration
 * @since 0.1.0
 */
export const config: Config.Config<Required<Omit<Options, "connectorId">>> = Config.all({
  state: Config.Literals(["memory", "jetstream"], "KPS_STATE").pipe(Config.withDefault("memory" as const)),
  replicas: Config.Literals(["1", "3", "5"], "KPS_STATE_REPLICAS").pipe(
    Config.withDefault("1" as const),
    Config.map(Number)
  ),
  prefix: Config.schema(Schema.String.check(Schema.isPattern(/^[-\w]+$/u)), "KPS_STATE_PREFIX").pipe(
    Config.withDefault("kps")
  ),
  timeToLive: Config.schema(
    Schema.NumberFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: 600 })),
    "KPS_LEASE_TTL"
  ).pipe(Config.withDefault(10), Config.map(Duration.seconds)),
  deadLetters: Config.all({
    maxAge: Config.schema(between(1, 8_760), "KPS_DLQ_MAX_AGE").pipe(
      Config.withDefault(168),
      Config.map(Duration.hours)
    ),
    maxBytes: Config.schema(between(1_048_576, 1_099_511_627_776), "KPS_DLQ_MAX_BYTES").pipe(
      Config.withDefault(268_435_456)
    )
  })
})

/**
 * `layer` with the documented environment: `CONNECTOR_INSTANCE_ID` and that of `config`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerEnv: Layer.Layer<never, Config.ConfigError, NatsConnection.NatsConnection> = Layer.unwrap(
  Effect.map(
    Config.all({ connectorId: Config.NonEmptyString("CONNECTOR_INSTANCE_ID"), asked: config }),
    ({ asked, connectorId }) => layer({ connectorId, ...asked })
  )
)
