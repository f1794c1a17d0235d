/**
 * The connection of the commands that look at what connectors keep at their broker.
 *
 * @since 0.1.0
 */
import { type NatsConnection, NatsTransport, type Transport, type TransportError } from "@kps/transport"
import type * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Layer from "effect/Layer"
import * as References from "effect/References"

/**
 * The broker that `--nats` names, with the credentials of the environment.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  nats: string
): Layer.Layer<
  Transport.Transport | NatsConnection.NatsConnection,
  TransportError.TransportError | Config.ConfigError
> =>
  NatsTransport.layerEnv.pipe(
    // What is wrong is told by the command itself.
    Layer.provide(Layer.succeed(References.MinimumLogLevel, "None")),
    Layer.provide(ConfigProvider.layerAdd(
      ConfigProvider.fromUnknown({ NATS_BROKER: nats, NATS_NAME: "kps" }),
      { asPrimary: true }
    ))
  )
