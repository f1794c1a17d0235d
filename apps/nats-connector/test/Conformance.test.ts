import { describe } from "@effect/vitest"
import { Events } from "@kps/events"
import { ConnectorServer, SharedState } from "@kps/server"
import { Description, Subject, WireSubject } from "@kps/testing"
import * as ConnectorConformance from "@kps/testing/ConnectorConformance"
import { NatsTransport } from "@kps/transport"
import { binary, make as natsServer, suiteName } from "@kps/transport/testing/NatsServer"
import { Context, Duration, Effect, Layer, References } from "effect"
import { readFileSync } from "node:fs"
import * as Brokers from "../src/Brokers.ts"
import * as Credentials from "../src/Credentials.ts"
import * as LogLevels from "../src/LogLevels.ts"
import { NatsConnector } from "../src/NatsConnector.ts"
import * as NatsConnectorLive from "../src/NatsConnectorLive.ts"

const sample = (name: string) => readFileSync(new URL(`../samples/${name}`, import.meta.url), "utf8")
const shipped = {
  connector: NatsConnector,
  document: sample("class.json"),
  template: sample("connector.yaml")
}

/**
 * The connector between two real brokers, as conformance.json describes it. What it tells of is forgotten sooner. Each
 * way to keep its state goes with one data path of the transport, so that all of them are seen in two runs.
 */
const subject = (state: "memory" | "jetstream", { fastPath }: { readonly fastPath: boolean }) =>
  Layer.unwrap(Effect.gen(function*() {
    const platform = yield* natsServer({ jetstream: state === "jetstream" })
    const outside = yield* natsServer()
    const file = JSON.parse(readFileSync(new URL("../conformance.json", import.meta.url), "utf8"))
    const description = yield* Description.decode("conformance.json", {
      ...file,
      outside: { nats: { ...file.outside.nats, url: outside.url } }
    })
    const connectorId = description.id
    const services = yield* Layer.build(
      ConnectorServer.layer(NatsConnector, { connectorId, host: "127.0.0.1", port: 0 }).pipe(
        Layer.provide(NatsConnectorLive.layer({ instance: connectorId })),
        Layer.provide([
          Brokers.layer({ name: connectorId }).pipe(Layer.provide(Credentials.layer("/no/secrets"))),
          Events.layerOptions({ retention: "3 seconds" }),
          LogLevels.layer(LogLevels.stderrLogger({ pretty: false }))
        ]),
        Layer.provide(SharedState.layer({ connectorId, state })),
        Layer.provide(NatsTransport.layer({ servers: [platform.url], fastPath }))
      )
    ).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
    const { port } = Context.get(services, ConnectorServer.ConnectorServer)
    const wire = WireSubject.make({
      endpoint: `127.0.0.1:${port}`,
      nats: [platform.url],
      description,
      patience: { longest: Duration.seconds(2) }
    })
    return Layer.effect(Subject.Subject, Effect.map(wire, (subject) => ({ ...subject, probes: { shipped } })))
  }))

describe.skipIf(binary() === undefined)(suiteName("nats-connector"), () => {
  ConnectorConformance.suite("nats-connector", subject("memory", { fastPath: true }))
  ConnectorConformance.suite(
    "nats-connector, its state in JetStream, without the fast data path",
    subject("jetstream", { fastPath: false })
  )
})
