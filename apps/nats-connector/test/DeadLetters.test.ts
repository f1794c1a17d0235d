/** The bundled connector: what it cannot deliver outlives it, and is replayed to the one that comes after it. */
import { assert, describe, it } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import { DeadLetters } from "@kps/server"
import * as JetStreamDeadLetters from "@kps/server/JetStreamDeadLetters"
import { NatsTransport } from "@kps/transport"
import { binary, make as natsServer, suiteName } from "@kps/transport/testing/NatsServer"
import { Context, Effect, Layer, References } from "effect"
import * as Support from "./support.ts"

describe.skipIf(binary() === undefined)(suiteName("dead letters"), () => {
  it.live(
    "are kept where KPS_STATE=jetstream keeps the rest, and a killed connector's are replayed to the next one",
    () =>
      Effect.gen(function*() {
        const file = yield* Support.bundle
        const platform = yield* natsServer({ jetstream: true })
        const outside = yield* natsServer({ config: "max_payload: 1024" })
        const world = yield* Support.natsClient(outside.url)
        const pipelines = yield* Support.natsClient(platform.url)
        const start = Effect.gen(function*() {
          const process = yield* Support.start(file, ["--host", "127.0.0.1", "--port", "0"], {
            CONNECTOR_INSTANCE_ID: "c-1",
            NATS_BROKER: platform.url,
            KPS_STATE: "jetstream",
            KPS_LEASE_TTL: "1"
          })
          return { process, client: Support.clientAt(yield* Support.ready(process), "c-1") }
        })
        const first = yield* start
        yield* ConnectorClient.ConnectorClient.use((client) =>
          client.setStreams([
            Support.stream("out", "EGRESS", { subject: "nats_out", broker: outside.url })
          ])
        ).pipe(Effect.provide(first.client))
        const delivered = yield* Support.collect(world, "nats_out")
        const large = "x".repeat(2_000)
        pipelines.publish("ch.out", Support.frame("a"))
        pipelines.publish("ch.out", Support.frame(large))
        pipelines.publish("ch.out", new Uint8Array([0x1a, 0x10]))
        pipelines.publish("ch.out", Support.frame("b"))
        const store = Context.get(
          yield* Layer.build(
            JetStreamDeadLetters.layer().pipe(
              Layer.provide(NatsTransport.layer({ servers: [platform.url] })),
              Layer.provide(Layer.succeed(References.MinimumLogLevel, "None"))
            )
          ),
          DeadLetters.DeadLetters
        )
        const letters = Effect.map(store.list("c-1"), ({ letters }) => letters)
        yield* Support.until("both are kept", Effect.map(letters, (all) => all.length === 2))
        yield* Support.until("what is behind them", Effect.sync(() => delivered.length === 2))
        const told = yield* Effect.provide(Support.alerts, first.client)
        first.process.child.kill("SIGKILL")
        yield* first.process.exited

        const kept = yield* letters
        assert.sameDeepMembers(
          kept.map(({ byteLength, kind, stream, tag }) => [stream, kind, tag, byteLength]),
          [["out", "payload", "MessageTooLarge", 2_000], ["out", "frame", "MalformedFrame", 2]]
        )
        assert.includeMembers(told.map(({ id }) => id), ["messageDeadLettered", "malformedFrame"])
        assert.deepStrictEqual(delivered, ["a", "b"])

        const { id } = kept.find(({ kind }) => kind === "payload")!
        const nobody = yield* Effect.flip(store.replay("c-1", id))
        assert.strictEqual(nobody.reason._tag, "NobodyListens")
        const second = yield* start
        yield* Effect.provide(
          Support.until("it goes on by itself", Effect.map(Support.subscribed("out"), (is) => is === true)),
          second.client
        )
        assert.deepStrictEqual(yield* store.replay("c-1", id), { outcome: "sent", replays: 1 })
        // The outside still refuses it: it is another letter then.
        yield* Support.until("it came back", Effect.map(letters, (all) => all.length === 3))
      }).pipe(Effect.scoped),
    60_000
  )
})
