/**
 * The transport that the environment asks for: core NATS, or JetStream.
 *
 * What every connector wants as its transport. The one that is not asked for is not loaded.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type { NatsConnection } from "./NatsConnection.ts"
import * as NatsTransport from "./NatsTransport.ts"
import type { Transport } from "./Transport.ts"
import { InvalidOption, TransportError } from "./TransportError.ts"

/**
 * How channels go: `core` over core NATS, at most once; `jetstream` stored by JetStream, at least once.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = "core" | "jetstream"

/**
 * What `KPS_TRANSPORT` says: `core` or `jetstream`. Default: "core", also where it is empty.
 *
 * @category configuration
 * @since 0.1.0
 */
export const kind: Effect.Effect<Kind, TransportError | Config.ConfigError> = Effect.flatMap(
  Config.option(Config.String("KPS_TRANSPORT")),
  (given) => {
    const asked = Option.getOrElse(given, () => "")
    if (asked === "" || asked === "core") return Effect.succeed("core")
    if (asked === "jetstream") return Effect.succeed("jetstream")
    const problem = `it is "${asked.slice(0, 200)}", want "core" or "jetstream"`
    return Effect.fail(new TransportError({ reason: new InvalidOption({ option: "KPS_TRANSPORT", problem }) }))
  }
)

/**
 * Layer of the transport that `KPS_TRANSPORT` asks for, with its documented environment.
 *
 * **Details**
 *
 * `core`: that of `NatsTransport.layerEnv`. `jetstream`: that of `JetStreamTransport.layerEnv`, and service
 * `JetStream.JetStream` is there beside the others, for those who ask whether it is.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerEnv: Layer.Layer<Transport | NatsConnection, TransportError | Config.ConfigError> = Layer.unwrap(
  Effect.flatMap(kind, (asked): Effect.Effect<typeof NatsTransport.layerEnv> =>
    asked === "core"
      ? Effect.succeed(NatsTransport.layerEnv)
      : Effect.map(Effect.promise(() => import("./JetStreamTransport.ts")), (module) => module.layerEnv))
)
