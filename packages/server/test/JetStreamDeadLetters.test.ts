import { assert, describe, it } from "@effect/vitest"
import { TransportCodec } from "@kps/idl"
import { Channel, NatsConnection, NatsTransport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { Context, Effect, Layer, Option, Result } from "effect"
import type * as DeadLetters from "../src/DeadLetters.ts"
import { connect, letter } from "./support/LetterPlace.ts"

const client = (url: string) =>
  Effect.flatMap(
    Layer.build(NatsTransport.layer({ servers: [url] })),
    (context) => Context.get(context, NatsConnection.NatsConnection).current
  )

const ch = Channel.ChannelName.make("ch.1")

const eventually = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.tapError(() => Effect.sleep("20 millis")),
    Effect.eventually,
    Effect.timeout("10 seconds")
  )

const ids = (store: DeadLetters.DeadLetters["Service"]) =>
  Effect.map(store.list("i"), ({ letters }) => letters.map(({ id }) => id))

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("JetStreamDeadLetters"), () => {
  it.live(
    "stores a replay once, however often and by however many it is tried, where the channel is stored",
    () =>
      Effect.gen(function*() {
        const { url } = yield* NatsServer.make({ jetstream: true })
        const nats = yield* client(url)
        const manager = yield* Effect.promise(() => jetstreamManager(nats))
        yield* Effect.promise(() => manager.streams.add({ name: "CH", subjects: ["ch.>"] }))
        const [one, other] = yield* Effect.all([connect(url), connect(url)])
        const frame = new Uint8Array([255, 0, 255])
        yield* one.add([
          letter({ bytes: new TextEncoder().encode("a"), headers: [["Trace", "t"], ["Nats-Msg-Id", "of the first"]] }),
          letter({ kind: "frame", bytes: frame, timestampNanos: 0n })
        ])
        const [payload = "", malformed = ""] = yield* ids(one)
        const both = yield* Effect.all([one.replay("i", payload), other.replay("i", payload)], {
          concurrency: "unbounded"
        })
        const third = yield* other.replay("i", payload)
        const raw = yield* one.replay("i", malformed)
        const first = yield* Effect.promise(() => manager.streams.getMessage("CH", { seq: 1 }))
        const second = yield* Effect.promise(() => manager.streams.getMessage("CH", { seq: 2 }))
        const { state } = yield* Effect.promise(() => manager.streams.info("CH"))

        assert.sameMembers(both.map(({ outcome }) => outcome), ["stored", "repeated"])
        assert.deepStrictEqual(third, { outcome: "before", replays: 1 })
        assert.deepStrictEqual(raw, { outcome: "stored", replays: 1 })
        assert.strictEqual(state.messages, 2)
        const { payloads, timestampNanos } = Result.getOrThrow(TransportCodec.decode(first!.data))
        assert.deepStrictEqual(payloads.map((one) => new TextDecoder().decode(one)), ["a"])
        assert.strictEqual(timestampNanos, 1_700_000_000_123_456_789n)
        assert.strictEqual(first!.header.get("Trace"), "t")
        assert.deepStrictEqual(Array.from(second!.data), Array.from(frame))

        const again = yield* one.replay("i", payload, { again: true })
        assert.deepStrictEqual(again, { outcome: "stored", replays: 2 })
      }),
    30_000
  )

  it.live("stores a replay once whose mark was never written", () =>
    Effect.gen(function*() {
      const { url } = yield* NatsServer.make({ jetstream: true })
      const nats = yield* client(url)
      const manager = yield* Effect.promise(() => jetstreamManager(nats))
      yield* Effect.promise(() => manager.streams.add({ name: "CH", subjects: ["ch.>"] }))
      const store = yield* connect(url)
      const given = letter()
      yield* store.add([given])
      // as a connector does that is killed between the two
      yield* Effect.promise(() => jetstream(nats).publish("ch.1", "", { msgID: `kps-replay-${given.key}-1` }))
      const [id = ""] = yield* ids(store)

      assert.deepStrictEqual(yield* store.replay("i", id), { outcome: "repeated", replays: 1 })
      const { state } = yield* Effect.promise(() => manager.streams.info("CH"))
      assert.strictEqual(state.messages, 1)
    }), 30_000)

  it.live(
    "does not replay to a channel that nobody would take it from, and leaves the letter",
    () =>
      Effect.gen(function*() {
        const { url } = yield* NatsServer.make({ jetstream: true })
        const store = yield* connect(url)
        yield* store.add([letter({ channel: ch })])
        const [id = ""] = yield* ids(store)
        const error = yield* Effect.flip(store.replay("i", id))
        const nats = yield* client(url)
        const answers = nats.subscribe("ch.1")
        yield* Effect.promise(() => nats.flush())

        assert.strictEqual(
          error.message,
          `nobody listens on channel "ch.1": dead letter "${id}" was not replayed; start the stream first`
        )
        assert.deepStrictEqual(yield* store.replay("i", id), { outcome: "sent", replays: 1 })
        assert.strictEqual(answers.getReceived(), 1)
      }),
    30_000
  )

  it.live("keeps what is as large as the broker takes, in two parts, and purges both", () =>
    Effect.gen(function*() {
      const { url } = yield* NatsServer.make({ jetstream: true, config: "max_payload: 65536" })
      const store = yield* connect(url)
      const large = Uint8Array.from({ length: 65_536 }, (_, i) => i % 251)
      yield* store.add([letter({ bytes: large, kind: "frame" }), letter()])
      const [id = ""] = yield* ids(store)
      const kept = Option.getOrThrow(yield* store.get("i", id))
      const manager = yield* Effect.flatMap(client(url), (nats) => Effect.promise(() => jetstreamManager(nats)))
      const count = Effect.promise(() => manager.streams.info("kps-dead-letters-i").then(({ state }) => state.messages))

      assert.strictEqual(kept.byteLength, 65_536)
      assert.isTrue(Buffer.from(kept.bytes).equals(large))
      assert.strictEqual(yield* count, 3)
      assert.strictEqual(yield* store.purge("i", { ids: [id] }), 1)
      assert.strictEqual(yield* count, 1)
    }), 30_000)

  it.live(
    "keeps what it has over a restart of the broker, and says that it is away meanwhile",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const store = yield* connect(server.url)
        const given = letter()
        yield* store.add([given])
        yield* server.kill("SIGKILL")
        const error = yield* Effect.flip(store.add([letter()]))
        yield* server.restart
        yield* eventually(store.add([given]))
        yield* store.add([letter()])

        assert.strictEqual(error.reason._tag, "Unavailable")
        assert.include(error.message, "cannot store dead letters of connector \"i\": ")
        assert.strictEqual((yield* ids(store)).length, 2)
      }),
    30_000
  )

  it.live("fails and says why on a broker without JetStream", () =>
    Effect.gen(function*() {
      const { url } = yield* NatsServer.make()
      const error = yield* Effect.flip((yield* connect(url)).add([letter()]))

      assert.match(error.message, /^cannot store dead letters of connector "i": .*jetstream/i)
    }), 30_000)

  it.live("is made anew when somebody has deleted it, and takes other bounds over", () =>
    Effect.gen(function*() {
      const { url } = yield* NatsServer.make({ jetstream: true })
      const store = yield* connect(url)
      const manager = yield* Effect.flatMap(client(url), (nats) => Effect.promise(() => jetstreamManager(nats)))
      yield* store.add([letter()])
      yield* Effect.promise(() => manager.streams.delete("kps-dead-letters-i"))
      const lost = yield* Effect.flip(store.add([letter()]))
      yield* store.add([letter()])
      yield* (yield* connect(url, { maxBytes: 1_000_000, maxAge: "1 day" })).add([letter()])
      const { config } = yield* Effect.promise(() => manager.streams.info("kps-dead-letters-i"))

      assert.strictEqual(lost.reason._tag, "Unavailable")
      assert.strictEqual((yield* ids(store)).length, 2)
      assert.strictEqual(config.max_bytes, 1_000_000 + 16_777_216)
      assert.strictEqual(config.max_age, 25 * 3_600_000_000_000)
      assert.strictEqual(config.storage, "file")
      assert.strictEqual(config.discard, "old")
    }), 30_000)

  it.live("lists what cannot be read apart, and purges it", () =>
    Effect.gen(function*() {
      const { url } = yield* NatsServer.make({ jetstream: true })
      const store = yield* connect(url)
      yield* store.add([letter()])
      const nats = yield* client(url)
      yield* Effect.promise(() => jetstream(nats).publish("$KPS.DLQ.kps.i.letter.s", "damaged"))
      const { letters, unreadable } = yield* store.list("i")
      const error = yield* Effect.flip(store.get("i", "2"))

      assert.strictEqual(letters.length, 1)
      assert.deepStrictEqual(unreadable.map(({ message }) => message), [
        "cannot read dead letter \"2\" of connector \"i\": it has no header Kps-Dead-Letter"
      ])
      assert.strictEqual(error.reason._tag, "Unreadable")
      assert.strictEqual(yield* store.purge("i", { ids: ["2"] }), 1)
      assert.deepStrictEqual((yield* store.list("i")).unreadable, [])
    }), 30_000)

  it.live("works with the permissions that docs/operations.md names, and no others", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({
        jetstream: true,
        config: `authorization { users = [{ user: u, password: p, permissions: {
          publish: ["$JS.API.>", "$KPS.DLQ.>", "ch.>"], subscribe: ["_INBOX.>", "ch.>"] } }] }`
      })
      const store = yield* connect(server.url.replace("//", "//u:p@"))
      const nats = yield* client(server.url.replace("//", "//u:p@"))
      nats.subscribe("ch.1")
      yield* store.add([letter()])
      const [id = ""] = yield* ids(store)

      assert.deepStrictEqual(yield* store.replay("i", id), { outcome: "sent", replays: 1 })
      assert.strictEqual(yield* store.purge("i", { all: true }), 1)
      assert.notInclude(yield* server.log, "Permissions Violation")
    }), 30_000)
})
