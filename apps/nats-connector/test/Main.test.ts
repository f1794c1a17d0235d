/** The bundled connector as a process. */
import { assert, describe, layer } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import { binary, make as natsServer, suiteName } from "@kps/transport/testing/NatsServer"
import { jetstreamManager } from "@nats-io/jetstream"
import { Context, Effect, Layer, Result } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Support from "./support.ts"

class Bundle extends Context.Service<Bundle, string>()("test/Bundle") {}

const start = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  Effect.flatMap(Bundle, (file) => Support.start(file, args, env))

/** Runs until it ends by itself: what it said last, and how it ended. */
const end = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function*() {
    const connector = yield* start(args, env)
    const code = yield* connector.exited
    return { code, stdout: connector.stdout(), lines: connector.lines() }
  })

const local = ["--host", "127.0.0.1", "--port", "0"]

const suite = layer(Layer.effect(Bundle, Support.bundle), { excludeTestServices: true, timeout: "60 seconds" })

describe.skipIf(binary() === undefined)(suiteName("main"), () => {
  suite("bundled", (it) => {
    it.effect(
      "serves, moves messages both ways, and drains and exits 0 on SIGTERM and SIGINT",
      () =>
        Effect.gen(function*() {
          const platform = yield* natsServer()
          const outside = yield* natsServer()
          const world = yield* Support.natsClient(outside.url)
          const pipelines = yield* Support.natsClient(platform.url)
          const channel = yield* Support.collectChannel(pipelines, "ch.in")
          const delivered = yield* Support.collect(world, "nats_out")
          for (const signal of ["SIGTERM", "SIGINT"] as const) {
            channel.length = 0
            delivered.length = 0
            const connector = yield* start(local, { CONNECTOR_INSTANCE_ID: "c-1", NATS_BROKER: platform.url })
            const port = yield* Support.ready(connector)
            const started = connector.lines().length
            yield* Effect.gen(function*() {
              const client = yield* ConnectorClient.ConnectorClient
              assert.strictEqual(yield* client.health(), "SERVING")
              yield* client.setPayload([
                { object: { case: "config", value: { metadata: { log_level: "INFO" } } } },
                ...[
                  Support.stream("in", "INGRESS", { subject: "nats_in", broker: outside.url }),
                  Support.stream("out", "EGRESS", { subject: "nats_out", broker: outside.url })
                ].map((value) => ({ object: { case: "stream" as const, value } }))
              ])
              const texts = Array.from({ length: 1_000 }, (_, i) => `payload-canary-${i}`)
              for (const text of texts) world.publish("nats_in", text)
              for (const text of texts) pipelines.publish("ch.out", Support.frame(text))
              yield* Support.until(
                "all through",
                Effect.sync(() => channel.length >= texts.length && delivered.length >= texts.length)
              )
              assert.deepStrictEqual(channel, texts)
              assert.deepStrictEqual(delivered, texts)
            }).pipe(Effect.provide(Support.clientAt(port, "c-1")))

            // start and stop are all there is to say
            assert.strictEqual(connector.lines().length, started)
            const told = performance.now()
            // a terminal and npm both pass it on: it may come more than once, at any moment until the end
            const again = setInterval(() => connector.child.kill(signal), 1)
            const code = yield* connector.exited
            clearInterval(again)
            assert.strictEqual(code, 0)
            assert.isBelow(performance.now() - told, 3_000)
            const lines = connector.lines()
            assert.isTrue(lines.every(({ level }) => level === "INFO"))
            assert.strictEqual(lines.at(-1)?.message, "connector has stopped")
            assert.deepStrictEqual(lines.find(({ message }) => message === "connector is ready")?.annotations, {
              host: "127.0.0.1",
              port,
              connectorId: "c-1",
              class: "natsconnector"
            })
            assert.notInclude(connector.stderr(), "canary")
            assert.strictEqual(connector.stdout(), "")
          }
        }),
      60_000
    )

    it.effect(
      "stores its channels in JetStream where KPS_TRANSPORT asks for it, and says so",
      () =>
        Effect.gen(function*() {
          const platform = yield* natsServer({ jetstream: true })
          const outside = yield* natsServer()
          const world = yield* Support.natsClient(outside.url)
          const pipelines = yield* Support.natsClient(platform.url)
          const delivered = yield* Support.collect(world, "nats_out")
          const connector = yield* start(local, {
            CONNECTOR_INSTANCE_ID: "c-1",
            NATS_BROKER: platform.url,
            KPS_TRANSPORT: "jetstream",
            NATS_JS_DUPLICATE_WINDOW: "7 seconds"
          })
          const port = yield* Support.ready(connector)
          yield* Effect.gen(function*() {
            yield* ConnectorClient.ConnectorClient.use((client) =>
              client.setStreams([
                Support.stream("in", "INGRESS", { subject: "nats_in", broker: outside.url }),
                Support.stream("out", "EGRESS", { subject: "nats_out", broker: outside.url })
              ])
            )
            const texts = Array.from({ length: 300 }, (_, i) => `${i}`)
            for (const text of texts) world.publish("nats_in", text)
            for (const text of texts) pipelines.publish("ch.out", Support.frame(text))
            const { streams } = yield* Effect.promise(() => jetstreamManager(pipelines))
            yield* Support.until("all through", Effect.sync(() => delivered.length >= texts.length))
            assert.deepStrictEqual(delivered, texts)
            yield* Support.until(
              "all stored",
              Effect.map(Effect.promise(() => streams.info("KPS_ch_in")), ({ state }) => state.messages === 300)
            )
            const { config } = yield* Effect.promise(() => streams.info("KPS_ch_in"))
            assert.strictEqual(config.duplicate_window, 7_000_000_000)
          }).pipe(Effect.provide(Support.clientAt(port, "c-1")))
          const listening = connector.lines().find(({ message }) => message === "listening")
          assert.strictEqual(listening?.annotations["channels"], "jetstream")
        }),
      60_000
    )

    it.effect("shows a killed outside broker within seconds, and that it is back", () =>
      Effect.gen(function*() {
        const platform = yield* natsServer()
        const outside = yield* natsServer()
        const pipelines = yield* Support.natsClient(platform.url)
        const channel = yield* Support.collectChannel(pipelines, "ch.in")
        const connector = yield* start(["-connectorInstanceID", "c-2", ...local], { NATS_BROKER: platform.url })
        const port = yield* Support.ready(connector)
        yield* Effect.gen(function*() {
          const client = yield* ConnectorClient.ConnectorClient
          yield* client.setStreams([
            Support.stream("in", "INGRESS", { subject: "nats_in", broker: outside.url }),
            Support.stream("out", "EGRESS", { subject: "nats_out", broker: outside.url })
          ])
          const shows = (status: string) =>
            Effect.forEach(["in", "out"], (id) =>
              Effect.timeout(
                Support.until(`${id} ${status}`, Effect.map(Support.statusOf(id), (now) => now === status)),
                "5 seconds"
              ), { concurrency: "unbounded" })
          yield* outside.kill("SIGKILL")
          yield* shows("streamUnhealthy")
          yield* outside.restart
          yield* shows("streamHealthy")

          const world = yield* Support.natsClient(outside.url)
          world.publish("nats_in", "back")
          yield* Support.until("flows again", Effect.sync(() => channel.length === 1))
        }).pipe(Effect.provide(Support.clientAt(port, "c-2")))
        // the process said so, too
        assert.isTrue(connector.lines().every(({ level }) => level !== "ERROR" && level !== "FATAL"))
      }), 60_000)

    it.effect(
      "shows the credentials that the stream names, and picks up mended ones",
      () =>
        Effect.gen(function*() {
          const folder = yield* Effect.acquireRelease(
            Effect.sync(() => mkdtempSync(join(tmpdir(), "secrets-"))),
            (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
          )
          const platform = yield* natsServer()
          const outside = yield* natsServer({ args: ["--user", "u", "--pass", "secret-canary"] })
          const write = (key: string, value: string) => writeFileSync(join(folder, `plant.${key}`), value)
          write("username", "u")
          write("password", "wrong-canary")
          const parameters = { subject: "nats_in", broker: outside.url, credentials: "plant" }
          const connector = yield* start(local, {
            CONNECTOR_INSTANCE_ID: "c-1",
            NATS_BROKER: platform.url,
            KPS_SECRETS_DIR: folder
          })
          const port = yield* Support.ready(connector)
          yield* Effect.gen(function*() {
            const client = yield* ConnectorClient.ConnectorClient
            const error = yield* Effect.flip(
              client.setStreams([Support.stream("in", "INGRESS", parameters)])
            )
            assert(error._tag === "StreamsFailed")
            assert.deepStrictEqual(error.failures.map(({ code, message }) => [code, message]), [
              ["UNAUTHENTICATED", `${outside.url} refuses the credentials "plant"`]
            ])
            write("password", "secret-canary\n")
            yield* Support.until("running", Effect.map(Support.subscribed("in"), (subscribed) => subscribed === true))
            const streams = yield* client.getStreams
            assert.strictEqual(streams.find(({ id }) => id === "in")?.metadata?.["credentials"], "plant")
            const seen = JSON.stringify(streams, (_, value) => typeof value === "bigint" ? `${value}` : value)
              + JSON.stringify((yield* Support.alerts).map(({ message, metadata }) => [message, metadata]))
            assert.notInclude(seen, "canary")
          }).pipe(Effect.provide(Support.clientAt(port, "c-1")))
          assert.notInclude(connector.stderr(), "canary")
        }),
      60_000
    )

    it.effect("speaks TLS to a broker whose authority it is told, and to no other", () =>
      Effect.gen(function*() {
        const tls = (name: string) => fileURLToPath(new URL(`tls/${name}`, import.meta.url))
        const platform = yield* natsServer()
        const outside = yield* natsServer({
          config: `tls { cert_file: "${tls("server.pem")}", key_file: "${tls("server-key.pem")}" }`
        })
        const broker = `tls://localhost:${outside.port}`
        const ask = (env: Readonly<Record<string, string>>) =>
          Effect.gen(function*() {
            const connector = yield* start(local, { CONNECTOR_INSTANCE_ID: "c-1", NATS_BROKER: platform.url, ...env })
            const port = yield* Support.ready(connector)
            return yield* ConnectorClient.ConnectorClient.use((client) =>
              client.setStreams([Support.stream("in", "INGRESS", { subject: "nats_in", broker })])
            ).pipe(Effect.result, Effect.provide(Support.clientAt(port, "c-1")))
          })

        assert.isTrue(Result.isSuccess(yield* ask({ NODE_EXTRA_CA_CERTS: tls("ca.pem") })))
        const refused = yield* ask({})
        assert(Result.isFailure(refused) && refused.failure._tag === "StreamsFailed")
        assert.deepStrictEqual(refused.failure.failures.map(({ reason }) => reason), ["BrokerUnreachable"])
        assert.match(refused.failure.failures[0].message, /tls:\/\/localhost:.*certificate/)
      }), 60_000)

    it.effect(
      "answers at once while the platform's broker is away, and is healthy when it comes",
      () =>
        Effect.gen(function*() {
          const platform = yield* natsServer()
          yield* platform.kill()
          const connector = yield* start(local, { CONNECTOR_INSTANCE_ID: "c-1", NATS_BROKER: platform.url })
          const port = yield* Support.ready(connector)
          yield* Effect.gen(function*() {
            const client = yield* ConnectorClient.ConnectorClient
            assert.strictEqual(yield* client.health(), "NOT_SERVING")
            assert.deepStrictEqual(yield* client.getStreams, [])
            yield* platform.restart
            yield* Support.until("serving", Effect.map(client.health(), (health) => health === "SERVING"))
          }).pipe(Effect.provide(Support.clientAt(port, "c-1")))
        }),
      60_000
    )

    it.effect("ends with 2 and says what is wrong with how it was started", () =>
      Effect.gen(function*() {
        const given = { CONNECTOR_INSTANCE_ID: "c-1" }
        for (
          const [args, env, named] of [
            [[], {}, ["CONNECTOR_INSTANCE_ID", "--connectorInstanceID"]],
            [["--port", "http"], given, ["--port", "\"http\""]],
            [["--prot", "1"], given, ["\"--prot\""]],
            [[], { ...given, KPS_ERRORS: "loud" }, ["KPS_ERRORS", "\"loud\""]],
            [[], { ...given, KPS_TRANSPORT: "mqtt" }, ["KPS_TRANSPORT", "\"mqtt\"", "\"jetstream\""]],
            [[], { ...given, KPS_TRANSPORT: "jetstream", NATS_JS_REPLICAS: "9" }, ["NATS_JS_REPLICAS", "\"9\""]],
            [[], { ...given, NATS_BROKER: "nats//host" }, ["nats//host"]],
            [[], { ...given, KPS_SECRETS_DIR: "secrets" }, ["KPS_SECRETS_DIR", "\"secrets\""]],
            [["--tls-cert", "/no.crt", "--tls-key", "/no.key"], given, ["TLS certificate \"/no.crt\": no such file"]],
            [[], { ...given, KPS_TLS_KEY: "/no.key" }, ["KPS_TLS_CERT"]],
            [[], { ...given, NATS_TOKEN: "t", NATS_TOKEN_FILE: "/t" }, ["NATS_TOKEN", "NATS_TOKEN_FILE"]]
          ] as const
        ) {
          const { code, lines, stdout } = yield* end([...args], env)
          assert.strictEqual(code, 2, JSON.stringify(lines))
          assert.strictEqual(stdout, "")
          const last = lines.at(-1)
          assert.strictEqual(last?.level, "ERROR")
          for (const name of named) assert.include(String(last?.message), name)
        }
      }), 60_000)

    it.effect("ends with 1 and names the address when the port is in use", () =>
      Effect.gen(function*() {
        const platform = yield* natsServer()
        const other = yield* Effect.acquireRelease(
          Effect.callback<ReturnType<typeof createServer>>((resume) => {
            const server = createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
          }),
          (server) => Effect.promise(() => new Promise((done) => server.close(done)))
        )
        const address = other.address()
        assert(typeof address === "object" && address !== null)
        const { code, lines } = yield* end(["--host", "127.0.0.1", "--port", `${address.port}`], {
          CONNECTOR_INSTANCE_ID: "c-1",
          NATS_BROKER: platform.url
        })
        assert.strictEqual(code, 1)
        assert.include(String(lines.at(-1)?.message), `127.0.0.1:${address.port}`)
      }), 60_000)

    it.effect("prints help and version", () =>
      Effect.gen(function*() {
        const help = yield* end(["--help"])
        assert.deepStrictEqual([help.code, help.lines], [0, []])
        assert.include(help.stdout, "--connectorInstanceID")
        const version = yield* end(["-version"])
        assert.deepStrictEqual([version.code, version.stdout], [0, "natsconnector 1.0\n"])
      }), 60_000)
  })
})
