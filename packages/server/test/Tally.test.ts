import { assert, describe, it } from "@effect/vitest"
import { StreamEvents } from "@kps/events"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { Tally } from "../src/Tally.ts"

const fixture = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  const told: Array<string> = []
  const tally = new Tally(StreamEvents.itemDropped, "s", {
    events: {
      raise: (_: unknown, occurrence?: { readonly metadata?: unknown }) =>
        Effect.sync(() => {
          if (occurrence === undefined) throw new Error("nothing to tell")
          const { ErrorMessage, ExtraMessage } = occurrence.metadata as StreamEvents.Metadata
          told.push(`${Number(ExtraMessage["count"])} ${ErrorMessage}`)
        }),
      clear: () => Effect.sync(() => void told.push("clear"))
    } as never,
    runFork: Effect.runForkWith(yield* Effect.context<never>()),
    now: () => clock.currentTimeMillisUnsafe()
  })
  return { tally, told }
})

describe("Tally", () => {
  it.effect("tells the first at once, the others once a second, and that it is over after a quiet minute", () =>
    Effect.gen(function*() {
      const { tally, told } = yield* fixture
      for (let i = 0; i < 1_000; i++) tally.add(2, `m${i}`)
      assert.deepStrictEqual(told, ["2 m0"])
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(told.length, 1)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(told, ["2 m0", "2000 m999"])
      yield* TestClock.adjust("58 seconds")
      assert.strictEqual(told.length, 2)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(told.slice(2), ["clear"])

      tally.add(1, "again")
      assert.deepStrictEqual(told.slice(3), ["1 again"])
    }))

  it.effect("tells nothing more once it is closed", () =>
    Effect.gen(function*() {
      const { tally, told } = yield* fixture
      tally.add(1, "a")
      tally.add(1, "b")
      tally.close()
      yield* TestClock.adjust("2 minutes")
      tally.add(1, "c")
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(told, ["1 a"])
      const before = yield* fixture
      before.tally.close()
      before.tally.add(1, "d")
      assert.deepStrictEqual(before.told, [])
    }))
})
