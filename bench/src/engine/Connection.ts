/** The transport of our processes. */
import { NatsTransport, Transport, type TransportError } from "@kps/transport"
import { Config, Context, Effect, type Scope } from "effect"

const fastPath = Config.Literals(["on", "off"], "KPS_NATS_FAST_PATH").pipe(Config.withDefault("on"))

/** Connected to a server with the defaults, but for `KPS_NATS_FAST_PATH`, which is obeyed as by `NatsTransport.layerEnv`. */
export const open = (
  url: string
): Effect.Effect<Transport.Transport["Service"], TransportError.TransportError | Config.ConfigError, Scope.Scope> =>
  Effect.flatMap(fastPath, (path) => NatsTransport.make({ servers: [url], fastPath: path === "on" })).pipe(
    Effect.map((context) => Context.get(context, Transport.Transport))
  )
