import { describe, layer } from "@effect/vitest"
import { NatsTransport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Layer, Logger } from "effect"
import * as GoldenSuite from "./GoldenSuite.ts"
import * as GoServerSuite from "./GoServerSuite.ts"
import * as Peer from "./Peer.ts"
import * as Toolchain from "./Toolchain.ts"
import * as TransportSuite from "./TransportSuite.ts"

// one file: the peer is built once
const skip = Toolchain.skipReason() !== undefined

const Transport = Layer.unwrap(
  Effect.map(NatsServer.NatsServer, ({ url }) => NatsTransport.layer({ servers: [url] }))
).pipe(Layer.provide(Logger.layer([])), Layer.provideMerge(NatsServer.layer({ config: TransportSuite.brokerConfig })))

describe.skipIf(skip)(Toolchain.suiteName("the Go SDK as a peer"), () => {
  layer(Peer.layer, { excludeTestServices: true, timeout: Toolchain.buildTimeout })((it) => {
    describe("golden files", () => GoldenSuite.suite(it))
    describe("as a connector", () => GoServerSuite.suite(it))

    describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("over the transport"), () => {
      it.layer(Transport)(TransportSuite.suite)
    })
  })
})
