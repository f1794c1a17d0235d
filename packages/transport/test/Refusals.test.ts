import { assert, describe, it } from "@effect/vitest"
import { Refusals } from "../src/internal/Refusals.ts"

describe("Refusals", () => {
  it("holds a channel for ten seconds after it was last refused", () => {
    let now = 0
    const refusals = new Refusals(() => now)
    refusals.add("a")
    now = 5_000
    refusals.add("a")
    now = 14_999
    const held = refusals.has("a")
    now = 15_000

    assert.isTrue(held)
    assert.isFalse(refusals.has("a"))
    assert.isFalse(refusals.has("b"))
  })

  it("stays small however many channels are refused", () => {
    const refusals = new Refusals(() => 0)
    for (let i = 0; i < 10_000; i++) refusals.add(`${i}`)
    const held = Array.from({ length: 10_000 }, (_, i) => refusals.has(`${i}`)).filter(Boolean)

    assert.isAtMost(held.length, 1000)
    assert.isTrue(refusals.has("9999"))
  })
})
