import { assert, describe, it } from "@effect/vitest"
import { condense, sparkline } from "../src/Sparkline.ts"

describe("Sparkline", () => {
  it("shows the top as a full bar, and others in proportion", () => {
    assert.strictEqual(sparkline([0, 10, 20, 30, 40, 50, 60, 70], 70), "▁▂▃▄▅▆▇█")
    assert.strictEqual(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 70), "▁▂▂▂▂▂▂▂")
  })

  it("tells next to nothing from nothing", () => {
    assert.strictEqual(sparkline([0, 0.001, 1_000_000], 1_000_000), "▁▂█")
  })

  it("is flat while nothing happens", () => {
    assert.strictEqual(sparkline([0, 0, 0], 0), "▁▁▁")
    assert.strictEqual(sparkline([], 0), "")
  })

  it("condenses by means, so that the last number is in the last of them", () => {
    assert.deepStrictEqual(condense([1, 2, 3, 4], 4), [1, 2, 3, 4])
    assert.deepStrictEqual(condense([1, 2, 3, 4], 10), [1, 2, 3, 4])
    assert.deepStrictEqual(condense([1, 2, 3, 4], 2), [1.5, 3.5])
    assert.deepStrictEqual(condense([9, 1, 2, 3, 4], 3), [9, 1.5, 3.5])
    assert.deepStrictEqual(condense([1, 2, 3, 4, 6], 1), [3.2])
    assert.deepStrictEqual(condense([1, 2], 0), [])
    assert.strictEqual(condense(Array.from({ length: 60 }, () => 1), 25).length, 20)
  })
})
