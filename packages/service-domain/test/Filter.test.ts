import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Filter from "../src/rest/Filter.ts"

const keys = ["id", "name", "version", "privileged"]

const matches = (filter: string, document: Readonly<Record<string, Filter.Value>>) =>
  Result.getOrThrow(Filter.parse(filter, keys))((key) => document[key])

describe("Filter", () => {
  const document = { id: "a-1", name: "it's 100% _ok_", version: 12, privileged: true }

  it("takes conditions of SQL", () => {
    const cases: ReadonlyArray<readonly [string, boolean]> = [
      ["id = 'a-1'", true],
      ["id='a-1'AND version=12", true],
      ["id != 'a-1'", false],
      ["id <> 'b'", true],
      ["version > 9", true],
      ["version > '9'", true],
      ["version >= 12 and version <= 12", true],
      ["version < 12 OR version > 12", false],
      ["name LIKE 'it''s%'", true],
      ["name like '%ok_'", true],
      ["name LIKE 'it_s 100% %'", true],
      ["name LIKE 'IT%'", false],
      ["name LIKE '%'", true],
      ["name NOT LIKE 'x%'", true],
      ["id IN ('b', 'a-1')", true],
      ["id NOT IN ('b', 'a-1')", false],
      ["id IN ('b')", false],
      ["privileged = true", true],
      ["privileged = 'true'", true],
      ["privileged = FALSE", false],
      ["privileged IS NOT NULL AND NOT (id IS NULL)", true],
      ["NOT id = 'a-1' OR version = 12", true],
      ["id = 'b' OR id = 'c' AND version = 12", false],
      ["(id = 'b' OR id = 'a-1') AND version = 12", true]
    ]
    for (const [filter, expected] of cases) assert.strictEqual(matches(filter, document), expected, filter)
  })

  it("has nothing to say of keys that a document has not", () => {
    for (const filter of ["id = 'x'", "id != 'x'", "id LIKE '%'", "id NOT IN ('x')", "id < 'x'"]) {
      assert.isFalse(matches(filter, {}), filter)
    }
    assert.isTrue(matches("id IS NULL", {}))
  })

  it("says what it expected, and where", () => {
    const cases: ReadonlyArray<readonly [string, string]> = [
      ["size = 1", "expected a key (id, name, version, privileged), got \"size\""],
      ["id", "expected =, !=, <>, <, <=, >, >=, LIKE, IN or IS, got the end"],
      ["id = ", "expected a value: 'text', a number, true or false, got the end"],
      ["id = x", "expected a value: 'text', a number, true or false, got \"x\""],
      ["id = 'x", "expected a value: 'text', a number, true or false, got \"'\""],
      ["id = 'x' name = 'y'", "expected AND, OR or the end, got \"name\""],
      ["id NOT = 'x'", "expected LIKE or IN, got \"=\""],
      ["id LIKE 5", "expected a pattern in single quotes, got \"5\""],
      ["id IN 'x'", "expected \"(\", got \"x\""],
      ["id IN ('x' 'y')", "expected \",\" or \")\", got \"y\""],
      ["(id = 'x'", "expected \")\", got the end"],
      ["id = 'x'; DROP TABLE x", "expected AND, OR or the end, got \";\""],
      ["(".repeat(100), "expected at most 50 conditions in each other"]
    ]
    for (const [filter, message] of cases) {
      assert.deepStrictEqual(Filter.parse(filter, keys), Result.fail(message), filter)
    }
  })

  it("takes no time for a pattern that is made to take long", () => {
    assert.isFalse(matches(`name LIKE '${"%a".repeat(50)}b'`, { name: "a".repeat(2_000) }))
  })
})
