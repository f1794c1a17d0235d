import { describe, layer, vi } from "@effect/vitest"
import { JetStreamTransport, NatsTransport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Layer, Logger } from "effect"
import * as ConformSuite from "./ConformSuite.ts"
import * as FlowSuite from "./FlowSuite.ts"
import * as GoClientSuite from "./GoClientSuite.ts"
import * as GoldenSuite from "./GoldenSuite.ts"
import * as GoServerSuite from "./GoServerSuite.ts"
import * as JetStreamSuite from "./JetStreamSuite.ts"
import * as Peer from "./Peer.ts"
import * as ReconcilerSuite from "./ReconcilerSuite.ts"
import * as Toolchain from "./Toolchain.ts"
import * as TransportSuite from "./TransportSuite.ts"

// processes start and end in each test; what is waited for has a shorter limit of its own
vi.setConfig({ testTimeout: 120_000 })

// one file: the peer is built once
const skip = Toolchain.skipReason() !== undefined

const Transport = Layer.unwrap(
  Effect.map(NatsServer.NatsServer, ({ url }) => NatsTransport.layer({ servers: [url] }))
).pipe(Layer.provide(Logger.layer([])), Layer.provideMerge(NatsServer.layer({ config: TransportSuite.brokerConfig })))

const Stored = Layer.unwrap(
  Effect.map(NatsServer.NatsServer, ({ url }) => JetStreamTransport.layer({ servers: [url] }))
).pipe(Layer.provide(Logger.layer([])), Layer.provideMerge(NatsServer.layer({ jetstream: true })))

describe.skipIf(skip)(Toolchain.suiteName("the Go SDK as a peer"), () => {
  layer(Peer.layer, { excludeTestServices: true, timeout: "6 minutes" })((it) => {
    describe("golden files", () => GoldenSuite.suite(it))
    describe("as a connector", () => GoServerSuite.suite(it))
    describe("as a caller", () => GoClientSuite.suite(it))
    describe("as a connector of a service domain", () => ReconcilerSuite.suite(it))

    describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("over the transport"), () => {
      it.layer(Transport)((it) => {
        TransportSuite.suite(it)
        FlowSuite.suite(it)
        ConformSuite.suite(it)
      })
    })

    describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("over JetStream"), () => {
      it.layer(Stored)((it) => JetStreamSuite.suite(it))
    })
  })
})
