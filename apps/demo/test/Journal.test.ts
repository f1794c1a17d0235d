import { assert, describe, it } from "@effect/vitest"
import { Console, Effect, Layer } from "effect"
import * as Journal from "../src/Journal.ts"

/** What comes to the console in the end. */
const recorder = () => {
  const lines: Array<string> = []
  const console: Console.Console = Object.assign(Object.create(globalThis.console), {
    log: (line: string) => lines.push(`out ${line}`),
    error: (line: string) => lines.push(`err ${line}`)
  })
  return { lines, layer: Layer.provide(Journal.layer, Layer.succeed(Console.Console, console)) }
}

const time = /^(out|err) \d\d:\d\d:\d\d /

describe("Journal", () => {
  it.effect("hands lines on as they are, and keeps them", () => {
    const { layer, lines } = recorder()
    return Effect.gen(function*() {
      const journal = yield* Journal.Journal
      yield* Console.log("one\x1b two")
      yield* Console.error("three")

      assert.deepStrictEqual(lines, ["out one\x1b two", "err three"])
      assert.deepStrictEqual(journal.latest().map(({ text }) => text), ["one␛ two", "three"])
      assert.match(journal.latest()[0]!.at, /^\d\d:\d\d:\d\d$/)
    }).pipe(Effect.provide(layer))
  })

  it.effect("holds lines back until the scope closes, and brings them out then, with their time and harmless", () => {
    const { layer, lines } = recorder()
    return Effect.gen(function*() {
      const journal = yield* Journal.Journal
      yield* Console.log("before")
      yield* Effect.scoped(Effect.gen(function*() {
        yield* journal.hold
        yield* Console.log("one\nline")
        yield* Console.error("two")
        assert.deepStrictEqual(lines, ["out before"])
        assert.strictEqual(journal.latest().length, 3)
      }))

      assert.match(lines[1]!, time)
      assert.deepStrictEqual(lines.map((line) => line.replace(time, "$1 ")), ["out before", "out one line", "err two"])
      yield* Console.log("after")
      assert.strictEqual(lines.at(-1), "out after")
    }).pipe(Effect.provide(layer))
  })

  it.effect("holds the log of the libraries back too", () => {
    const { layer, lines } = recorder()
    return Effect.gen(function*() {
      const journal = yield* Journal.Journal
      yield* Effect.scoped(Effect.gen(function*() {
        yield* journal.hold
        yield* Effect.logError("cannot go on")
        assert.deepStrictEqual(lines, [])
      }))

      assert.include(lines.join("\n"), "cannot go on")
    }).pipe(Effect.provide(layer))
  })

  it.effect("keeps the latest 200 lines, and says how many it did not keep", () => {
    const { layer, lines } = recorder()
    return Effect.gen(function*() {
      const journal = yield* Journal.Journal
      yield* Effect.scoped(Effect.gen(function*() {
        yield* journal.hold
        for (let i = 1; i <= 250; i++) yield* Console.log(`line ${i} ${"x".repeat(5_000)}`)
      }))

      assert.strictEqual(lines[0], "out 50 earlier lines are not kept")
      assert.strictEqual(lines.length, 201)
      assert.match(lines[1]!, / line 51 x/)
      assert.strictEqual(journal.latest().length, 200)
      assert.isAtMost(lines[1]!.length, 1_100)
    }).pipe(Effect.provide(layer))
  })
})
