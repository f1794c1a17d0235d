import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import * as Inbox from "../src/Inbox.ts"

const limits = { maxPayloads: 10_000, maxBytes: 1 << 20 }
const numbered = (n: number) => new Uint8Array(new Uint32Array([n]).buffer)
const number = (payload: Uint8Array) => new Uint32Array(payload.buffer, payload.byteOffset, 1)[0]!

describe("Inbox", () => {
  it.effect("gives all that came in one turn as one array, the very same views", () =>
    Effect.gen(function*() {
      const inbox = Inbox.make<never>(limits)
      const sent = [numbered(1), numbered(2), numbered(3)]
      const arrays: Array<ReadonlyArray<Uint8Array>> = []
      const reader = yield* inbox.payloads.pipe(
        Stream.runForEachArray((array) => Effect.sync(() => void arrays.push(array))),
        Effect.forkChild({ startImmediately: true })
      )

      for (const payload of sent) inbox.offer(payload)
      yield* Effect.yieldNow
      inbox.offer(sent[0]!)
      yield* Effect.yieldNow
      yield* Fiber.interrupt(reader)

      assert.deepStrictEqual(arrays.map((array) => array.length), [3, 1])
      assert.isTrue(arrays[0]!.every((payload, i) => payload === sent[i]))
    }))

  it.effect("ends after what is kept, and takes no more", () =>
    Effect.gen(function*() {
      const inbox = Inbox.make<never>(limits)
      inbox.offer(numbered(1))
      inbox.end()
      inbox.offer(numbered(2))

      assert.deepStrictEqual((yield* Stream.runCollect(inbox.payloads)).map(number), [1])
      assert.strictEqual(inbox.dropped(), 0)
    }))

  it.effect("keeps the order while its reader stops and goes", () =>
    Effect.gen(function*() {
      const inbox = Inbox.make<"end">(limits)
      const seen: Array<number> = []
      const reader = yield* inbox.payloads.pipe(
        Stream.mapEffect((payload) => Effect.as(number(payload) % 500 === 0 ? Effect.yieldNow : Effect.void, payload)),
        Stream.runForEach((payload) => Effect.sync(() => void seen.push(number(payload)))),
        Effect.flip,
        Effect.forkChild({ startImmediately: true })
      )
      for (let i = 0; i < 5_000; i++) {
        inbox.offer(numbered(i))
        if (i % 700 === 0) yield* Effect.yieldNow
      }
      inbox.fail("end")

      assert.strictEqual(yield* Fiber.join(reader), "end")
      assert.deepStrictEqual(seen, Array.from({ length: 5_000 }, (_, i) => i))
      assert.strictEqual(inbox.dropped(), 0)
    }))

  it.effect("drops the newest beyond the limit of messages, and counts them exactly", () =>
    Effect.gen(function*() {
      const inbox = Inbox.make<"end">({ maxPayloads: 1_500, maxBytes: 1 << 20 })
      for (let i = 0; i < 2_000; i++) inbox.offer(numbered(i))
      inbox.fail("end")
      const seen: Array<number> = []
      yield* Effect.flip(
        Stream.runForEach(inbox.payloads, (payload) => Effect.sync(() => void seen.push(number(payload))))
      )

      assert.deepStrictEqual(seen, Array.from({ length: 1_500 }, (_, i) => i))
      assert.strictEqual(inbox.dropped(), 500)
      assert.strictEqual(inbox.kept(), 0)
    }))

  it("counts the memory that views hold on to, not their own length", () => {
    const own = Inbox.make<never>({ maxPayloads: 1_000, maxBytes: 100_000 })
    for (let i = 0; i < 20; i++) own.offer(new Uint8Array(new ArrayBuffer(10_000), 0, 4))
    assert.strictEqual(own.kept(), 10)
    assert.strictEqual(own.dropped(), 10)

    const shared = Inbox.make<never>({ maxPayloads: 1_000, maxBytes: 100_000 })
    const buffer = new ArrayBuffer(10_000)
    for (let i = 0; i < 20; i++) shared.offer(new Uint8Array(buffer, i * 4, 4))
    assert.strictEqual(shared.kept(), 20)
  })

  it("keeps one message whatever its size", () => {
    const inbox = Inbox.make<never>({ maxPayloads: 10, maxBytes: 10 })
    inbox.offer(new Uint8Array(100))
    inbox.offer(new Uint8Array(1))
    assert.deepStrictEqual({ kept: inbox.kept(), dropped: inbox.dropped() }, { kept: 1, dropped: 1 })
  })

  it.effect("has room again once it was read", () =>
    Effect.gen(function*() {
      const inbox = Inbox.make<never>({ maxPayloads: 2, maxBytes: 8 })
      for (let round = 0; round < 5; round++) {
        inbox.offer(numbered(1))
        inbox.offer(numbered(2))
        inbox.offer(numbered(3))
        assert.strictEqual((yield* Stream.runCollect(Stream.take(inbox.payloads, 2))).length, 2)
      }
      assert.strictEqual(inbox.dropped(), 5)
    }))

  it.effect("tells of drops past and to come", () =>
    Effect.gen(function*() {
      const inbox = Inbox.make<never>({ maxPayloads: 1, maxBytes: 100 })
      const waiting = yield* Effect.forkChild(inbox.droppedBeyond(1), { startImmediately: true })
      inbox.offer(numbered(1))
      inbox.offer(numbered(2))
      yield* Effect.yieldNow
      assert.isUndefined(waiting.pollUnsafe())
      inbox.offer(numbered(3))
      inbox.offer(numbered(4))

      assert.strictEqual(yield* Fiber.join(waiting), 3)
      assert.strictEqual(yield* inbox.droppedBeyond(2), 3)
    }))

  it.effect("takes nothing after it failed", () =>
    Effect.gen(function*() {
      const inbox = Inbox.make<string>(limits)
      inbox.fail("first")
      inbox.fail("second")
      inbox.offer(numbered(1))
      assert.strictEqual(yield* Effect.flip(Stream.runDrain(inbox.payloads)), "first")
    }))
})
