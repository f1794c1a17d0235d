/**
 * The connector, assembled: what `main` runs, and what tests run within their own process.
 */
import { Events } from "@kps/events"
import { ConnectorServer } from "@kps/server"
import type { Transport } from "@kps/transport"
import * as Layer from "effect/Layer"
import * as Brokers from "./Brokers.ts"
import * as Credentials from "./Credentials.ts"
import type { LogLevels } from "./LogLevels.ts"
import { NatsConnector } from "./NatsConnector.ts"
import * as NatsConnectorLive from "./NatsConnectorLive.ts"
import type { Settings } from "./Settings.ts"

/** Serves the connector on the transport that is given. */
export const layer = (settings: Settings): Layer.Layer<
  ConnectorServer.ConnectorServer | ConnectorServer.ConnectorRoutes,
  Layer.Error<ReturnType<typeof ConnectorServer.layer>>,
  Transport.Transport | LogLevels
> => {
  const {
    connectorId,
    delivery,
    errors,
    host,
    packing,
    port,
    reflection = true,
    secretsFolder,
    setPayload,
    tls
  } = settings
  const served = { connectorId, delivery, errors, host, packing, port, reflection, setPayload, tls }
  return ConnectorServer.layer(NatsConnector, served).pipe(
    Layer.provide(NatsConnectorLive.layer({ instance: connectorId })),
    Layer.provide([
      Brokers.layer({ name: `${NatsConnector.name} ${connectorId}` }).pipe(
        Layer.provide(Credentials.layer(secretsFolder))
      ),
      Events.layer
    ])
  )
}
