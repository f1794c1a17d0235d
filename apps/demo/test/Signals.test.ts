import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Signals from "../src/Signals.ts"

describe("Signals", () => {
  it.effect("tells to stop at the first signal, and to hurry at one that is not of the same key press", () =>
    Effect.gen(function*() {
      const { hurry, stop } = yield* Signals.Signals
      const hurried = yield* Effect.forkChild(hurry)
      process.emit("SIGHUP", "SIGHUP")
      assert.strictEqual(yield* stop, "SIGHUP")

      process.emit("SIGHUP", "SIGHUP")
      yield* TestClock.adjust("900 millis")
      process.emit("SIGHUP", "SIGHUP")
      yield* TestClock.adjust(0)
      assert.strictEqual(hurried.pollUnsafe(), undefined)

      yield* TestClock.adjust("100 millis")
      process.emit("SIGHUP", "SIGHUP")
      yield* Fiber.join(hurried)
    }).pipe(Effect.provide(Signals.layer)))

  it.effect("listens no longer than its layer lives", () =>
    Effect.gen(function*() {
      const before = process.listenerCount("SIGHUP")
      yield* Effect.provide(
        Effect.sync(() => assert.strictEqual(process.listenerCount("SIGHUP"), before + 1)),
        Signals.layer
      )

      assert.strictEqual(process.listenerCount("SIGHUP"), before)
    }))
})
