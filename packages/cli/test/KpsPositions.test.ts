import { assert, describe, layer } from "@effect/vitest"
import { Positions } from "@kps/server"
import * as JetStreamBuckets from "@kps/server/JetStreamBuckets"
import { NatsTransport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Kvm } from "@nats-io/kv"
import { connect } from "@nats-io/transport-node"
import { Context, Effect, Layer, References } from "effect"
import * as KpsProcess from "./support/KpsProcess.ts"

/** The command, and the broker where connectors have saved what it looks at. */
class Kps extends Context.Service<Kps, Pick<KpsProcess.KpsProcess, "run"> & { readonly url: string }>()("test/Kps") {}

const kps = Layer.effect(
  Kps,
  Effect.gen(function*() {
    const { url } = yield* NatsServer.NatsServer
    const { run } = yield* KpsProcess.make({ NATS_BROKER: url })
    return Kps.of({ url, run: (...args) => run("positions", ...args) })
  })
)

const saved = Positions.layer.pipe(
  Layer.provide(JetStreamBuckets.layer()),
  Layer.provide(Layer.unwrap(
    NatsServer.NatsServer.useSync(({ url }) => NatsTransport.layer({ servers: [url] }))
  )),
  Layer.provide(Layer.succeed(References.MinimumLogLevel, "None"))
)

const all = Layer.mergeAll(kps, saved).pipe(Layer.provide(NatsServer.layer({ jetstream: true })))

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("kps positions"), () => {
  layer(all, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.effect("lists, shows, sets and resets what connectors have saved", () =>
      Effect.gen(function*() {
        const { run } = yield* Kps
        const positions = yield* Positions.Positions
        yield* positions.set("c-1", "line 1", { position: { sequence: 7 }, parameters: { subject: "a" } }, 0)
        yield* positions.set("c-2", "s", { position: "x", parameters: {} }, 0)

        const list = yield* run("ls")
        assert.deepStrictEqual([list.code, list.err], [0, ""])
        assert.match(
          list.out,
          /^CONNECTOR +STREAM +POSITION +SAVED +REVISION\nc-1 +line 1 +\{"sequence":7\} +\d{4}-\S+Z +1\n/
        )
        assert.match(list.out, /\nc-2 +s +"x" +\S+ +2\n$/)
        const one = JSON.parse((yield* run("ls", "-c", "c-1", "-o", "json")).out)
        assert.strictEqual(one.length, 1)
        const shown = JSON.parse((yield* run("get", "-c", "c-1", "line 1", "-o", "json")).out)
        assert.deepStrictEqual({ ...shown, saved: "" }, {
          connector: "c-1",
          stream: "line 1",
          position: { sequence: 7 },
          parameters: { subject: "a" },
          saved: "",
          revision: 1
        })

        const set = yield* run("set", "-c", "c-1", "line 1", "{\"sequence\":1000}", "-o", "json")
        assert.strictEqual(set.code, 0)
        assert.deepStrictEqual(JSON.parse(set.out).position, { sequence: 1000 })
        assert.deepStrictEqual(
          yield* Effect.map(positions.get("c-1", "line 1"), (found) => found._tag === "Some" && found.value.position),
          { sequence: 1000 }
        )
        assert.deepStrictEqual(
          JSON.parse((yield* run("set", "-c", "c-1", "new", "text", "-o", "json")).out).position,
          "text"
        )

        assert.deepStrictEqual(yield* run("reset", "-c", "c-1", "line 1"), { code: 0, out: "", err: "" })
        const gone = yield* run("get", "-c", "c-1", "line 1")
        assert.strictEqual(gone.code, 1)
        assert.include(gone.err, "kps: no position is saved of stream \"line 1\" of connector \"c-1\"")
      }), 60_000)

    it.effect(
      "shows what it can beside one that cannot be read, and lets that be mended",
      () =>
        Effect.gen(function*() {
          const { run, url } = yield* Kps
          const positions = yield* Positions.Positions
          yield* positions.set("c-3", "good", { position: 1, parameters: {} }, 0)
          yield* Effect.acquireUseRelease(
            Effect.promise(() => connect({ servers: url })),
            (client) =>
              Effect.promise(() =>
                new Kvm(client).open("kps-positions").then((kv) =>
                  kv.put("position.c-3.bad", "{\"version\":2,\"value\":{}}")
                )
              ),
            (client) => Effect.promise(() => client.close())
          )
          const list = yield* run("ls", "-c", "c-3", "-o", "json")

          assert.deepStrictEqual(JSON.parse(list.out).map(({ stream }: { stream: string }) => stream), ["good"])
          assert.strictEqual(list.code, 1)
          assert.include(list.err, "key \"position.c-3.bad\" of bucket \"kps-positions\": it is of version 2")
          assert.include(list.err, "kps positions reset")
          assert.strictEqual((yield* run("get", "-c", "c-3", "bad")).code, 1)
          assert.strictEqual((yield* run("set", "-c", "c-3", "bad", "5")).code, 0)
          assert.strictEqual((yield* run("ls", "-c", "c-3")).code, 0)
        }),
      60_000
    )

    it.effect("says what is wrong: no broker, no JetStream, no instance", () =>
      Effect.gen(function*() {
        const { run } = yield* Kps
        const away = yield* run("ls", "--nats", "nats://127.0.0.1:1")
        assert.strictEqual(away.code, 3)
        assert.match(
          away.err,
          /^kps: cannot list .*127\.0\.0\.1:1.*\n +is the broker running, has it JetStream, and is --nats/
        )
        const plain = yield* NatsServer.make()
        const without = yield* run("get", "-c", "c-1", "s", "--nats", plain.url)
        assert.strictEqual(without.code, 3)
        assert.match(without.err, /jetstream/i)
        assert.strictEqual((yield* run("get", "s")).code, 2)
        assert.strictEqual((yield* run("ls", "--nats", "http://x")).code, 2)
      }), 60_000)
  })
})
