import { assert, describe, it } from "@effect/vitest"
import { matches } from "../src/internal/memoryBucket.ts"
import * as Key from "../src/Key.ts"

describe("Key", () => {
  it("keeps what a key may hold, and encodes everything else", () => {
    assert.strictEqual(Key.make("position", "c-1", "Stream_2"), "position.c-1.Stream_2")
    assert.strictEqual(Key.make("position", "a.b", "*>= /%ö"), "position.a=2Eb.=2A=3E=3D=20=2F=25=C3=B6")
    assert.strictEqual(Key.make("desired", ""), "desired.=")
  })

  it("gives each id a key of its own, however long, of what a server takes", () => {
    const long = "ö".repeat(255)
    const ids = ["", "=", "==", "a", "A", "a=", "=41", long, `${long}x`, "x".repeat(200), "x".repeat(201)]
    const keys = ids.map((id) => Key.make("k", id))

    assert.strictEqual(new Set(keys).size, ids.length)
    for (const key of keys) {
      assert.match(key, /^[-/=.\w]+$/)
      assert.isAtMost(key.length, 202)
    }
  })

  it("is matched by filters as NATS matches subjects", () => {
    const cases: ReadonlyArray<readonly [string, string, boolean]> = [
      ["a.b", "a.b", true],
      ["a.b", "a.c", false],
      ["a.*", "a.b", true],
      ["a.*", "a", false],
      ["a.*", "a.b.c", false],
      ["*.b.*", "a.b.c", true],
      ["a.>", "a.b.c", true],
      ["a.>", "a", false],
      [">", "a", true]
    ]
    for (const [filter, key, want] of cases) assert.strictEqual(matches(filter, key), want, `${filter} of ${key}`)
  })
})
