import { connectNodeAdapter } from "@connectrpc/connect-node"
import { assert, describe, it } from "@effect/vitest"
import { HealthV1 } from "@kps/idl"
import { Description, WireSubject } from "@kps/testing"
import { Effect } from "effect"
import * as http2 from "node:http2"
import * as Proxy from "../src/Proxy.ts"
import * as TestStream from "../src/TestStream.ts"
import * as Wire from "../src/Wire.ts"
import * as MemorySubject from "./support/MemorySubject.ts"
import { listen } from "./support/Serve.ts"

const problemAt = Effect.fnUntraced(function*(endpoint: string, id = "c-1") {
  const description = yield* Description.decode("c.yaml", { id, streams: { ingress: { working: {} } } })
  // nothing listens there, and it must not matter before the connector is known to be one
  const error = yield* Effect.flip(WireSubject.make({ endpoint, nats: ["nats://127.0.0.1:1"], description }))
  return `${error._tag}: ${error.message}`
})

/** A server of gRPC that is no connector. */
const other = Effect.sync(() =>
  http2.createServer(
    connectNodeAdapter({
      routes: (router) => router.service(HealthV1.Health, { check: () => ({ status: 1 }) }),
      grpcWeb: false,
      connect: false
    })
  )
)

describe("what is found out before the first case", () => {
  it.live("a dead port", () =>
    Effect.gen(function*() {
      const address = yield* Effect.scoped(Proxy.listen(() => {}))
      assert.match(yield* problemAt(address), /^NotReachable: no connector at 127\.0\.0\.1:\d+: .*ECONNREFUSED/)
    }))

  it.live("a port that speaks something else", () =>
    Effect.gen(function*() {
      const address = yield* Proxy.listen((socket) => {
        socket.on("error", () => {}).end("HTTP/1.1 400 Bad Request\r\n\r\n")
      })
      assert.match(yield* problemAt(address), /^NotReachable: .* does not speak gRPC/)
    }))

  it.live("a port that says nothing", () =>
    Effect.gen(function*() {
      const address = yield* Proxy.listen((socket) => void socket.on("error", () => {}))
      assert.match(yield* problemAt(address), /^NotReachable: .* takes the connection and does not answer/)
    }), 15_000)

  it.live("a server of gRPC that is no connector", () =>
    Effect.gen(function*() {
      const unknown = http2.createServer().on("stream", (stream) =>
        stream.respond(
          {
            ":status": 200,
            "content-type": "application/grpc",
            "grpc-status": "12",
            "grpc-message": "unknown service"
          },
          { endStream: true }
        ))
      for (const server of [yield* other, unknown]) {
        const address = yield* listen(server)
        assert.match(yield* problemAt(address), /^NotReachable: .* does not serve connector\.v1\.ConnectorService/)
      }
    }))

  it.live("a connector with another id, and one that runs streams of somebody else", () =>
    Effect.gen(function*() {
      const subject = yield* MemorySubject.make({ socket: true })
      const { place } = subject
      assert.match(yield* problemAt(place, "c-2"), /^NotTestable: .* id "c-2" of the description: INVALID_ARGUMENT/)
      // with the right id and no streams the next thing that is missing is the broker
      assert.match(yield* problemAt(place), /^NotReachable: no broker at nats:\/\/127\.0\.0\.1:1/)

      const wire = Wire.make({
        transport: subject.transport,
        connectorId: "c-1",
        deadlineMillis: 5_000,
        record: () => {}
      })
      const stream = {
        name: "s",
        id: "somebody's",
        direction: "INGRESS" as const,
        channel: "plant.line-1",
        metadata: { subject: "s" }
      }
      yield* wire.setPayload({ payloads: [TestStream.payload(stream)] })
      assert.match(yield* problemAt(place), /^NotTestable: .* a stream of somebody else \(somebody's subscribed/)
      // what a run of the suite that was killed has left is its own
      yield* wire.setPayload({ payloads: [TestStream.payload({ ...stream, channel: "kps.conform.s" })] })
      assert.match(yield* problemAt(place), /^NotReachable: no broker/)
    }))

  it.live("a place that is none", () =>
    Effect.gen(function*() {
      assert.match(yield* problemAt("http://127.0.0.1:1"), /^InvalidEndpoint: /)
    }))
})
