import { NodeFileSystem, NodeRuntime } from "@effect/platform-node"
import { Events } from "@kps/events"
import { ConnectorServer } from "@kps/server"
import { NatsTransport } from "@kps/transport"
import { Layer } from "effect"
import * as FileSensor from "./FileSensor.ts"

ConnectorServer.layerConfig(FileSensor.FileSensor).pipe(
  Layer.provide([FileSensor.layer, NatsTransport.layerEnv, Events.Events.layer]),
  Layer.provide(NodeFileSystem.layer),
  Layer.launch,
  NodeRuntime.runMain
)
