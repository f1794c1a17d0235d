import { describe } from "@effect/vitest"
import { JetStreamTransport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import * as TransportConformance from "@kps/transport/testing/TransportConformance"
import { Effect, Layer } from "effect"

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("JetStream"), () => {
  const layer = (options: Omit<JetStreamTransport.Options, "servers"> = {}) =>
    Layer.unwrap(
      Effect.map(NatsServer.NatsServer, ({ url }) => JetStreamTransport.layer({ servers: [url], ...options }))
    )
  // a message of 1 MiB has to fit with its headers
  const server = NatsServer.layer({ jetstream: true, config: `max_payload: ${1_048_576 + 512}` })

  TransportConformance.suite("JetStream", Layer.provide(layer(), server), { unread: "wait" })

  const publicWay = layer({ fastPath: false, ordering: "none" })
  TransportConformance.suite("JetStream, unordered, by the client's public way", Layer.provide(publicWay, server), {
    unread: "wait"
  })
})
