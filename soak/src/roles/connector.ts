/** The test connector as a process. Says `ready PORT` on standard output when it serves. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Events } from "@kps/events"
import { ConnectorServer, SharedState } from "@kps/server"
import { JetStreamTransport } from "@kps/transport"
import { Effect, Layer, References } from "effect"
import * as Mutant from "../connector/Mutant.ts"
import * as SoakConnector from "../connector/SoakConnector.ts"

const { CONNECTOR_INSTANCE_ID: connectorId = "", MUTANT: text = "none", NATS_BROKER: broker = "", REPLICA: by = "0" } =
  process.env
const mutant = Mutant.isMutant(text) ? text : "none"

const ready = Layer.effectDiscard(
  ConnectorServer.ConnectorServer.useSync(({ port }) => void process.stdout.write(`ready ${port}\n`))
)

ready.pipe(
  Layer.provide(ConnectorServer.layer(SoakConnector.SoakConnector, { connectorId, host: "127.0.0.1", port: 0 })),
  Layer.provide([SoakConnector.layer({ by, mutant }), Events.layer]),
  Layer.provide(SharedState.layerEnv),
  Layer.provide(Mutant.layer(mutant, Layer.orDie(JetStreamTransport.layer({ servers: [broker], ordering: "none" })))),
  Layer.provide(JetStreamTransport.layerEnv),
  Layer.launch,
  Effect.provideService(References.LogToStderr, true),
  NodeRuntime.runMain
)
