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

  it.effect("shows a description that is one, and outsides that are", () =>
    Effect.gen(function*() {
      const blocks = [...text.matchAll(/```json\n([^]*?)```/g)].map(([, json = ""]) => JSON.parse(json))
      const [description, ...outsides] = blocks
      const { id, outside } = yield* Description.decode("docs/conformance.md", description)

      assert.strictEqual(id, "c-1")
      assert.isDefined(outside?.observe)
      assert.strictEqual(outsides.length, 1)
      for (const outside of outsides) {
        const decoded = yield* Description.decode("docs/conformance.md", { ...description, outside })
        assert.isDefined(decoded.outside?.acknowledged?.prepare)
        assert.isDefined(decoded.outside?.resumable)
      }
    }))
})
