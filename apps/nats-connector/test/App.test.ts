/** The connector as `main` assembles it, within this process, between two real brokers. */
import { assert, describe, layer } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import { Severity } from "@kps/idl"
import { ConnectorServer } from "@kps/server"
import { NatsTransport } from "@kps/transport"
import {
  binary,
  layer as natsServerLayer,
  make as natsServer,
  NatsServer,
  suiteName
} from "@kps/transport/testing/NatsServer"
import { Effect, Layer, Logger } from "effect"
import * as App from "../src/App.ts"
import * as LogLevels from "../src/LogLevels.ts"
import {
  alerts,
  clientAt,
  collect,
  collectChannel,
  connectionNames,
  frame,
  messagesIn,
  natsClient,
  statusOf,
  stream,
  subscribed,
  until
} from "./support.ts"

const settings = {
  connectorId: "c-1",
  host: "127.0.0.1",
  port: 0,
  errors: "inBand",
  setPayload: "perKind",
  secretsFolder: "/no/secrets",
  pushGateway: undefined,
  packing: { streams: { packed: "on" } }
} as const

/** What is logged, for the canary and the log level. */
const logged: Array<string> = []
const logger = Logger.map(Logger.formatJson, (line) => void logged.push(line))

/** The platform's broker, the connector on it, and a client of the connector. */
const connector = Layer.unwrap(Effect.map(ConnectorServer.ConnectorServer, ({ port }) => clientAt(port, "c-1"))).pipe(
  Layer.provideMerge(App.layer(settings)),
  Layer.provide(Layer.unwrap(Effect.map(NatsServer, ({ url }) => NatsTransport.layer({ servers: [url] })))),
  Layer.provide(LogLevels.layer(logger)),
  Layer.provideMerge(natsServerLayer()),
  Layer.orDie
)

/** Both sides of the connector: clients of the outside broker and of the platform's. */
const sides = Effect.gen(function*() {
  const platform = yield* NatsServer
  const outside = yield* natsServer()
  return {
    outside,
    world: yield* natsClient(outside.url),
    pipelines: yield* natsClient(platform.url),
    client: yield* ConnectorClient.ConnectorClient
  }
})

const suite = layer(connector, { excludeTestServices: true })

describe.skipIf(binary() === undefined)(suiteName("natsconnector"), () => {
  suite("between two brokers", (it) => {
    it.effect("moves messages in and out, byte for byte and in order", () =>
      Effect.gen(function*() {
        const { client, outside, pipelines, world } = yield* sides
        yield* client.setStreams([
          stream("in", "INGRESS", { subject: "nats_in", broker: outside.url }),
          stream("out", "EGRESS", { subject: "nats_out", broker: outside.url })
        ])
        const channel = yield* collectChannel(pipelines, "ch.in")
        const delivered = yield* collect(world, "nats_out")
        const texts = Array.from({ length: 2_000 }, (_, i) => `${i} ü\u0000`)
        for (const text of texts) world.publish("nats_in", text)
        for (const text of texts) pipelines.publish("ch.out", frame(text))

        yield* until("all through", Effect.sync(() => channel.length >= 2_000 && delivered.length >= 2_000))
        assert.deepStrictEqual(channel, texts)
        assert.deepStrictEqual(delivered, texts)
        yield* until("healthy", Effect.map(statusOf("in"), (status) => status === "streamHealthy"))
        yield* until("healthy", Effect.map(statusOf("out"), (status) => status === "streamHealthy"))
        assert.deepStrictEqual(
          (yield* connectionNames(outside.monitorUrl)).filter((name) => name.startsWith("natsconnector")),
          ["natsconnector c-1"]
        )

        yield* client.setPayload([])
        yield* until(
          "connection closed",
          Effect.map(connectionNames(outside.monitorUrl), (names) => !names.includes("natsconnector c-1"))
        )
      }).pipe(Effect.scoped))

    it.effect("packs the streams that it is told to, and no others", () =>
      Effect.gen(function*() {
        const { client, outside, pipelines, world } = yield* sides
        const both = ["packed", "plain"] as const
        yield* client.setStreams(
          both.map((id) => stream(id, "INGRESS", { subject: "nats_packing", broker: outside.url }))
        )
        const frames = { packed: yield* collect(pipelines, "ch.packed"), plain: yield* collect(pipelines, "ch.plain") }
        const texts = {
          packed: yield* collectChannel(pipelines, "ch.packed"),
          plain: yield* collectChannel(pipelines, "ch.plain")
        }
        const sent = Array.from({ length: 1_000 }, (_, i) => `${i}`)
        for (const text of sent) world.publish("nats_packing", text)

        yield* until("all through", Effect.sync(() => both.every((id) => texts[id].length >= 1_000)))
        assert.deepStrictEqual(texts, { packed: sent, plain: sent })
        assert.strictEqual(frames.plain.length, 1_000)
        assert.isBelow(frames.packed.length, 200)
        yield* client.setPayload([])
      }).pipe(Effect.scoped))

    it.effect(
      "shows within seconds that the outside broker is gone, and that it is back",
      () =>
        Effect.gen(function*() {
          const { client, outside, pipelines } = yield* sides
          yield* client.setStreams([
            stream("in", "INGRESS", { subject: "nats_in", broker: outside.url }),
            // nothing flows here
            stream("out", "EGRESS", { subject: "nats_out", broker: outside.url })
          ])
          const channel = yield* collectChannel(pipelines, "ch.in")
          yield* outside.kill()

          for (const id of ["in", "out"]) {
            yield* until(`${id} unhealthy`, Effect.map(statusOf(id), (status) => status === "streamUnhealthy"))
            assert.isFalse(yield* subscribed(id), id)
          }
          const away = yield* alerts
          assert.isNotEmpty(away)
          for (const alert of away) assert.include(JSON.stringify(alert.metadata), outside.url)

          pipelines.publish("ch.out", frame("kept while away"))
          yield* outside.restart
          const world = yield* natsClient(outside.url)
          const delivered = yield* collect(world, "nats_out")
          for (const id of ["in", "out"]) {
            yield* until(`${id} healthy`, Effect.map(statusOf(id), (status) => status === "streamHealthy"))
            assert.isTrue(yield* subscribed(id), id)
          }
          world.publish("nats_in", "back")
          yield* until("flows again", Effect.sync(() => channel.length > 0))
          assert.deepStrictEqual(channel, ["back"])
          yield* until(
            "alerts cleared",
            Effect.map(alerts, (alerts) => alerts.every(({ severity }) => severity === Severity.INFO))
          )
          // core NATS, and the new client may have come too late for it: never more than once
          assert.isAtMost(delivered.length, 1)
          yield* client.setPayload([])
        }).pipe(Effect.scoped),
      30_000
    )

    it.effect(
      "holds what comes while the outside broker is away, and delivers all of it when it is back",
      () =>
        Effect.gen(function*() {
          const { client, outside, pipelines } = yield* sides
          yield* client.setStreams([stream("out", "EGRESS", { subject: "nats_out", broker: outside.url })])
          yield* outside.kill()
          for (let i = 0; i < 100; i++) pipelines.publish("ch.out", frame(`${i}`))
          yield* Effect.promise(() => pipelines.flush())
          yield* until("unhealthy", Effect.map(statusOf("out"), (status) => status === "streamUnhealthy"))
          yield* outside.restart

          // a subscriber could come too late: the broker itself says what it was given
          yield* until("all out", Effect.map(messagesIn(outside.monitorUrl), (count) => count >= 100))
          assert.strictEqual(yield* messagesIn(outside.monitorUrl), 100)
          yield* client.setPayload([])
        }).pipe(Effect.scoped),
      30_000
    )

    it.effect(
      "names the broker that is away when the stream is asked for, in time, and runs the others",
      () =>
        Effect.gen(function*() {
          const { client, outside } = yield* sides
          const nowhere = yield* natsServer()
          yield* nowhere.kill()
          const begun = performance.now()
          const error = yield* Effect.flip(client.setStreams([
            stream("good", "INGRESS", { subject: "nats_in", broker: outside.url }),
            stream("away", "INGRESS", { subject: "nats_in", broker: nowhere.url }),
            stream("wild", "EGRESS", { subject: "nats.*", broker: outside.url })
          ]))
          assert.isBelow(performance.now() - begun, 5_500)
          assert(error._tag === "StreamsFailed")
          assert.deepStrictEqual(
            error.failures.map(({ code, reason, streamId }) => [streamId, reason, code]),
            [["away", "BrokerUnreachable", "UNAVAILABLE"], ["wild", "NotForEgress", "INVALID_ARGUMENT"]]
          )
          assert.include(error.failures[0].message, nowhere.url)
          assert.include(error.failures[1]!.message, "nats.*")
          assert.isTrue(yield* subscribed("good"))
          assert.isFalse(yield* subscribed("away"))

          yield* nowhere.restart
          yield* until("away is there", Effect.map(subscribed("away"), (subscribed) => subscribed === true))
          yield* client.setPayload([])
        }).pipe(Effect.scoped),
      30_000
    )

    it.effect("refuses an address with a typo by its value, and changes nothing", () =>
      Effect.gen(function*() {
        const { client, outside } = yield* sides
        yield* client.setStreams([stream("in", "INGRESS", { subject: "nats_in", broker: outside.url })])
        for (const broker of ["nats//host:4222", "http://host:4222", "nats://host:99999"]) {
          const error = yield* Effect.flip(client.setStreams([
            stream("typo", "INGRESS", { subject: "nats_in", broker })
          ]))
          assert(error._tag === "InvalidRequest")
          const [violation] = error.violations
          assert.strictEqual(violation?.field, "payloads[0].stream.metadata.broker")
          assert.include(violation?.description, `"${broker}"`)
        }
        assert.isTrue(yield* subscribed("in"))
        yield* client.setPayload([])
      }).pipe(Effect.scoped))

    it.effect(
      "says that credentials are asked for, and runs when the broker asks for none",
      () =>
        Effect.gen(function*() {
          const { client } = yield* sides
          const guarded = yield* natsServer({ config: "authorization { token: t }" })
          const error = yield* Effect.flip(
            client.setStreams([stream("in", "INGRESS", { subject: "nats_in", broker: guarded.url })])
          )
          assert(error._tag === "StreamsFailed")
          assert.deepStrictEqual(
            error.failures.map(({ code, reason }) => [reason, code]),
            [["CredentialsRefused", "UNAUTHENTICATED"]]
          )
          yield* guarded.configure("")
          yield* guarded.restart
          yield* until("running", Effect.map(subscribed("in"), (subscribed) => subscribed === true))
          yield* client.setPayload([])
        }).pipe(Effect.scoped),
      30_000
    )

    it.effect("halts a stream whose subject the broker denies", () =>
      Effect.gen(function*() {
        const { client } = yield* sides
        const guarded = yield* natsServer({
          config:
            "authorization { default_permissions: { subscribe: { deny: \"secret\" } }, users: [{ user: u, password: p }] }, no_auth_user: u"
        })
        const error = yield* Effect.flip(
          client.setStreams([stream("in", "INGRESS", { subject: "secret", broker: guarded.url })])
        )
        assert(error._tag === "StreamsFailed")
        assert.deepStrictEqual(
          error.failures.map(({ code, reason, retryAfterMillis }) => [reason, code, retryAfterMillis]),
          [["SubjectDenied", "PERMISSION_DENIED", undefined]]
        )
        yield* client.setPayload([])
      }).pipe(Effect.scoped))

    it.effect("shares a subject between two streams of one queue group", () =>
      Effect.gen(function*() {
        const { client, outside, pipelines, world } = yield* sides
        yield* client.setStreams(
          ["a", "b"].map((id) => stream(id, "INGRESS", { subject: "work", broker: outside.url, queue: "workers" }))
        )
        const a = yield* collectChannel(pipelines, "ch.a")
        const b = yield* collectChannel(pipelines, "ch.b")
        const texts = Array.from({ length: 500 }, (_, i) => `${i}`)
        for (const text of texts) world.publish("work", text)
        yield* until("all through", Effect.sync(() => a.length + b.length >= 500))

        assert.deepStrictEqual([...a, ...b].toSorted((x, y) => Number(x) - Number(y)), texts)
        assert.isAbove(a.length, 50)
        assert.isAbove(b.length, 50)
        yield* client.setPayload([])
      }).pipe(Effect.scoped))

    it.effect("drops a message that the outside broker is too small for, with an alert, and goes on", () =>
      Effect.gen(function*() {
        const { client, pipelines } = yield* sides
        const small = yield* natsServer({ config: "max_payload: 1024" })
        const world = yield* natsClient(small.url)
        yield* client.setStreams([stream("out", "EGRESS", { subject: "nats_out", broker: small.url })])
        const delivered = yield* collect(world, "nats_out")
        for (const text of ["before", "x".repeat(2_000), "after"]) pipelines.publish("ch.out", frame(text))

        yield* until("the others delivered", Effect.sync(() => delivered.length >= 2))
        assert.deepStrictEqual(delivered, ["before", "after"])
        yield* until(
          "alert",
          Effect.map(
            alerts,
            (alerts) =>
              alerts.some((alert) =>
                alert.streamId === "out" &&
                /2000 bytes.*1024 bytes/.test(JSON.stringify(alert.metadata) + alert.message)
              )
          )
        )
        yield* client.setPayload([])
      }).pipe(Effect.scoped))

    it.effect("changes what is logged with the config, without touching its streams, and never logs a payload", () =>
      Effect.gen(function*() {
        const { client, outside, pipelines, world } = yield* sides
        const canary = "payload-canary-7f3a"
        let from = logged.length
        const levels = () => logged.slice(from).map((line) => JSON.parse(line).level)
        yield* client.setConfig({ log_level: "DEBUG" })
        assert.deepStrictEqual(yield* client.getConfig, { log_level: "DEBUG" })
        yield* client.setStreams([
          stream("in", "INGRESS", { subject: "nats_in", broker: outside.url }),
          stream("out", "EGRESS", { subject: "nats_out", broker: outside.url })
        ])
        assert.include(levels(), "DEBUG")
        const channel = yield* collectChannel(pipelines, "ch.in")
        const delivered = yield* collect(world, "nats_out")
        world.publish("nats_in", canary)
        pipelines.publish("ch.out", frame(canary))
        yield* until("through", Effect.sync(() => channel.length + delivered.length === 2))

        yield* client.setConfig({ log_level: "ERROR" })
        assert.isTrue(yield* subscribed("in"))
        from = logged.length
        yield* client.setStreams([stream("in", "INGRESS", { subject: "other", broker: outside.url })])
        assert.deepStrictEqual(levels(), [])
        const error = yield* Effect.flip(client.setConfig({ log_level: "LOUD" }))
        assert.include(error.message, "LOUD")
        assert.deepStrictEqual(yield* client.getConfig, { log_level: "ERROR" })

        yield* client.setConfig({ log_level: "INFO" })
        yield* client.setPayload([])
        assert.notInclude(logged.join("\n"), canary)
      }).pipe(Effect.scoped))

    it.effect(
      "has one connection for many streams of a broker, and none left after many cycles",
      () =>
        Effect.gen(function*() {
          const { client, outside } = yield* sides
          const own = Effect.map(
            connectionNames(outside.monitorUrl),
            (names) => names.filter((name) => name === "natsconnector c-1").length
          )
          for (let cycle = 0; cycle < 20; cycle++) {
            yield* client.setStreams(Array.from({ length: 20 }, (_, i) =>
              i % 2 === 0
                ? stream(`s-${i}`, "INGRESS", { subject: `in.${i}.${cycle}`, broker: outside.url })
                : stream(`s-${i}`, "EGRESS", { subject: `out.${i}.${cycle}`, broker: outside.url })))
            if (cycle % 5 === 0) assert.strictEqual(yield* own, 1)
            if (cycle % 3 === 0) yield* client.setPayload([])
          }
          yield* client.setPayload([])
          yield* until("none left", Effect.map(own, (count) => count === 0))
        }).pipe(Effect.scoped),
      30_000
    )
  })

  suite("started beside another", (it) => {
    it.effect("names the address that is in use", () =>
      Effect.gen(function*() {
        const { port } = yield* ConnectorServer.ConnectorServer
        const error = yield* App.layer({ ...settings, port }).pipe(
          Layer.provide(NatsTransport.layer({ servers: [(yield* NatsServer).url] })),
          Layer.provide(LogLevels.layer(logger)),
          Layer.build,
          Effect.flip
        )
        assert.include(error.message, `127.0.0.1:${port}`)
      }).pipe(Effect.scoped))
  })
})
