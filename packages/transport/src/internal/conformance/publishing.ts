/** What publishing owes. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ChannelName, Message } from "../../Channel.ts"
import { Transport } from "../../Transport.ts"
import { freshChannel, type It, numbered, read, reader, text } from "./messages.ts"

const limit = 1_048_576
/** Encoded: a tag, three bytes of length, and this many. */
const ofSize = (byteLength: number): Message => ({ timestampNanos: 0n, payloads: [new Uint8Array(byteLength - 4)] })

/** Names that a cast brings here though the type says that they were checked. */
const badNames = ["", "a b", "a\tb", "a.*", "a.>", ">", "a..b", ".a", "a.", "$SYS.a", "a\r\nPUB b 0", "x".repeat(256)]

export const cases = (it: It): void => {
  it.effect("delivers messages in the order they were published", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const received = yield* reader(channel, 3)
      for (const value of ["a", "b", "c"]) yield* transport.publish(channel, text(value))

      assert.deepStrictEqual(yield* Fiber.join(received), ["a", "b", "c"])
    }))

  it.effect("delivers many messages in order, each once", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const received = yield* reader(channel, 20_000)
      yield* transport.publishAll(channel, numbered(20_000))

      assert.deepStrictEqual(yield* Fiber.join(received), numbered(20_000).map(read))
    }), 30_000)

  it.effect("keeps payloads apart and in order, empty ones too, and messages without any", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const stream = yield* transport.subscription(channel)
      const sent = [["a", "", "b"], [""], [], ["", ""], ["€"]]
      for (const payloads of sent) yield* transport.publish(channel, text(...payloads))
      const received = yield* stream.pipe(Stream.take(sent.length), Stream.runCollect)

      assert.deepStrictEqual(
        received.map(({ payloads }) => payloads.map((bytes) => new TextDecoder().decode(bytes))),
        sent
      )
    }))

  it.effect("keeps every bit of a timestamp", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const stream = yield* transport.subscription(channel)
      const sent = [0n, 1n, 1_795_392_000_123_456_789n, 2n ** 63n - 1n, -1n, -(2n ** 63n)]
      yield* transport.publishAll(channel, sent.map((timestampNanos) => ({ timestampNanos, payloads: [] })))
      const received = yield* stream.pipe(Stream.take(sent.length), Stream.runCollect)

      assert.deepStrictEqual(received.map(({ timestampNanos }) => timestampNanos), sent)
    }))

  it.effect("does not change a message that is written over after it was published", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const received = yield* reader(channel, 1)
      const message = text("before")
      yield* transport.publish(channel, message)
      message.payloads[0]!.fill(0)

      assert.deepStrictEqual(yield* Fiber.join(received), ["before"])
    }))

  it.effect("takes a message of exactly the limit, refuses one more byte, and names both sizes", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const stream = yield* transport.subscription(channel)
      yield* transport.publish(channel, ofSize(limit))
      const received = yield* Stream.runHead(stream)
      const error = yield* Effect.flip(transport.publish(channel, ofSize(limit + 1)))

      assert.strictEqual(Option.getOrThrow(received).payloads[0]?.byteLength, limit - 4)
      assert.strictEqual(error.reason._tag, "MessageTooLarge")
      assert.isFalse(error.isRetryable)
      assert.strictEqual(
        error.message,
        `message of ${limit + 1} bytes on "${channel}" is over the limit of ${limit} bytes`
      )
    }))

  it.effect("publishes none of many messages when one is too large", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const received = yield* reader(channel, 1)
      const before = yield* transport.stats
      const error = yield* Effect.flip(transport.publishAll(channel, [text("a"), text("b"), ofSize(limit + 1)]))
      const after = yield* transport.stats
      yield* transport.publish(channel, text("next"))

      assert.strictEqual(error.reason._tag, "MessageTooLarge")
      assert.strictEqual(after.published, before.published)
      assert.strictEqual(after.publishErrors - before.publishErrors, 3)
      assert.deepStrictEqual(yield* Fiber.join(received), ["next"])
    }))

  it.effect("publishes all that its sink is given", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const received = yield* reader(channel, 2500)
      yield* Stream.run(Stream.fromIterable(numbered(2500)), transport.sink(channel))

      assert.deepStrictEqual(yield* Fiber.join(received), numbered(2500).map(read))
    }))

  it.effect("has nothing unconfirmed after a flush, and counts what was published", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const before = yield* transport.stats
      yield* transport.publishAll(freshChannel(), numbered(1000))
      yield* transport.flush
      const after = yield* transport.stats

      assert.strictEqual(after.published - before.published, 1000)
      assert.strictEqual(after.unconfirmedBytes, 0)
      assert.strictEqual(after.uncertain, 0)
    }))

  it.effect("confirms messages, many calls at once too", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const received = yield* reader(channel, 50)
      yield* Effect.forEach(numbered(50), (message) => transport.publishConfirmed(channel, [message]), {
        concurrency: "unbounded",
        discard: true
      })

      assert.deepStrictEqual(yield* Fiber.join(received), numbered(50).map(read))
      assert.strictEqual((yield* transport.stats).unconfirmedBytes, 0)
    }))

  it.effect("lets others go on while it publishes many messages", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      let turns = 0
      yield* Effect.forkChild(Effect.forever(Effect.andThen(Effect.yieldNow, Effect.sync(() => turns++))))
      yield* transport.publishAll(freshChannel(), numbered(50_000))

      assert.isAtLeast(turns, 5)
    }), 30_000)

  it.effect("publishes nothing for no messages", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const before = yield* transport.stats
      yield* transport.publishAll(freshChannel(), [])

      assert.strictEqual((yield* transport.stats).published, before.published)
    }))

  it.effect("refuses channels that are no channel names, and says why", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      for (const name of badNames) {
        const channel = name as ChannelName // the cast that this case is about
        const errors = [
          yield* Effect.flip(transport.publish(channel, text("a"))),
          yield* Effect.flip(transport.publishConfirmed(channel, [text("a")])),
          yield* Effect.flip(Effect.scoped(transport.subscription(channel))),
          yield* Effect.flip(Effect.scoped(transport.subscription(freshChannel(), { queue: name })))
        ]

        for (const error of errors) {
          assert.strictEqual(error.reason._tag, "InvalidChannel", JSON.stringify(name))
          assert.isFalse(error.isRetryable)
        }
        assert.include(errors[0]!.message, `invalid channel "${name.slice(0, 200)}`)
      }
    }))

  it.effect("is connected, and says to what and with which limit", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const status = yield* transport.status
      const first = yield* Stream.runHead(transport.statusChanges)

      assert(status._tag === "Connected")
      assert.strictEqual(status.maxPayloadBytes, limit)
      assert.isAbove(status.server.length, 0)
      assert.deepStrictEqual(Option.getOrThrow(first), status)
    }))
}
