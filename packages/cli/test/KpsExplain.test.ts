import { assert, layer } from "@effect/vitest"
import { Connector, Delivery } from "@kps/connector"
import { Events } from "@kps/events"
import { ConnectorServer } from "@kps/server"
import * as Insight from "@kps/server/Insight"
import * as MetricsServer from "@kps/server/MetricsServer"
import { Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Context, Effect, Layer, References, Schema, Stream } from "effect"
import * as KpsProcess from "./support/KpsProcess.ts"

const Both = Connector.make("both")({
  version: "1.0",
  description: "Reads nothing, for ever, and takes everything.",
  direction: "BIDIRECTIONAL",
  stream: Schema.Struct({}),
  config: Schema.Struct({}),
  failures: {}
})

const both = Both.toLayer(Effect.succeed({
  ingress: () => Effect.succeed(Delivery.acknowledged(Stream.never)),
  egress: () => Effect.succeed(Delivery.sink({ idempotent: true, deliver: () => Effect.void }))
}))

const server = ConnectorServer.layer(Both, { connectorId: "c-1", host: "127.0.0.1", port: 0 }).pipe(
  Layer.provide([both, Transport.layerMemory, Events.layer]),
  Layer.provideMerge(MetricsServer.layer({ host: "127.0.0.1", port: 0 })),
  Layer.provide(Insight.layer),
  Layer.provide(Layer.succeed(References.MinimumLogLevel, "None"))
)

/** The command, with a connector that runs two streams. */
class Kps extends Context.Service<
  Kps,
  Pick<KpsProcess.KpsProcess, "run"> & { readonly grpc: ReadonlyArray<string>; readonly http: string }
>()("@kps/cli/test/KpsExplain") {
  static readonly layer = Layer.effect(
    Kps,
    Effect.gen(function*() {
      const { port } = yield* ConnectorServer.ConnectorServer
      const { port: metricsPort } = yield* MetricsServer.MetricsServer
      const { file, run } = yield* KpsProcess.make()
      const state = file(
        "state.yaml",
        "streams:\n  - { id: in, direction: INGRESS, channel: a, metadata: {} }\n  - { id: out, direction: EGRESS, channel: b, metadata: {} }\n"
      )
      const grpc = ["-e", `127.0.0.1:${port}`, "-c", "c-1"]
      const set = yield* run("set", ...grpc, "-f", state)
      assert.deepStrictEqual([set.code, set.err], [0, ""])
      return Kps.of({ run, grpc, http: `127.0.0.1:${metricsPort}` })
    })
  ).pipe(Layer.provide(server))
}

const facts = {
  direction: "INGRESS",
  source: "acknowledged",
  saved: false,
  fenced: false,
  leased: false,
  maxPayloadBytes: 1_048_576
} as const

layer(Kps.layer, { excludeTestServices: true, timeout: "120 seconds" })("kps explain guarantees", (it) => {
  it.effect("says of each stream what it promises, why, and what would raise it", () =>
    Effect.gen(function*() {
      const { grpc, run } = yield* Kps
      const { code, err, out } = yield* run("explain", "guarantees", ...grpc)

      assert.deepStrictEqual([code, err], [0, ""])
      assert.include(out, "in (ingress to a): at most once\n  because         core NATS keeps nothing")
      assert.match(out, /can come twice {2}all of it, once for each process/)
      assert.match(out, /raised by {7}JetStream as the transport \(KPS_TRANSPORT=jetstream\)/)
      assert.match(out, /\n\nout \(egress from b\): at most once\n(.|\n)*can come twice {2}nothing\n/)
      assert.isBelow(Math.max(...out.split("\n").map(({ length }) => length)), 101)
    }), 120_000)

  it.effect(
    "gives the same as JSON, from the connector's statuses and from beside its metrics",
    () =>
      Effect.gen(function*() {
        const { grpc, http, run } = yield* Kps
        const asked = yield* run("explain", "guarantees", ...grpc, "-o", "json")
        const read = yield* run("explain", "guarantees", "--http", http, "-o", "json")
        const [byGrpc, byHttp] = [JSON.parse(asked.out), JSON.parse(read.out)]

        assert.deepStrictEqual(byGrpc[0], {
          connectorId: "c-1",
          id: "in",
          direction: "INGRESS",
          channel: "a",
          state: byGrpc[0].state,
          guarantee: { ...Connector.guarantee(facts), facts }
        })
        assert.deepStrictEqual(
          byGrpc.map((
            { channel, guarantee, id }: { id: string; channel: string; guarantee: unknown }
          ) => [id, channel, guarantee]),
          byHttp.map((
            { channel, guarantee, id }: { id: string; channel: string; guarantee: unknown }
          ) => [id, channel, guarantee])
        )
      }),
    120_000
  )

  it.effect(
    "says what is wrong: no connector is named, nobody answers, it is no connector that does",
    () =>
      Effect.gen(function*() {
        const { grpc, http, run } = yield* Kps
        const unnamed = yield* run("explain", "guarantees")
        const away = yield* run("explain", "guarantees", "-e", "127.0.0.1:2", "-c", "c-1")
        const other = yield* run("explain", "guarantees", "--http", `http://${http}/metrics`)

        assert.deepStrictEqual([unnamed.code, away.code, other.code], [2, 3, 3])
        assert.include(unnamed.err, "say which connector: --connector-id ID, or --http URL")
        assert.include(other.err, "/metrics/streams: it answers 404")
        assert.strictEqual((yield* run("explain", "guarantees", grpc[0]!, grpc[1]!, "-c", "c-2")).code, 1)
      }),
    120_000
  )

  it.effect.skipIf(NatsServer.skipReason() !== undefined)(
    "kps doctor exits with 0 when all is well, with 1 and its warnings when not, and says what it cannot do",
    () =>
      Effect.gen(function*() {
        const { http, run } = yield* Kps
        const well = yield* NatsServer.make({ jetstream: true })
        const plain = yield* NatsServer.make()
        const right = yield* run("doctor", "--nats", well.url, "--monitor", well.monitorUrl, "--http", http)
        const wrong = yield* run("doctor", "--nats", plain.url)
        const json = yield* run("doctor", "--nats", plain.url, "-o", "json")

        assert.deepStrictEqual([right.code, right.err], [0, ""])
        assert.match(
          right.out.replaceAll(/\s+/g, " "),
          /^no warnings looked at nats-server \d+\.\S+ \(\S+\), 0 streams, 0 consumers, 2 streams of 1 connector not/
        )
        assert.deepStrictEqual([wrong.code, wrong.err], [1, "kps: 1 warning\n"])
        assert.match(wrong.out, /^jetstream: server \S+\n {2}problem +JetStream is off(.|\n)*\n {2}do +turn it on/)
        assert.include(wrong.out, "give --monitor URL")
        assert.strictEqual(json.code, 1)
        assert.deepStrictEqual(
          JSON.parse(json.out).warnings.map(({ check }: { readonly check: string }) => check),
          ["jetstream"]
        )
        assert.strictEqual((yield* run("doctor", "--nats", "http://x")).code, 2)
        const away = yield* run("doctor", "--nats", "nats://127.0.0.1:2")
        assert.strictEqual(away.code, 3)
        assert.include(away.err, "is the broker running, and is --nats where it listens?")
        assert.strictEqual((yield* run("doctor", "--nats", well.url, "--monitor", "http://127.0.0.1:2")).code, 3)
      }),
    120_000
  )
})
