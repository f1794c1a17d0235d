/** Every promise of docs/delivery.md names tests that are there. */
import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { basename } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../..", import.meta.url))

/** The tests of a name: of `Egress` the file `Egress.test.ts`, and where it runs a suite, `EgressConformance.ts`. */
const files = globSync(
  ["{packages,apps,soak,interop}/**/test/**/*.ts", "soak/**/src/**/*.ts", "packages/*/src/**/conformance/**/*.ts"],
  { cwd: root, exclude: (name) => name.includes("node_modules") }
)
const texts = new Map(files.map((file) => [file, readFileSync(`${root}/${file}`, "utf8").replaceAll("\\\"", "\"")]))
const named = (name: string): ReadonlyArray<string> =>
  files.filter((file) =>
    name === "conformance"
      ? file.startsWith("packages/transport/src/internal/conformance/")
      : [`${name}.test.ts`, `${name}Conformance.ts`].includes(basename(file))
  ).map((file) => texts.get(file)!)

interface Reference {
  readonly name: string
  /** The parts of a title between its ellipses. */
  readonly parts: ReadonlyArray<string>
}

/** `Name: "title"`, `S: Name, "title", "another"`, or a name alone. */
const referencesOf = (cell: string): ReadonlyArray<Reference> => {
  const found: Array<Reference> = []
  let name = ""
  for (const [, title, word] of cell.matchAll(/"([^"]+)"|\b([A-Z][A-Za-z]+[a-z]|conformance)\b/g)) {
    if (word !== undefined) {
      name = word
      found.push({ name, parts: [] })
    } else if (title !== undefined) {
      found.push({ name, parts: title.split("…").map((part) => part.trim()).filter((part) => part !== "") })
    }
  }
  return found
}

const document = readFileSync(`${root}/docs/delivery.md`, "utf8").split("\n")

/** The rows of the tables that say what holds a promise. */
const rows: ReadonlyArray<readonly [promise: string, held: string]> = document.flatMap((line, n) => {
  if (!/^\| *promise .*\| *held by *\|$/.test(line)) return []
  const end = document.findIndex((other, i) => i > n && !other.startsWith("|"))
  return document.slice(n + 2, end).map((row): readonly [string, string] => {
    const cells = row.split(" | ").map((cell) => cell.replaceAll(/^\||\|$/g, "").trim())
    return [cells[0]!, cells.at(-1)!]
  })
})

describe("docs/delivery.md", () => {
  it("has promises", () => {
    assert.isAbove(rows.length, 30)
  })

  it.each(rows)("names a test that is there for: %s", (promise, held) => {
    const references = referencesOf(held)

    assert.isTrue(references.some(({ parts }) => parts.length > 0), promise)
    for (const { name, parts } of references) {
      const candidates = named(name)
      assert.isNotEmpty(candidates, `no test file of ${name}`)
      if (parts.length === 0) continue
      assert.isAbove(parts[0]!.length, 7, `a title of ${name} says too little`)
      assert.isTrue(
        candidates.some((text) => {
          // in one title, one after the other
          let from = 0
          return parts.every((part, n) => {
            const at = text.indexOf(part, from)
            if (at === -1 || (n > 0 && text.slice(from, at).includes("\n"))) return false
            from = at + part.length
            return true
          })
        }),
        `no title "${parts.join(" … ")}" in the tests of ${name}`
      )
    }
  })
})
