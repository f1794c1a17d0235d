import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { limits } from "../src/Http2Limits.ts"

const document = readFileSync(new URL("../../../docs/security.md", import.meta.url), "utf8")

/** A limit as the document has it: by the unit that its name ends with. */
const shown = (name: string, value: number): string => {
  if (name.endsWith("Millis")) return `${value / 1000} s`
  if (name.endsWith("Bytes")) return value % 2 ** 20 === 0 ? `${value / 2 ** 20} MiB` : `${value / 2 ** 10} KiB`
  return String(value)
}

describe("docs/security.md", () => {
  it("shows every limit of HTTP/2 with its value, in the order of the code", () => {
    const [, section = ""] = /<!-- table: limits\.[^>]*-->(.*?)<!-- end of table -->/s.exec(document) ?? []
    const rows = [...section.matchAll(/^\| `(\w+)` *\| ([^|]*?) *\|/gm)].map(([, name, value]) => [name, value])

    assert.deepStrictEqual(rows, Object.entries(limits).map(([name, value]) => [name, shown(name, value)]))
  })
})
