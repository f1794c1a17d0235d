import { assert, layer } from "@effect/vitest"
import { Connector, Delivery, Failure } from "@kps/connector"
import { Events } from "@kps/events"
import { ConnectorServer } from "@kps/server"
import { Transport } from "@kps/transport"
import { Context, Effect, Layer, Schema, Stream } from "effect"
import * as KpsProcess from "./support/KpsProcess.ts"

class Away extends Schema.TaggedError<Away>()("Away", {}) {
  override get message() {
    return "nobody is at home"
  }
}

const Probe = Connector.make("probe")({
  version: "1.0",
  description: "Reads nothing, for ever.",
  direction: "INGRESS",
  stream: Schema.Struct({ away: Schema.Boolean }),
  config: Schema.Struct({ level: Schema.Int.pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed(1))) }),
  failures: { Away: Failure.retry({ code: "UNAVAILABLE", severity: "WARNING" }) }
})

const probe = Probe.toLayer(Effect.succeed({
  ingress: ({ parameters }) => parameters.away ? Effect.fail(new Away()) : Effect.succeed(Delivery.lossy(Stream.never))
}))

const server = ConnectorServer.layer(Probe, { connectorId: "c-1", host: "127.0.0.1", port: 0 }).pipe(
  Layer.provide([probe, Transport.layerMemory, Events.layer])
)

class Kps extends Context.Service<Kps, KpsProcess.KpsProcess>()("@kps/cli/test/Kps") {
  static readonly layer = Layer.effect(
    Kps,
    Effect.gen(function*() {
      const { port } = yield* ConnectorServer.ConnectorServer
      return yield* KpsProcess.make({ KPS_ENDPOINT: `127.0.0.1:${port}`, CONNECTOR_INSTANCE_ID: "c-1" })
    })
  ).pipe(Layer.provide(server))
}

layer(Kps.layer, { excludeTestServices: true, timeout: "60 seconds" })("kps", (it) => {
  it.effect("sets streams from a file, lists them, and shows why one does not run", () =>
    Effect.gen(function*() {
      const { file, run } = yield* Kps
      const state = file(
        "state.yaml",
        "streams:\n  - { id: good, direction: INGRESS, channel: a, metadata: { away: false } }\n  - { id: bad, direction: INGRESS, channel: b, metadata: { away: true } }\n"
      )
      const set = yield* run("set", "-f", state)

      assert.strictEqual(set.code, 1)
      assert.include(set.err, "\"bad\": UNAVAILABLE: nobody is at home")
      assert.include(set.err, "goes on trying")

      const list = yield* run("stream", "ls", "-o", "json")
      const streams: ReadonlyArray<{ id: string; subscribed: boolean }> = JSON.parse(list.out)

      assert.strictEqual(list.code, 0)
      assert.deepStrictEqual(streams.map(({ id, subscribed }) => [id, subscribed]), [["good", true], ["bad", false]])

      const events = yield* run("events")

      assert.match(events.out, /alert +streamFailed +bad +WARNING/)

      const none = yield* run("set", "-f", file("state.yaml", "streams: []\n"), "-o", "json")

      assert.deepStrictEqual([none.code, none.out], [0, "[]\n"])
    }))

  it.effect("changes the config, and prints what is in force", () =>
    Effect.gen(function*() {
      const { run } = yield* Kps

      assert.deepStrictEqual(yield* run("config", "set", "level=3", "-o", "yaml"), {
        code: 0,
        out: "level: 3\n",
        err: ""
      })
      assert.deepStrictEqual(yield* run("config", "get"), { code: 0, out: "KEY     VALUE\nlevel   3\n", err: "" })
      assert.strictEqual((yield* run("config", "set", "--unset", "level", "-o", "yaml")).out, "level: 1\n")

      const refused = yield* run("config", "set", "level=high")

      assert.strictEqual(refused.code, 1)
      assert.include(refused.err, "payloads[0].config.metadata.level")
    }))

  it.effect("tells by its exit code whether the connector serves", () =>
    Effect.gen(function*() {
      const { run } = yield* Kps

      assert.strictEqual((yield* run("health")).code, 0)

      const away = yield* run("health", "--endpoint", "127.0.0.1:1")

      assert.strictEqual(away.code, 3)
      assert.include(away.err, "cannot reach a connector at 127.0.0.1:1")
    }))

  it.effect("says on standard error what is wrong with the command line, with exit code 2", () =>
    Effect.gen(function*() {
      const { run } = yield* Kps
      for (
        const args of [["stream", "rm"], ["events", "--interval", "5"], ["set", "-f", "/no/such/file"], [
          "health",
          "-e",
          "nats://x"
        ]]
      ) {
        const { code, err, out } = yield* run(...args)

        assert.deepStrictEqual([code, out], [2, ""], args.join(" "))
        assert.match(err, /^kps: /, args.join(" "))
      }
    }))

  it.effect("names both ids when the connector is another", () =>
    Effect.gen(function*() {
      const { run } = yield* Kps
      const { code, err } = yield* run("stream", "ls", "--connector-id", "c-2")

      assert.strictEqual(code, 1)
      assert.include(err, "want connector_id \"c-1\", got \"c-2\"")
      assert.include(err, "--connector-id")
    }))
})
