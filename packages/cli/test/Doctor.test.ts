/** Every check of `kps doctor`, against nats-servers that are set up wrongly and rightly. */
import { assert, describe, it } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import { Connector, Delivery } from "@kps/connector"
import { Events } from "@kps/events"
import { StreamDirection } from "@kps/idl"
import { ConnectorServer, SharedState } from "@kps/server"
import * as Insight from "@kps/server/Insight"
import * as MetricsServer from "@kps/server/MetricsServer"
import { Channel, JetStreamTransport, NatsTransport, Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { jetstream, jetstreamManager, type StreamConfig } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Context, Effect, Layer, Option, References, Schedule, Schema } from "effect"
import { createServer as createHttpServer } from "node:http"
import { type AddressInfo, connect as connectSocket, createServer, type Server } from "node:net"
import * as Doctor from "../src/Doctor.ts"
import * as DoctorRun from "../src/DoctorRun.ts"
import * as Guarantees from "../src/Guarantees.ts"
import type { Observed } from "../src/Observed.ts"

const observe = (
  nats: string,
  options: { readonly told?: ReadonlyArray<Guarantees.Explained>; readonly monitor?: string } = {}
): Effect.Effect<Observed> =>
  DoctorRun.observe({
    nats,
    prefix: "kps",
    monitor: Option.fromNullishOr(options.monitor),
    told: options.told ?? []
  }).pipe(
    Effect.provide(DoctorRun.layer({ nats, prefix: "kps" })),
    Effect.provideService(References.MinimumLogLevel, "None"),
    Effect.orDie
  )

/** The warnings of one check, as `subject: problem`. */
const of = (check: string, observed: Observed): ReadonlyArray<string> =>
  Doctor.examine(observed).filter((one) => one.check === check).map(({ problem, subject }) => `${subject}: ${problem}`)

const ask = (nats: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = await connect({ servers: nats, reconnect: false })
      const manager = await jetstreamManager(client, { timeout: 20_000, checkAPI: false })
      return {
        client,
        manager,
        stream: (name: string, config: Partial<StreamConfig> = {}) =>
          manager.streams.add({ name, subjects: [`ch.${name}`], ...config }),
        publish: async (name: string, many: number, bytes = 10) => {
          const stored = jetstream(client, { timeout: 20_000 })
          await Promise.all(Array.from({ length: many }, () => stored.publish(`ch.${name}`, new Uint8Array(bytes))))
        }
      }
    }),
    ({ client }) => Effect.promise(() => client.close())
  )

const listening = (server: Server) =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
      })
  )

/** The server behind a socket, which says that it is of another version. */
const aged = Effect.fnUntraced(function*(port: number, version: string) {
  const proxy = createServer((near) => {
    const far = connectSocket(port, "127.0.0.1")
    near.on("error", () => far.destroy()).on("close", () => far.destroy())
    far.on("error", () => near.destroy()).on("close", () => near.destroy())
    far.once("data", (info) => {
      near.write(info.toString().replace(/"version":"[^"]+"/, `"version":"${version}"`))
      far.pipe(near)
      near.pipe(far)
    })
  })
  return `nats://127.0.0.1:${yield* listening(proxy)}`
})

/** The server's monitoring, whose clock is off. */
const off = (monitorUrl: string, millis: number) =>
  Effect.map(
    listening(createHttpServer((request, response) => {
      const shifted = async () => {
        const varz = await (await fetch(`${monitorUrl}${request.url}`)).json() as { readonly now: string }
        const now = new Date(Date.parse(varz.now) + millis).toISOString()
        response.setHeader("connection", "close").end(JSON.stringify({ ...varz, now }))
      }
      void shifted()
    })),
    (port) => `http://127.0.0.1:${port}`
  )

const told = (facts: Record<string, unknown>, rest: Partial<Guarantees.Explained> = {}): Guarantees.Explained => ({
  connectorId: "c-1",
  id: "out",
  direction: "EGRESS",
  state: "Running",
  guarantee: {
    level: "at-least-once",
    because: "",
    losses: [],
    duplicates: [],
    order: "",
    raise: [],
    facts: facts as Schema.JsonObject
  },
  ...rest
})

const Taker = Connector.make("taker")({
  version: "1.0",
  description: "Takes everything.",
  direction: "EGRESS",
  stream: Schema.Struct({}),
  config: Schema.Struct({}),
  failures: {}
})

const taker = Taker.toLayer(Effect.succeed({
  egress: () => Effect.succeed(Delivery.sink({ idempotent: true, deliver: () => Effect.void }))
}))

/** One replica of a connector with shared state. */
const replica = (nats: string, transport: "core" | "jetstream") =>
  Layer.build(
    ConnectorServer.layer(Taker, { connectorId: "c-1", host: "127.0.0.1", port: 0 }).pipe(
      Layer.provide([taker, Events.layer]),
      Layer.provide(SharedState.layer({ connectorId: "c-1", state: "jetstream" })),
      Layer.provide(
        transport === "core"
          ? NatsTransport.layer({ servers: [nats] })
          : JetStreamTransport.layer({ servers: [nats] })
      ),
      Layer.provide(Layer.succeed(References.MinimumLogLevel, "None"))
    )
  )

/** Asks the connector on this port for one egress stream. */
const asked = (port: number) =>
  ConnectorClient.ConnectorClient.use(({ setPayload }) =>
    setPayload([{
      object: {
        case: "stream",
        value: { id: "out", direction: StreamDirection.EGRESS, transportChannel: "ch.out", metadata: {} }
      }
    }])
  ).pipe(
    Effect.provide(ConnectorClient.layer({ endpoint: `127.0.0.1:${port}`, connectorId: "c-1" })),
    Effect.retry({ schedule: Schedule.spaced("100 millis"), times: 100 }),
    Effect.orDie
  )

const run = Effect.fnUntraced(function*(nats: string, transport: "core" | "jetstream") {
  const [one] = yield* Effect.all([replica(nats, transport), replica(nats, transport)])
  yield* asked(Context.get(one, ConnectorServer.ConnectorServer).port)
})

/** As soon as what is observed has it: bounded. */
const eventually = (look: Effect.Effect<Observed>, wanted: (observed: Observed) => boolean) =>
  look.pipe(
    Effect.filterOrFail(wanted, () => "not yet"),
    Effect.retry({ schedule: Schedule.spaced("100 millis"), times: 300 }),
    Effect.orDie
  )

const freePort = Effect.scoped(listening(createServer()))

/** Three servers as one cluster that has a leader. */
const cluster = Effect.gen(function*() {
  const ports = yield* Effect.all([freePort, freePort, freePort])
  const routes = ports.map((port) => `nats-route://127.0.0.1:${port}`).join(", ")
  const servers = yield* Effect.forEach(
    ports,
    (port, n) =>
      NatsServer.make({
        jetstream: true,
        config: `server_name: n${n}\ncluster { name: c, listen: "127.0.0.1:${port}", routes: [${routes}] }`
      }),
    { concurrency: 3 }
  )
  return servers.map(({ url }) => url)
})

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("kps doctor"), () => {
  it.live("has nothing to say of three servers with streams on all of them", () =>
    Effect.gen(function*() {
      const urls = yield* cluster
      const nats = urls.join(",")
      const broker = yield* ask(urls[0]!)
      // until the cluster has chosen who leads
      const quick = yield* Effect.promise(() => jetstreamManager(broker.client, { timeout: 1_000, checkAPI: false }))
      yield* Effect.tryPromise(() => quick.streams.add({ name: "right", subjects: ["ch.right"], num_replicas: 3 }))
        .pipe(Effect.retry({ schedule: Schedule.spaced("200 millis"), times: 60 }))
      yield* Effect.promise(() => broker.publish("right", 3))
      const facts = { direction: "EGRESS", horizonMillis: 60_000, stored: {}, consumer: { name: "reader" } }
      yield* Effect.promise(() =>
        broker.manager.consumers.add("right", { durable_name: "reader", ack_policy: "explicit" })
      )
      const observed = yield* eventually(
        observe(nats, { told: [told(facts, { deliverP99Millis: 20 })] }),
        ({ server }) => server.clusterUrls.length >= 3
      )

      assert.deepStrictEqual(Doctor.examine(observed), [])
      assert.deepStrictEqual(observed.streams.map(({ name, settings }) => [name, settings.replicas]), [["right", 3]])
      assert.match(
        of("reconnect", yield* observe(urls[0]!)).join(),
        /^--nats nats:\/\/127\.0\.0\.1:\d+: it names 1 server of a cluster of 3/
      )
    }), 120_000)

  it.live("warns of streams on fewer than three servers, and of those in memory", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { publish, stream } = yield* ask(server.url)
      yield* Effect.promise(() => stream("one"))
      yield* Effect.promise(() => stream("brief", { storage: "memory" as StreamConfig["storage"] }))
      yield* Effect.promise(() => publish("one", 3))
      yield* Effect.promise(() => publish("brief", 2))
      const observed = yield* observe(server.url)

      assert.match(
        of("replicas", observed).join(),
        /^1 stream: one \(1\): with fewer than 3 replicas .* up to the last 2 min by default, .*: 3 messages$/
      )
      assert.match(
        of("memory-storage", observed).join(),
        /^stream brief: .*: 2 messages, \d+ bytes, end when they restart$/
      )
    }), 60_000)

  it.live("warns of a server that is too old, has no JetStream, or whose clock is off", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const right = yield* observe(server.url, { monitor: server.monitorUrl })
      const old = yield* observe(yield* aged(server.port, "2.8.4"))
      const ahead = yield* observe(server.url, { monitor: yield* off(server.monitorUrl, 90_000) })

      assert.deepStrictEqual([of("server-version", right), of("clock", right)], [[], []])
      assert.match(of("server-version", old).join(), /: it is nats-server 2\.8\.4, want 2\.9 or later$/)
      assert.match(of("jetstream", right).join(), /: JetStream is off: channels are at most once/)
      assert.match(of("clock", ahead).join(), /: its clock is (8[5-9]|9[0-5])(\.\d+)? s ahead of this one's$/)
      assert.deepStrictEqual(of("jetstream", yield* observe((yield* NatsServer.make({ jetstream: true })).url)), [])
    }), 60_000)

  it.live("warns of a duplicate window that is shorter than what fails is tried for", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { stream } = yield* ask(server.url)
      yield* Effect.promise(() => stream("short", { duplicate_window: 2_000_000_000 }))
      yield* Effect.promise(() => stream("usual"))

      assert.deepStrictEqual(of("duplicate-window", yield* observe(server.url)), [
        "stream short: it knows the id of a message for 2 s, and one that fails is tried for 1 min: what is published again after that is stored twice"
      ])
      assert.deepStrictEqual(
        of("duplicate-window", yield* observe(server.url, { told: [told({ horizonMillis: 2_000 })] })),
        []
      )
      assert.lengthOf(
        of("duplicate-window", yield* observe(server.url, { told: [told({ horizonMillis: 180_000 })] })),
        2
      )
    }), 60_000)

  it.live(
    "warns of an outside that knows ids for less time than what fails is tried for",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const of2s = told({ idempotent: true, remembersMillis: 2_000, horizonMillis: 60_000 })
        const of2min = told({ idempotent: true, remembersMillis: 120_000, horizonMillis: 60_000 })

        assert.deepStrictEqual(of("duplicate-window", yield* observe(server.url, { told: [of2s] })), [
          "stream out of connector c-1: its outside knows the id of an item for 2 s, and one that fails is tried for 1 min: what it took before that and is given again has its effect twice"
        ])
        assert.deepStrictEqual(of("duplicate-window", yield* observe(server.url, { told: [of2min] })), [])
      }),
    60_000
  )

  it.live("warns of an ack wait that is shorter than the p99 of the sink", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { manager, stream } = yield* ask(server.url)
      yield* Effect.promise(() => stream("line"))
      yield* Effect.promise(() =>
        manager.consumers.add("line", { durable_name: "reader", ack_policy: "explicit", ack_wait: 1_000_000_000 })
      )
      const slow = told({ consumer: { name: "reader" } }, { deliverP99Millis: 3_000 })

      assert.match(
        of("ack-wait", yield* observe(server.url, { told: [slow] })).join(),
        /^stream out of connector c-1: its sink takes 3 s for a batch \(p99\), and its consumer reader waits 1 s /
      )
      assert.deepStrictEqual(
        of("ack-wait", yield* observe(server.url, { told: [{ ...slow, deliverP99Millis: 900 }] })),
        []
      )
    }), 60_000)

  it.live(
    "warns of the ack wait of a connector that runs, by what it tells of its sink and its consumer",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const slow = Taker.toLayer(Effect.succeed({
          egress: () => Effect.succeed(Delivery.sink({ idempotent: true, deliver: () => Effect.sleep("300 millis") }))
        }))
        const context = yield* Layer.build(
          ConnectorServer.layer(Taker, { connectorId: "c-1", host: "127.0.0.1", port: 0 }).pipe(
            Layer.provide([slow, Events.layer]),
            Layer.provideMerge(MetricsServer.layer({ host: "127.0.0.1", port: 0 })),
            Layer.provide(Insight.layer),
            Layer.provideMerge(JetStreamTransport.layer({ servers: [server.url], ackWait: "200 millis" })),
            Layer.provide(Layer.succeed(References.MinimumLogLevel, "None"))
          )
        )
        yield* asked(Context.get(context, ConnectorServer.ConnectorServer).port)
        yield* Context.get(context, Transport.Transport).publishConfirmed(Channel.ChannelName.make("ch.out"), [
          { payloads: [new Uint8Array(1)], timestampNanos: 1n }
        ])
        const metrics = Context.get(context, MetricsServer.MetricsServer)
        const observed = yield* eventually(
          Effect.flatMap(
            Effect.orDie(Guarantees.fromHttp(`127.0.0.1:${metrics.port}`)),
            (told) => observe(server.url, { told })
          ),
          ({ told }) =>
            told.some(({ deliverP99Millis, guarantee }) =>
              deliverP99Millis !== undefined && guarantee?.facts["consumer"] !== undefined
            )
        )

        assert.match(
          of("ack-wait", observed).join(),
          /^stream out of connector c-1: its sink takes \d+ ms for a batch \(p99\), and its consumer kps~c-1~out waits 200 ms /
        )
      }),
    60_000
  )

  it.live("warns when so many are connected that those who come back may be refused", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ config: "max_connections: 2" })
      yield* Effect.acquireRelease(
        Effect.promise(() => connect({ servers: server.url })),
        (client) => Effect.promise(() => client.close())
      )
      const observed = yield* observe(server.url, { monitor: server.monitorUrl })

      assert.match(of("reconnect", observed).join(), /: it has 2 connections of at most 2: those that come back/)
      const roomy = yield* NatsServer.make()
      assert.deepStrictEqual(of("reconnect", yield* observe(roomy.url, { monitor: roomy.monitorUrl })), [])
    }), 60_000)

  it.live(
    "warns of messages that are nearly as large as may be, and of streams that take less than their server",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true, config: "max_payload: 4096" })
        const { publish, stream } = yield* ask(server.url)
        yield* Effect.promise(() => stream("large"))
        yield* Effect.promise(() => publish("large", 1, 3_900))
        yield* Effect.promise(() => publish("large", 2))
        yield* Effect.promise(() => stream("narrow", { max_msg_size: 100 }))
        yield* Effect.promise(() => stream("small"))
        yield* Effect.promise(() => publish("small", 3, 1_000))

        assert.deepStrictEqual(of("max-payload", yield* observe(server.url)), [
          "stream large: one of its last messages has 3,900 bytes, 95 % of the 4,096 that it may have: a larger one is dropped, with an alert",
          "stream narrow: it takes messages of up to 100 bytes, the server of up to 4,096: what is between is refused"
        ])
      }),
    60_000
  )

  it.live(
    "warns of streams that are about to discard what nobody has read, or to refuse, and of full accounts",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({
          jetstream: true,
          config:
            "accounts { A { jetstream { max_store: 20000 }, users: [{ user: a, password: a }] } }\nno_auth_user: a"
        })
        const { client, manager, publish, stream } = yield* ask(server.url)
        const hour = 3_600_000_000_000
        yield* Effect.promise(async () => {
          await stream("unread", { max_msgs: 10, max_age: hour, duplicate_window: 2_000_000_000 })
          await stream("read", { max_msgs: 10, max_age: hour, duplicate_window: 2_000_000_000 })
          await stream("refuses", { max_msgs: 10, discard: "new" as StreamConfig["discard"] })
          await stream("roomy", { max_msgs: 10 })
          await Promise.all(["unread", "read"].map(async (name) => {
            await manager.consumers.add(name, { durable_name: `reads-${name}`, ack_policy: "explicit" })
            await publish(name, 10)
          }))
          await publish("refuses", 9)
          await publish("roomy", 3)
        })
        yield* Effect.promise(async () => {
          const reader = await jetstream(client).consumers.get("read", "reads-read")
          for await (const message of await reader.fetch({ max_messages: 10, expires: 20_000 })) await message.ackAck()
        })
        const observed = yield* observe(server.url)

        assert.deepStrictEqual(of("limits", observed).toSorted(), [
          "stream refuses: it has 9 of at most 10 messages: when it is full it refuses, and publishing waits",
          "stream unread: it has 10 of at most 10 messages, and discards the oldest: consumer reads-unread has 10 messages to acknowledge, the oldest among them"
        ])

        const later = { ...observed, nowMillis: observed.nowMillis + 55 * 60_000 }
        assert.match(
          of("limits", later).join("\n"),
          /^stream unread: its oldest message is 5\d min old, and goes after 1 h: consumer reads-unread has 10 messages to acknowledge, that one among them$/m
        )
        yield* Effect.promise(() => publish("roomy", 3, 6_000))
        assert.match(
          of("limits", yield* observe(server.url)).join(),
          /the account: its streams have .* on disk, \d+ % of at most 19\.5 KiB/
        )
      }),
    60_000
  )

  it.live(
    "warns of several replicas on core NATS, by what they share, and not of those on JetStream",
    () =>
      Effect.gen(function*() {
        for (const transport of ["core", "jetstream"] as const) {
          yield* Effect.scoped(Effect.gen(function*() {
            const server = yield* NatsServer.make({ jetstream: true })
            yield* run(server.url, transport)
            const observed = yield* eventually(
              observe(server.url),
              ({ replicas, told }) =>
                replicas.get("c-1") === 2 &&
                told.some(({ guarantee }) => (guarantee?.facts["stored"] !== undefined) === (transport === "jetstream"))
            )

            assert.deepStrictEqual(
              of("core-replicas", observed),
              transport === "jetstream" ? [] : [
                "connector c-1: it has 2 replicas on core NATS (out): egress streams keep no order between them, and what one that dies has taken is lost"
              ]
            )
          }))
        }
      }),
    120_000
  )
})
