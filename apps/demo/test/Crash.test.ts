import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Script from "./Script.ts"

const program = (crash: string) => `
  import { Effect } from "effect"
  import * as Crash from ${Script.module("Crash")}
  const held = Effect.acquireRelease(Effect.sync(() => { ${crash} }), () => Effect.sync(() => console.log("released")))
  const session = held.pipe(Effect.andThen(Effect.never), Effect.raceFirst(Crash.watch), Effect.scoped, Effect.flip)
  const alive = setInterval(() => {}, 1000)
  Effect.runPromise(session).then((crash) => {
    console.log(crash.message)
    clearInterval(alive)
  })
`

describe("Crash", () => {
  it.live("fails with an error that nobody caught, after which there is time to tidy up", () =>
    Effect.gen(function*() {
      const { code, stdout } = yield* Script.run(program("setTimeout(() => { throw new Error('boom') }, 10)"))

      assert.match(stdout, /^released\nan error that nobody caught: Error: boom\n {4}at /)
      assert.strictEqual(code, 0)
    }), 20_000)

  it.live(
    "does so for a promise whose rejection nobody handles, and for what is no error",
    () =>
      Effect.gen(function*() {
        const { stdout } = yield* Script.run(program("Promise.reject('a text')"))

        assert.match(stdout, /^released\nan error that nobody caught: .*a text/)
      }),
    20_000
  )

  it.live("lets the second one end the process", () =>
    Effect.gen(function*() {
      const crash = "for (const n of [1, 2]) setTimeout(() => { throw new Error('boom ' + n) }, n * 50)"
      const { code, stderr } = yield* Script.run(program(crash).replace("clearInterval", "void"))

      assert.strictEqual(code, 1)
      assert.include(stderr, "boom 2")
    }), 20_000)
})
