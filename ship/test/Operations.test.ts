/** docs/operations.md, against the code that it speaks of. */
import { assert, it } from "@effect/vitest"
import { StreamEvents } from "@kps/events"
import { Predicate } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "./Command.ts"

const text = readFileSync(join(root, "docs/operations.md"), "utf8")

/** The cells of the table row that begins with a name. */
const row = (name: string): ReadonlyArray<string> | undefined =>
  text.split("\n").find((line) => line.startsWith(`| \`${name}\``))?.split("|").slice(1, -1).map((cell) => cell.trim())

const definitions = Object.values(StreamEvents).filter((value) => Predicate.hasProperty(value, "kind"))

it("has every built-in status with its state, and every built-in alert with its severity", () => {
  assert.isAbove(definitions.length, 10)
  for (const definition of definitions) {
    const cells = row(definition.name)
    assert.isDefined(cells, definition.name)
    // the severity of an author's error is the author's to say
    if (definition.name === "streamFailed") continue
    assert.strictEqual(cells[1], definition.kind === "alert" ? definition.severity : definition.state, definition.name)
  }
})

it("says only of built-in events that they are", () => {
  const names = definitions.map(({ name }) => name)
  const [, section = ""] = /^## What the events mean$(.*?)^## /ms.exec(text) ?? []
  const told = [...section.matchAll(/^\| `(\w+)`/gm)].map(([, name = ""]) => name)
  assert.deepStrictEqual(told.toSorted(), names.toSorted())
})
