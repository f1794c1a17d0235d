import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Logger } from "effect"
import * as LogLevels from "../src/LogLevels.ts"

const recorder = () => {
  const lines: Array<unknown> = []
  const logger = Logger.make<unknown, void>(({ logLevel, message }) => void lines.push([logLevel, message]))
  return { lines, layer: LogLevels.layer(logger) }
}

const logAll = Effect.all([
  Effect.logDebug("debug"),
  Effect.logInfo("info"),
  Effect.logWarning("warn"),
  Effect.logError("error")
])

describe("LogLevels", () => {
  it.effect("logs INFO and above until it is told otherwise", () => {
    const { layer, lines } = recorder()
    return Effect.gen(function*() {
      yield* logAll
      assert.deepStrictEqual(lines, [["Info", ["info"]], ["Warn", ["warn"]], ["Error", ["error"]]])
    }).pipe(Effect.provide(layer))
  })

  it.effect("changes the level for fibers that run already", () => {
    const { layer, lines } = recorder()
    return Effect.gen(function*() {
      const { set } = yield* LogLevels.LogLevels
      const go = yield* Latch.make()
      const running = yield* Effect.forkChild(Effect.andThen(go.await, logAll), { startImmediately: true })
      yield* set("DEBUG")
      yield* go.open
      yield* Fiber.join(running)
      yield* set("ERROR")
      yield* logAll

      assert.deepStrictEqual(lines.map((line) => (line as ReadonlyArray<unknown>)[0]), [
        "Debug",
        "Info",
        "Warn",
        "Error",
        "Error"
      ])
    }).pipe(Effect.provide(layer))
  })
})
