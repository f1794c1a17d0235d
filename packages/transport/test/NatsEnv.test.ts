import { assert, describe, it } from "@effect/vitest"
import { NatsConnection, NatsTransport, Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Config, ConfigProvider, Effect, Layer, Logger, Option, Redacted, References, Stream } from "effect"
import { channelOf, connected, monitored, text, transportOf } from "./support.ts"

/** Builds the layer in an environment, runs the use, and gives what was logged meanwhile. */
const withEnv = <A, E>(
  env: Record<string, string>,
  use: Effect.Effect<A, E, Transport.Transport | NatsConnection.NatsConnection>,
  layer: Layer.Layer<Transport.Transport | NatsConnection.NatsConnection, unknown> = NatsTransport.layerEnv
) =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const log = Logger.layer([
      Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
    ])
    const provider = ConfigProvider.layer(ConfigProvider.fromEnv({ env }))
    const result = yield* Effect.result(
      Effect.provide(use, Layer.fresh(layer).pipe(Layer.provideMerge(Layer.merge(log, provider))))
    )
    return { result, lines }
  })

const status = Effect.flatMap(Transport.Transport, ({ status }) => status)
const clients = (server: NatsServer.NatsServer["Service"]) =>
  Effect.map(
    monitored<{ connections: Array<{ name: string; authorized_user?: string }> }>(server, "/connz?auth=1"),
    ({ connections }) => connections
  )

describe("NatsTransport.layerEnv", () => {
  it.live("warns once that NATS_BROKER is not set, and which server it uses", () =>
    Effect.gen(function*() {
      const { lines, result } = yield* withEnv({}, status)
      const warnings = lines.filter((line) => line.includes("NATS_BROKER"))

      assert.strictEqual(result._tag, "Success")
      assert.deepStrictEqual(warnings, ["Warn NATS_BROKER is not set, using nats://127.0.0.1:4222"])
    }))

  it.live("takes an empty NATS_BROKER as one that is not set", () =>
    Effect.gen(function*() {
      const { lines } = yield* withEnv({ NATS_BROKER: "" }, status)

      assert.include(lines.join("\n"), "NATS_BROKER is not set")
    }))

  it.live("fails for an address that cannot be right, and names it", () =>
    Effect.gen(function*() {
      const { result } = yield* withEnv({ NATS_BROKER: "nats://a:4222,nats//b" }, status)

      assert(result._tag === "Failure")
      assert.include(String(result.failure), "invalid server \"nats//b\"")
    }))
})

describe.skipIf(NatsServer.skipReason() !== undefined)(
  NatsServer.suiteName("NatsTransport.layerEnv, connected"),
  () => {
    it.live("uses NATS_BROKER, NATS_NAME, NATS_USER and NATS_PASSWORD, and does not warn", () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ config: "authorization { user: u, password: p }" })
        const { lines, result } = yield* withEnv(
          {
            NATS_BROKER: `nats://127.0.0.1:1, ${server.url}`,
            NATS_NAME: "line-1",
            NATS_USER: "u",
            NATS_PASSWORD: "p"
          },
          Effect.andThen(Effect.flatMap(Transport.Transport, connected), clients(server))
        )

        assert(result._tag === "Success")
        assert.deepStrictEqual(
          result.success.map(({ authorized_user, name }) => [name, authorized_user]),
          [["line-1", "u"]]
        )
        assert.deepStrictEqual(lines.filter((line) => line.startsWith("Warn")), [])
      }))

    it.live("uses NATS_TOKEN", () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ config: "authorization { token: t }" })
        const { result } = yield* withEnv({ NATS_BROKER: server.url, NATS_TOKEN: "t" }, status)

        assert(result._tag === "Success")
        assert.strictEqual(result.success._tag, "Connected")
      }))

    it.live("takes the fast data path, unless KPS_NATS_FAST_PATH says no, and takes no other word for it", () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make()
        const pathWith = (env: Record<string, string>) =>
          withEnv({ NATS_BROKER: server.url, ...env }, status).pipe(
            Effect.map(({ result }) => {
              if (result._tag === "Failure") return String(result.failure)
              return result.success._tag === "Connected" ? result.success.dataPath : result.success._tag
            })
          )

        assert.strictEqual(yield* pathWith({}), "fast")
        assert.strictEqual(yield* pathWith({ KPS_NATS_FAST_PATH: "on" }), "fast")
        assert.strictEqual(yield* pathWith({ KPS_NATS_FAST_PATH: "off" }), "client")
        assert.match(yield* pathWith({ KPS_NATS_FAST_PATH: "yes" }), /KPS_NATS_FAST_PATH/)
      }))

    it.live("has options from any configuration by layerConfig", () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ config: "authorization { token: t }" })
        const { result } = yield* withEnv(
          { URLS: server.url, SECRET: "t", WAIT: "3 seconds" },
          clients(server),
          NatsTransport.layerConfig({
            servers: Config.map(Config.String("URLS"), (urls) => urls.split(",")),
            name: Config.succeed("by config"),
            token: Config.Redacted("SECRET"),
            connectTimeout: Config.Duration("WAIT")
          })
        )

        assert(result._tag === "Success")
        assert.deepStrictEqual(result.success.map(({ name }) => name), ["by config"])
      }))

    it.live("gives the client's own connection, and each next one", () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make()
        const layer = NatsTransport.layer({ servers: [server.url] })
        yield* Effect.gen(function*() {
          const { changes, current } = yield* NatsConnection.NatsConnection
          const transport = yield* Transport.Transport
          const first = yield* current
          yield* Effect.promise(() => first.flush())
          yield* server.kill()
          const away = yield* Stream.runHead(Stream.filter(changes, Option.isNone))
          const error = yield* Effect.flip(current)
          yield* server.restart
          yield* Stream.runHead(Stream.filter(changes, Option.isSome))
          const second = yield* current
          yield* Effect.promise(() => second.flush())
          yield* transport.publish(channelOf("a"), text("a"))

          assert.isTrue(Option.isSome(away))
          assert.strictEqual(error.reason._tag, "NotConnected")
          assert.isTrue(first.isClosed())
          assert.notStrictEqual(first, second)
        }).pipe(Effect.provide(layer), Effect.provideService(References.MinimumLogLevel, "None"))
      }))

    it.live("never connects to tls:// in clear", () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ config: "debug: true\ntrace: true" })
        const layer = NatsTransport.layer({
          servers: [`tls://127.0.0.1:${server.port}`],
          token: Redacted.make("canary")
        })
        const now = yield* Effect.provide(status, layer).pipe(Effect.provideService(References.MinimumLogLevel, "None"))

        assert(now._tag === "Disconnected")
        assert.strictEqual(now.cause.reason._tag, "ConnectionFailed")
        assert.include(
          now.cause.message,
          `cannot connect to tls://127.0.0.1:${server.port}: server does not support 'tls'`
        )
        assert.notInclude(yield* server.log, "[CONNECT {")
        // what the line above looks for is there when something connects in clear
        yield* transportOf({ servers: [server.url] })
        assert.include(yield* server.log, "[CONNECT {")
      }))
  }
)
