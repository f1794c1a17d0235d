import { assert, describe, it } from "@effect/vitest"
import { TransportCodec } from "@kps/idl"
import { Effect, Stream } from "effect"
import * as Counters from "../src/internal/Counters.ts"
import { Inbox, type Limits } from "../src/internal/Inbox.ts"
import { channelOf } from "./support.ts"

const inboxOf = (limits: Partial<Limits> = {}) => {
  const counters = Counters.make()
  const pressure: Array<string> = []
  const inbox = new Inbox({
    channel: channelOf("a"),
    counters,
    limits: { highPayloads: 4, highBytes: 1000, maxPayloads: 8, maxBytes: 2000, ...limits },
    onPressure: (level) => pressure.push(level),
    onDropped: () => undefined,
    onMalformed: () => undefined
  })
  return { inbox, counters, pressure }
}

const frame = (payloads: number, size = 0) =>
  TransportCodec.encode(0n, Array.from({ length: payloads }, () => new Uint8Array(size)))

const taken = (inbox: Inbox, count: number) => Stream.runCollect(Stream.take(Stream.fromPull(inbox.pull), count))

describe("Inbox", () => {
  it.effect("counts payloads, not messages, and tells each level once", () =>
    Effect.gen(function*() {
      const { counters, inbox, pressure } = inboxOf()
      for (let i = 0; i < 5; i++) inbox.accept(frame(2))
      const high = [...pressure]
      const messages = yield* taken(inbox, 4)

      assert.deepStrictEqual(high, ["half", "high"])
      assert.deepStrictEqual(pressure, ["half", "high", "empty"])
      assert.strictEqual(messages.length, 4)
      assert.strictEqual(counters.dropped, 1)
      assert.strictEqual(counters.received, 4)
    }))

  it.effect("counts a message without payloads as one", () =>
    Effect.gen(function*() {
      const { counters, inbox } = inboxOf()
      for (let i = 0; i < 10; i++) inbox.accept(frame(0))

      assert.strictEqual((yield* taken(inbox, 8)).length, 8)
      assert.strictEqual(counters.dropped, 2)
    }))

  it.effect("goes by bytes too", () =>
    Effect.gen(function*() {
      const { counters, inbox, pressure } = inboxOf()
      for (let i = 0; i < 4; i++) inbox.accept(frame(1, 800))

      assert.deepStrictEqual(pressure, ["half", "high"])
      assert.strictEqual((yield* taken(inbox, 3)).length, 3)
      assert.strictEqual(counters.dropped, 1)
    }))

  it.effect("lets go of the connection when it is discarded, and takes nothing more", () =>
    Effect.gen(function*() {
      const { counters, inbox, pressure } = inboxOf()
      for (let i = 0; i < 6; i++) inbox.accept(frame(1))
      assert.strictEqual(inbox.discard(), 6)
      inbox.accept(frame(1))
      assert.strictEqual(inbox.discard(), 0)
      const rest = yield* Stream.runCollect(Stream.fromPull(inbox.pull))

      assert.deepStrictEqual(pressure, ["half", "high", "empty"])
      assert.deepStrictEqual(rest, [])
      assert.strictEqual(counters.received + counters.dropped, 0)
    }))

  it.effect("does not keep big chunks alive for the sake of small messages in them", () =>
    Effect.gen(function*() {
      const { inbox } = inboxOf({ maxPayloads: Infinity, maxBytes: Infinity })
      for (let i = 0; i < 500; i++) {
        // as a socket gives it
        const chunk = Buffer.alloc(65_536)
        const bytes = frame(1, 10)
        chunk.set(bytes, 100)
        inbox.accept(chunk.subarray(100, 100 + bytes.length))
      }
      const messages = yield* taken(inbox, 500)
      const kept = new Set(messages.map(({ payloads }) => payloads[0]!.buffer))
      let total = 0
      for (const { byteLength } of kept) total += byteLength

      assert.isTrue(messages.every(({ payloads }) => payloads[0]!.length === 10))
      assert.isAtMost(total, 1_048_576 + 65_536)
    }))
})
