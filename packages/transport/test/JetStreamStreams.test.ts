import { assert, describe, it } from "@effect/vitest"
import type { JetStream } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Option } from "effect"
import * as names from "../src/internal/jetstream/names.ts"
import * as settings from "../src/internal/jetstream/settings.ts"
import { jetStreamOf, onlooker, texts } from "./jetstream.ts"
import { channelOf } from "./support.ts"

const channel = channelOf("plant.line-1")
const stream = "KPS_plant_line-1"

describe("names of streams", () => {
  it("says each channel apart from every other", () => {
    const channels = ["a.b", "a_b", "a-b", "a=5Fb", "a/b", "a\\b", "ä", "Ä", "a", "A", "a.b.", "a~b", "日本", "🚀"]
    const tokens = channels.map(names.token)

    assert.strictEqual(new Set(tokens).size, channels.length)
    assert.strictEqual(tokens[0], "a_b")
    assert.strictEqual(tokens[1], "a=5Fb")
    assert.strictEqual(tokens[13], "=F0=9F=9A=80")
    for (const token of tokens) assert.isUndefined(names.problemOf(token), token)
  })

  it("cuts long names, and still says them apart", () => {
    const [one, other] = ["x", "y"].map((end) => names.token("a.".repeat(125) + end))

    assert.notStrictEqual(one, other)
    assert.isAtMost(one!.length, 180)
    assert.isUndefined(names.problemOf(one!))
  })
})

describe("options of streams", () => {
  it.effect("are refused with what is wrong", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [JetStream.StreamOptions, string]> = [
        [{ replicas: 6 }, "invalid option \"replicas\": it is 6, want 1 to 5"],
        [{ maxBytes: 0 }, "invalid option \"maxBytes\": it is 0, want a whole number of at least 1"],
        [{ maxMessages: 1.5 }, "invalid option \"maxMessages\": it is 1.5, want a whole number of at least 1"],
        [{ maxAge: "10 millis" }, "invalid option \"maxAge\": it is 10 ms, want at least 100 ms"],
        [
          { maxAge: "1 second", duplicateWindow: "2 seconds" },
          "invalid option \"duplicateWindow\": it is 2000 ms, want 100 ms up to maxAge"
        ],
        [
          { prefix: "a.b" },
          "invalid option \"prefix\": it contains white space, a control character or one of . * > / \\"
        ]
      ]
      for (const [options, message] of wrong) {
        const error = yield* Effect.flip(Effect.fromResult(settings.make(options)))

        assert.strictEqual(error.message, message)
      }
    }))
})

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("JetStream, streams"), () => {
  it.live("makes the stream of a channel as the options say", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream } = yield* jetStreamOf({
        servers: [server.url],
        stream: {
          storage: "memory",
          retention: "interest",
          maxAge: "1 hour",
          maxBytes: 1_000_000,
          maxMessages: 1000,
          discard: "new",
          duplicateWindow: "30 seconds"
        }
      })
      const look = yield* onlooker(server)
      const name = yield* jetStream.stream(channel)
      const { config } = yield* Effect.promise(() => look.manager.streams.info(name))

      assert.strictEqual(name, stream)
      assert.deepInclude(config, {
        subjects: [channel],
        storage: "memory",
        num_replicas: 1,
        retention: "interest",
        max_age: 3_600_000_000_000,
        max_bytes: 1_000_000,
        max_msgs: 1000,
        discard: "new",
        duplicate_window: 30_000_000_000
      })
    }))

  it.live("has documented defaults", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream } = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      const name = yield* jetStream.stream(channel)
      const { config } = yield* Effect.promise(() => look.manager.streams.info(name))

      assert.deepInclude(config, {
        storage: "file",
        num_replicas: 1,
        retention: "limits",
        max_age: 7 * 24 * 3_600_000_000_000,
        max_bytes: -1,
        max_msgs: -1,
        discard: "old",
        duplicate_window: 120_000_000_000
      })
    }))

  it.live("tells the settings of a stream as the broker has them, also when somebody else has changed them", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream } = yield* jetStreamOf({
        servers: [server.url],
        stream: { storage: "memory", retention: "workqueue", discard: "new", maxMessages: 10, maxAge: "1 hour" }
      })
      const given = {
        storage: "memory",
        replicas: 1,
        retention: "workqueue",
        discard: "new",
        maxAgeMillis: 3_600_000,
        maxBytes: null,
        maxMessages: 10,
        duplicateWindowMillis: 120_000
      } as const

      assert.deepStrictEqual(yield* jetStream.settings(channel), given)

      const { manager } = yield* onlooker(server)
      yield* Effect.promise(() =>
        manager.streams.update(stream, { max_msgs: -1, max_bytes: 4_096, duplicate_window: 5_000_000_000 })
      )

      assert.deepStrictEqual(yield* jetStream.settings(channel), {
        ...given,
        maxBytes: 4_096,
        maxMessages: null,
        duplicateWindowMillis: 5_000
      })
    }))

  it.live("tells the settings of a consumer as the broker has them, and of none when it is not there", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream } = yield* jetStreamOf({ servers: [server.url] })

      assert.deepStrictEqual(yield* jetStream.consumerSettings(channel, "reader"), Option.none())
      yield* jetStream.consumer(channel, { name: "reader", maxAckPending: 7 })
      assert.deepStrictEqual(yield* jetStream.consumerSettings(channel, "other"), Option.none())

      const { manager } = yield* onlooker(server)
      yield* Effect.promise(() => manager.consumers.update(stream, "reader", { ack_wait: 2_000_000_000 }))

      assert.deepStrictEqual(
        yield* jetStream.consumerSettings(channel, "reader"),
        Option.some({ ackWaitMillis: 2_000, maxAckPending: 7 })
      )
    }))

  it.live("says which settings of a stream that is there differ, and changes none", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const look = yield* onlooker(server)
      const made = yield* Effect.promise(() =>
        look.manager.streams.add({ name: stream, subjects: [channel], max_msgs: 5, storage: "memory" })
      )
      const { jetStream, transport } = yield* jetStreamOf({
        servers: [server.url],
        stream: { storage: "file", maxMessages: 10, maxAge: "1 day", onDifference: "grow" }
      })
      const errors = [
        yield* Effect.flip(jetStream.stream(channel)),
        yield* Effect.flip(transport.publishConfirmed(channel, texts("a", 1))),
        yield* Effect.flip(transport.publish(channel, texts("a", 1)[0]!)),
        yield* Effect.flip(transport.subscription(channel))
      ]
      const after = yield* Effect.promise(() => look.manager.streams.info(stream))

      for (const error of errors) {
        assert.strictEqual(
          error.message,
          `stream "${stream}" of channel "${channel}" has other settings: storage: want "file", got "memory"; `
            + "max_age: want 86400000 ms, got no limit; max_msgs: want 10, got 5"
        )
        assert.isFalse(error.isRetryable)
      }
      assert.deepStrictEqual(after.config, made.config)
      assert.strictEqual(after.state.messages, 0)
    }))

  it.live("takes a stream that is there as it is, where nothing is asked for", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const look = yield* onlooker(server)
      yield* Effect.promise(() =>
        look.manager.streams.add({ name: stream, subjects: [channel], max_msgs: 5, storage: "memory" })
      )
      const { transport } = yield* jetStreamOf({ servers: [server.url], stream: { maxMessages: 5 } })
      yield* transport.publishConfirmed(channel, texts("a", 7))

      assert.strictEqual((yield* look.stored(stream)).length, 5)
    }))

  it.live("raises limits when it is told to, and lowers none", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const look = yield* onlooker(server)
      yield* Effect.promise(() =>
        look.manager.streams.add({ name: stream, subjects: [channel], max_msgs: 5, max_age: 1e12 })
      )
      const grow = { onDifference: "grow" } as const
      const larger = yield* jetStreamOf({
        servers: [server.url],
        stream: { maxMessages: 10, maxAge: "1 hour", ...grow }
      })
      yield* larger.jetStream.stream(channel)
      const { config } = yield* Effect.promise(() => look.manager.streams.info(stream))
      const smaller = yield* jetStreamOf({ servers: [server.url], stream: { maxMessages: 9, ...grow } })
      const error = yield* Effect.flip(smaller.jetStream.stream(channel))

      assert.deepInclude(config, { max_msgs: 10, max_age: 3_600_000_000_000 })
      assert.include(error.message, "max_msgs: want 9, got 10")
    }))

  it.live("says which stream has the messages of a channel already", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const look = yield* onlooker(server)
      yield* Effect.promise(() => look.manager.streams.add({ name: "ALL", subjects: ["plant.>"] }))
      const { jetStream } = yield* jetStreamOf({ servers: [server.url] })
      const error = yield* Effect.flip(jetStream.stream(channel))
      const named = yield* jetStreamOf({ servers: [server.url], stream: { name: () => "ALL" } })
      const other = yield* Effect.flip(named.jetStream.stream(channel))

      assert.strictEqual(
        error.message,
        `JetStream cannot make stream "${stream}" for channel "${channel}": `
          + "subjects overlap with an existing stream: its messages go to stream \"ALL\" (10065)"
      )
      assert.include(other.message, `subjects: want ["${channel}"], got ["plant.>"]`)
    }))

  it.live("asks for compression only of servers that have it", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream } = yield* jetStreamOf({ servers: [server.url], stream: { compression: "s2" } })
      const look = yield* onlooker(server)
      const made = yield* Effect.result(jetStream.stream(channel))
      const version = look.client.info?.version ?? ""

      if (version.startsWith("2.9.")) {
        assert(made._tag === "Failure")
        assert.include(made.failure.message, `compression wants nats-server 2.10, got ${version}`)
      } else {
        const { config } = yield* Effect.promise(() => look.manager.streams.info(stream))
        assert.strictEqual(config.compression, "s2")
      }
    }))

  it.live("makes one stream when many make it at once", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      yield* Effect.all(
        [
          ...Array.from({ length: 10 }, () => jetStream.stream(channel)),
          ...Array.from({ length: 10 }, (_, i) => transport.publishConfirmed(channel, texts(`${i}-`, 1)))
        ],
        { concurrency: "unbounded" }
      )

      assert.strictEqual((yield* look.stored(stream)).length, 10)
    }))
})
