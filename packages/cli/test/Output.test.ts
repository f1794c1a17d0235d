import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Config from "../src/commands/Config.ts"
import { news } from "../src/commands/Events.ts"
import * as Output from "../src/Output.ts"
import type { EventView } from "../src/Views.ts"

const columns: ReadonlyArray<Output.Column<ReadonlyArray<string>>> = [
  { header: "NAME", cell: ([name]) => name ?? "" },
  { header: "VALUES", cell: ([, values]) => values ?? "" }
]

const event = (name: string, message: string, stream?: string): EventView => ({
  kind: "alert",
  name,
  ...(stream === undefined ? {} : { stream }),
  state: "FAILED",
  message,
  metadata: {}
})

describe("Output", () => {
  it("aligns columns and puts a cell of several lines in several lines", () => {
    assert.strictEqual(
      Output.table(columns, [["a", "1\n2"], ["longer", "3"]]),
      "NAME     VALUES\na        1\n         2\nlonger   3"
    )
  })

  it("shows no control characters of what a connector sent", () => {
    assert.strictEqual(Output.table(columns, [["\u001b[31mred", ""]]), "NAME       VALUES\n\ufffd[31mred")
  })

  it("prints headers alone for an empty table, and an empty list for programs", () => {
    assert.strictEqual(Output.table(columns, []), "NAME   VALUES")
    assert.strictEqual(Output.value("json", []), "[]")
    assert.strictEqual(Output.value("yaml", []), "[]")
  })
})

describe("kps config set", () => {
  it.effect("takes a value as JSON, or else as text", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Config.assignment("a=1"), ["a", 1])
      assert.deepStrictEqual(yield* Config.assignment("a=DEBUG"), ["a", "DEBUG"])
      assert.deepStrictEqual(yield* Config.assignment("a={\"b\":[true]}"), ["a", { b: [true] }])
      assert.deepStrictEqual(yield* Config.assignment("a=x=y"), ["a", "x=y"])
    }))

  it.effect("refuses what has no key", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Config.assignment("=1"))

      assert.strictEqual(error.message, "want key=value, got \"=1\"")
    }))
})

describe("kps events --follow", () => {
  it("prints what is new or changed, and not what went", () => {
    const before = [event("a", "1"), event("a", "1", "s"), event("gone", "1")]
    const after = [event("a", "1"), event("a", "2", "s"), event("b", "1")]

    assert.deepStrictEqual(news(before, after), [event("a", "2", "s"), event("b", "1")])
  })
})
