import { NodeFileSystem, NodeRuntime } from "@effect/platform-node"
import { Events } from "@kps/events"
import { ConnectorServer } from "@kps/server"
import { NatsTransport } from "@kps/transport"
import { Layer } from "effect"
import * as FileSensor from "./FileSensor.ts"

// serves the contract on port 8000, or KPS_LISTEN_PORT; CONNECTOR_INSTANCE_ID and NATS_BROKER come from the environment
ConnectorServer.layerConfig(FileSensor.FileSensor, ConnectorServer.config).pipe(
  Layer.provide([FileSensor.layer, NatsTransport.layerEnv, Events.layer]),
  Layer.provide(NodeFileSystem.layer),
  Layer.launch,
  NodeRuntime.runMain({ teardown: ConnectorServer.teardown })
)
