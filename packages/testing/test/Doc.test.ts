import { assert, describe, it } from "@effect/vitest"
import { Conformance, Description } from "@kps/testing"
import { Effect } from "effect"
import { readFileSync } from "node:fs"

const text = readFileSync(new URL("../../../docs/conformance.md", import.meta.url), "utf8")

describe("docs/conformance.md", () => {
  it("has every case with its rule", () => {
    const [, rest = ""] = text.split("<!-- table: cases.")
    const [section = ""] = rest.split("<!-- end of table -->")
    const lines = section.split("\n").filter((line) => line.startsWith("|")).map((line) => line.replace(/ +/g, " "))

    assert.deepStrictEqual(
      lines.slice(2),
      Conformance.select({}).map(({ door, expected, id, level, title }) =>
        `| ${[id, level, door, title, expected].join(" | ")} |`
      )
    )
  })

  it.effect("shows a description that is one", () =>
    Effect.gen(function*() {
      const [, json = ""] = /```json\n([^]*?)```/.exec(text) ?? []
      const { id, outside } = yield* Description.decode("docs/conformance.md", JSON.parse(json))

      assert.strictEqual(id, "c-1")
      assert.isDefined(outside?.observe)
    }))
})
