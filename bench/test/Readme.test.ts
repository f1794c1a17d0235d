import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import * as Readme from "../src/engine/Readme.ts"

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")

describe("Readme", () => {
  it.effect("replaces the last table, and nothing else, as often as it is written", () =>
    Effect.gen(function*() {
      const once = yield* Readme.replaced(readme, "the table of one day")
      const twice = yield* Readme.replaced(once, "the table of the next")

      assert.include(once, "\n\nthe table of one day\n\n")
      assert.strictEqual(twice, once.replace("the table of one day", "the table of the next"))
      assert.include(twice, "## How to read it")
    }))

  it.effect("says so when there is no place for it", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Readme.replaced("# A page", "table"))

      assert.include(error.message, "the README has no")
    }))
})
