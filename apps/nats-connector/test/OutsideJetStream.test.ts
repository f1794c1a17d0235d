/** JetStream outside: the connector as `main` assembles it, within this process, between two real brokers. */
import { assert, describe, layer } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import { ConnectorServer } from "@kps/server"
import { JetStreamTransport } from "@kps/transport"
import {
  binary,
  layer as natsServerLayer,
  make as natsServer,
  NatsServer,
  suiteName
} from "@kps/transport/testing/NatsServer"
import { jetstream, jetstreamManager, type StreamConfig } from "@nats-io/jetstream"
import { Array, Duration, Effect, Layer, Logger, Schedule } from "effect"
import * as App from "../src/App.ts"
import * as Client from "../src/Client.ts"
import * as JetStreamEgress from "../src/JetStreamEgress.ts"
import * as JetStreamSession from "../src/JetStreamSession.ts"
import * as LogLevels from "../src/LogLevels.ts"
import { alerts, clientAt, collect, collectChannel, frame, natsClient, stream, subscribed, until } from "./support.ts"

const settings = {
  connectorId: "c-1",
  host: "127.0.0.1",
  port: 0,
  errors: "inBand",
  setPayload: "perKind",
  secretsFolder: "/no/secrets",
  pushGateway: undefined
} as const

/** The platform's broker, the connector on it over JetStream, and a client of the connector. */
const connector = Layer.unwrap(Effect.map(ConnectorServer.ConnectorServer, ({ port }) => clientAt(port, "c-1"))).pipe(
  Layer.provideMerge(App.layer(settings)),
  Layer.provide(Layer.unwrap(Effect.map(NatsServer, ({ url }) => JetStreamTransport.layer({ servers: [url] })))),
  Layer.provide(LogLevels.layer(Logger.make(() => {}))),
  Layer.provideMerge(natsServerLayer({ jetstream: true })),
  Layer.orDie
)

/** An outside broker with JetStream, and whoever publishes to it. */
const outsideWorld = Effect.fnUntraced(function*(config: Partial<StreamConfig> = {}) {
  const outside = yield* natsServer({ jetstream: true })
  const connect = Effect.gen(function*() {
    const nc = yield* natsClient(outside.url)
    const { consumers, streams } = yield* Effect.promise(() => jetstreamManager(nc))
    const js = jetstream(nc)
    return {
      nc,
      streams,
      consumers,
      /** Publishes texts from one number to another, confirmed. */
      send: (from: number, to: number, subject = "plant.a") =>
        Effect.promise(() => Promise.all(numbers(from, to).map((text) => js.publish(subject, text)))),
      add: Effect.promise(() => streams.add({ name: "PLANT", subjects: ["plant.>"], storage: "file", ...config }))
    }
  })
  return { outside, connect }
})

const numbers = (from: number, to: number) => Array.range(from, to).map(String)

const comes = (channel: ReadonlyArray<string>, count: number) =>
  until(`${count} on the channel`, Effect.sync(() => channel.length >= count))

const reasonOf = (id: string, text: string) =>
  until(
    `${id}: ${text}`,
    Effect.map(alerts, (all) =>
      all.some(({ metadata, streamId }) =>
        streamId === id && JSON.stringify(metadata?.["ErrorMessage"]).includes(JSON.stringify(text).slice(1, -1))
      ))
  )

const runs = (id: string) => until(`${id} runs`, Effect.map(subscribed(id), (is) => is === true))

const suite = layer(connector, { excludeTestServices: true })

describe.skipIf(binary() === undefined)(suiteName("natsconnector, JetStream outside"), () => {
  suite("between two brokers", (it) => {
    it.effect(
      "acknowledges what the channel has stored, and goes on where it was, over stops and a killed broker",
      () =>
        Effect.gen(function*() {
          const platform = yield* NatsServer
          const pipelines = yield* natsClient(platform.url)
          const channel = yield* collectChannel(pipelines, "ch.acked")
          const client = yield* ConnectorClient.ConnectorClient
          const { connect, outside } = yield* outsideWorld()
          const acked = [
            stream("acked", "INGRESS", { subject: "plant.a", broker: outside.url, jetstream: { durable: "reader" } })
          ]
          yield* Effect.scoped(Effect.gen(function*() {
            const { add, consumers, send } = yield* connect
            yield* add
            yield* send(1, 500)
            yield* send(1, 10, "plant.b")
            yield* client.setStreams(acked)
            yield* comes(channel, 500)
            yield* send(501, 600)
            yield* comes(channel, 600)
            const info = () => consumers.info("PLANT", "reader")
            yield* until(
              "all acknowledged",
              Effect.map(Effect.promise(info), (now) => now.num_ack_pending === 0 && now.num_pending === 0)
            )
            const { config } = yield* Effect.promise(info)
            assert.deepInclude(config, { ack_policy: "explicit", filter_subject: "plant.a" })
            yield* client.setPayload([])
            yield* send(601, 700)
            yield* client.setStreams(acked)
            yield* comes(channel, 700)
          }))
          yield* outside.kill("SIGKILL")
          yield* reasonOf("acked", "cannot connect")
          yield* outside.restart
          const { send } = yield* connect
          yield* send(701, 800)
          yield* until("each of them on the channel", Effect.sync(() => new Set(channel).size >= 800))

          // what was acknowledged just before the kill may come again, and nothing else
          assert.deepStrictEqual([...new Set(channel)], numbers(1, 800))
          assert.deepStrictEqual(channel.slice(0, 700), numbers(1, 700))
          yield* client.setPayload([])
        }).pipe(Effect.scoped),
      60_000
    )

    it.effect("gets what a reader before it held at once, and in order", () =>
      Effect.gen(function*() {
        const platform = yield* NatsServer
        const pipelines = yield* natsClient(platform.url)
        const channel = yield* collectChannel(pipelines, "ch.held")
        const client = yield* ConnectorClient.ConnectorClient
        const { connect, outside } = yield* outsideWorld()
        const { add, consumers, nc, send } = yield* connect
        yield* add
        yield* send(1, 50)
        yield* Effect.promise(() =>
          consumers.add("PLANT", {
            durable_name: "kps-c-1+held",
            ack_policy: "explicit",
            ack_wait: 60_000_000_000,
            filter_subject: "plant.a"
          })
        )
        yield* Effect.promise(async () => {
          const consumer = await jetstream(nc).consumers.get("PLANT", "kps-c-1+held")
          let taken = 0
          for await (const message of await consumer.fetch({ max_messages: 20, expires: 2_000 })) {
            // the last ones die with their reader
            if (++taken <= 5) message.ack()
          }
          await nc.flush()
        })
        yield* client.setStreams([
          stream("held", "INGRESS", { subject: "plant.a", broker: outside.url, jetstream: {} })
        ])
        yield* comes(channel, 45)

        assert.deepStrictEqual(channel, numbers(6, 50))
        yield* client.setPayload([])
      }).pipe(Effect.scoped), 60_000)

    it.effect(
      "gives back what it holds, in order, when it stops while the pipelines' broker gives no answer",
      () =>
        Effect.gen(function*() {
          const platform = yield* NatsServer
          const pipelines = yield* natsClient(platform.url)
          const channel = yield* collectChannel(pipelines, "ch.given")
          const client = yield* ConnectorClient.ConnectorClient
          const { connect, outside } = yield* outsideWorld()
          const { add, consumers, send } = yield* connect
          yield* add
          const given = [
            stream("given", "INGRESS", { subject: "plant.a", broker: outside.url, jetstream: { durable: "reader" } })
          ]
          yield* client.setStreams(given)
          yield* send(1, 20)
          yield* comes(channel, 20)
          yield* platform.kill("SIGSTOP")
          // in pieces, so that there are many arrays; more than are under way at a time
          for (let from = 21; from < 1_400; from += 20) yield* send(from, from + 19)
          yield* until(
            "1000 under way",
            Effect.map(
              Effect.promise(() => consumers.info("PLANT", "reader")),
              ({ num_ack_pending }) => num_ack_pending === 1_000
            )
          )
          yield* client.setPayload([])
          yield* platform.kill("SIGCONT")
          yield* Effect.retry(client.setStreams(given), { times: 40, schedule: Schedule.spaced("250 millis") })
          yield* until("all on the channel", Effect.sync(() => new Set(channel).size === 1_400))

          assert.deepStrictEqual([...new Set(channel)], numbers(1, 1_400))
          yield* client.setPayload([])
        }).pipe(Effect.scoped),
      60_000
    )

    it.effect("resumes by sequence, and tells of messages that went before it read them", () =>
      Effect.gen(function*() {
        const platform = yield* NatsServer
        const pipelines = yield* natsClient(platform.url)
        const channel = yield* collectChannel(pipelines, "ch.resumed")
        const client = yield* ConnectorClient.ConnectorClient
        const { connect, outside } = yield* outsideWorld()
        const resumed = [
          stream("resumed", "INGRESS", {
            subject: "plant.a",
            broker: outside.url,
            jetstream: { read: "resumable" }
          })
        ]
        yield* Effect.scoped(Effect.gen(function*() {
          const { add, send } = yield* connect
          yield* add
          yield* send(1, 500)
          yield* client.setStreams(resumed)
          yield* comes(channel, 500)
        }))
        yield* outside.kill("SIGKILL")
        yield* reasonOf("resumed", "cannot connect")
        yield* outside.restart
        yield* Effect.scoped(Effect.gen(function*() {
          const { send } = yield* connect
          yield* send(501, 600)
          yield* comes(channel, 600)
        }))
        assert.deepStrictEqual(channel, numbers(1, 600))

        // while the connector cannot reach the broker, another one on its files drops what was not read
        yield* outside.kill("SIGKILL")
        yield* reasonOf("resumed", "cannot connect")
        yield* outside.configure("authorization { user: u, password: p }")
        yield* outside.restart
        yield* Effect.scoped(Effect.gen(function*() {
          const nc = yield* natsClient(outside.url, { user: "u", pass: "p" })
          const { streams } = yield* Effect.promise(() => jetstreamManager(nc))
          const js = jetstream(nc)
          yield* Effect.promise(() => Promise.all(numbers(601, 700).map((text) => js.publish("plant.a", text))))
          yield* Effect.promise(() => streams.purge("PLANT", { seq: 651 }))
        }))
        yield* outside.configure("")
        yield* outside.kill("SIGKILL")
        yield* outside.restart
        yield* comes(channel, 650)
        yield* reasonOf("resumed", "up to 50 messages on \"plant.a\" were missed, lastly 601 to 650")

        assert.deepStrictEqual(channel, [...numbers(1, 600), ...numbers(651, 700)])
        yield* client.setPayload([])
      }).pipe(Effect.scoped), 60_000)

    it.effect(
      "skips nothing when messages were removed of an array of which a part was stored",
      () =>
        Effect.gen(function*() {
          const platform = yield* NatsServer
          const pipelines = yield* natsClient(platform.url)
          const channel = yield* collectChannel(pipelines, "ch.part")
          const client = yield* ConnectorClient.ConnectorClient
          const { connect, outside } = yield* outsideWorld()
          const { add, send, streams } = yield* connect
          yield* add
          const part = [
            stream("part", "INGRESS", { subject: "plant.a", broker: outside.url, jetstream: { read: "resumable" } })
          ]
          yield* client.setStreams(part)
          yield* runs("part")
          // one after the other, so that a full array follows whole ones
          yield* send(1, 10)
          yield* comes(channel, 10)
          yield* client.setPayload([])
          yield* send(11, 500)
          yield* client.setStreams(part)
          yield* comes(channel, 500)
          yield* client.setPayload([])

          // what a process leaves that is killed when 200 were stored
          const { streams: channels } = yield* Effect.promise(() => jetstreamManager(pipelines))
          const stored = yield* Effect.promise(() => channels.find("ch.part"))
          const { state } = yield* Effect.promise(() => channels.info(stored))
          const rest = Array.range(state.first_seq + 200, state.last_seq)
          yield* Effect.promise(() => Promise.all(rest.map((sequence) => channels.deleteMessage(stored, sequence))))
          // and before it is back, the outside stream removes some of the same array
          yield* Effect.promise(() => streams.purge("PLANT", { seq: 251 }))
          channel.length = 0
          yield* client.setStreams(part)
          yield* send(501, 600)
          yield* comes(channel, 350)
          yield* reasonOf("part", "up to 50 messages on \"plant.a\" were missed, lastly 201 to 250")

          assert.deepStrictEqual(channel, numbers(251, 600))
          yield* client.setPayload([])
        }).pipe(Effect.scoped),
      60_000
    )

    it.effect("reads nothing from a position that is none of the stream that is there", () =>
      Effect.gen(function*() {
        const platform = yield* NatsServer
        const pipelines = yield* natsClient(platform.url)
        const channel = yield* collectChannel(pipelines, "ch.astray")
        const client = yield* ConnectorClient.ConnectorClient
        const { connect, outside } = yield* outsideWorld()
        yield* Effect.scoped(Effect.gen(function*() {
          const { add, send } = yield* connect
          yield* add
          yield* send(1, 100)
          yield* client.setStreams([
            stream("astray", "INGRESS", {
              subject: "plant.a",
              broker: outside.url,
              jetstream: { read: "resumable" }
            })
          ])
          yield* comes(channel, 100)
        }))
        yield* outside.loseDisk
        yield* outside.restart
        const { add, send } = yield* connect
        yield* add
        yield* send(1, 50)
        yield* reasonOf("astray", "position 100 does not fit stream \"PLANT\"")
        yield* reasonOf("astray", "its last message is 50")
        yield* send(51, 150)
        yield* reasonOf("astray", "the stream was made anew, or lost its end")

        assert.deepStrictEqual(channel, numbers(1, 100))
        yield* client.setPayload([])
      }).pipe(Effect.scoped), 60_000)

    it.effect(
      "stores a payload once that goes out twice, and says for how long that is so",
      () =>
        Effect.gen(function*() {
          const { connect, outside } = yield* outsideWorld({ duplicate_window: 5_000_000_000 })
          const { add, streams } = yield* connect
          yield* add
          const broker = outside.url
          const client = yield* Client.connect({ broker, name: "test", credentials: undefined, secret: undefined })
          const session = yield* JetStreamSession.open(broker, client)
          const once = { session: Effect.succeed(session), subject: "plant.out" }
          const sink = JetStreamEgress.make({ ...once, stream: "PLANT", duplicateWindowMillis: 5_000 })
          const outgoing = (n: number) => ({
            id: `id-${n}`,
            payload: new TextEncoder().encode(`${n}`),
            timestamp: 0n,
            attempt: 1
          })
          const batch = Array.map(Array.range(1, 100), outgoing)
          assert.deepStrictEqual(yield* sink.deliver(batch), { failed: [] })
          assert.deepStrictEqual(yield* sink.deliver(batch), { failed: [] })

          const { state } = yield* Effect.promise(() => streams.info("PLANT"))
          assert.strictEqual(state.messages, 100)
          assert.deepStrictEqual([sink.idempotent, sink.remembers], [true, Duration.seconds(5)])
          const elsewhere = JetStreamEgress.make({ ...once, stream: "OTHER", duplicateWindowMillis: 0 })
          const { failed } = yield* elsewhere.deliver([outgoing(101)])
          assert.deepStrictEqual(failed.map(({ error }) => error._tag), ["StreamUnfit"])
          assert.deepStrictEqual([elsewhere.idempotent, elsewhere.remembers], [false, undefined])
        }).pipe(Effect.scoped),
      60_000
    )

    it.effect(
      "stores what goes out once, tries again what the stream is too full for, and waits for a stream",
      () =>
        Effect.gen(function*() {
          const platform = yield* NatsServer
          const pipelines = yield* natsClient(platform.url)
          const client = yield* ConnectorClient.ConnectorClient
          const { connect, outside } = yield* outsideWorld({ max_msgs: 100, discard: "new", max_msg_size: 100 })
          const { add, nc, streams } = yield* connect
          const out = [
            stream("out", "EGRESS", { subject: "plant.out", broker: outside.url, jetstream: { stream: "PLANT" } })
          ]
          yield* Effect.ignore(client.setStreams(out))
          yield* reasonOf("out", "there is no stream \"PLANT\"")
          yield* add
          yield* runs("out")
          const seen = yield* collect(nc, "plant.out")
          for (const text of numbers(1, 40)) pipelines.publish("ch.out", frame(text))
          pipelines.publish("ch.out", frame("x".repeat(200)))
          for (const text of numbers(41, 150)) pipelines.publish("ch.out", frame(text))
          const info = Effect.promise(() => streams.info("PLANT"))
          yield* until("the stream is full", Effect.map(info, ({ state }) => state.messages === 100))
          yield* reasonOf("out", "did not store a message")
          const { subjects } = yield* Effect.promise(() => streams.info("PLANT", { subjects_filter: "plant.>" }))
            .pipe(Effect.map(({ state }) => state))
          assert.deepStrictEqual(subjects, { "plant.out": 100 })
          const first = yield* Effect.promise(() => streams.getMessage("PLANT", { seq: 1 }))
          assert.notStrictEqual(first?.header.get("Nats-Msg-Id"), "")
          yield* Effect.promise(() => streams.purge("PLANT"))
          yield* until("the rest", Effect.map(info, ({ state }) => state.last_seq === 150))

          // core subscribers see refused tries too, in the order in which they are made
          assert.deepStrictEqual([...new Set(seen)].filter((text) => text.length < 100), numbers(1, 150))
          yield* client.setPayload([])
        }).pipe(Effect.scoped),
      60_000
    )
  })
})
