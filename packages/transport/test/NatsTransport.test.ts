import { describe } from "@effect/vitest"
import { NatsTransport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import * as TransportConformance from "@kps/transport/testing/TransportConformance"
import { Effect, Layer } from "effect"
import { fastPath } from "./support.ts"

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("NATS"), () => {
  const layer = Layer.unwrap(
    Effect.map(NatsServer.NatsServer, ({ url }) => NatsTransport.layer({ servers: [url], fastPath }))
  )

  TransportConformance.suite(
    fastPath ? "NATS" : "NATS by the client's public way",
    Layer.provide(layer, NatsServer.layer())
  )
})
