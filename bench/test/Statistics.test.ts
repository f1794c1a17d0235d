import { assert, describe, it } from "@effect/vitest"
import * as Goal from "../src/engine/Goal.ts"
import * as Statistics from "../src/engine/Statistics.ts"

describe("Statistics", () => {
  it("takes the median of an odd and of an even number of samples", () => {
    assert.strictEqual(Statistics.median([9, 1, 5]), 5)
    assert.strictEqual(Statistics.median([4, 1, 2, 3]), 2.5)
    assert.strictEqual(Statistics.median([7]), 7)
    assert.isNaN(Statistics.median([]))
  })

  it("orders numbers as numbers", () => {
    assert.strictEqual(Statistics.median([10, 9, 100]), 10)
  })

  it("takes quartiles in proportion between neighbours", () => {
    assert.deepStrictEqual(Statistics.summary([1, 2, 3, 4, 5]), { median: 3, low: 2, high: 4 })
    assert.deepStrictEqual(Statistics.summary([10, 20]), { median: 15, low: 12.5, high: 17.5 })
  })

  it("compares round by round, so that what slows both sides of a round down does not count", () => {
    const theirs = [100, 50, 100]
    const ours = [200, 100, 150]

    assert.deepStrictEqual(Statistics.ratios(ours, theirs), [2, 2, 1.5])
    assert.strictEqual(Statistics.summary(Statistics.ratios(ours, theirs)).median, 2)
  })

  it("refuses rounds that do not pair up", () => {
    assert.throws(() => Statistics.ratios([1, 2], [1]), "rounds do not pair up: 2 of one side, 1 of the other")
  })
})

describe("Goal", () => {
  it("is met from its bound on", () => {
    assert.isTrue(Goal.isMet({ atLeast: 1.7 }, 1.7))
    assert.isFalse(Goal.isMet({ atLeast: 1.7 }, 1.699))
    assert.isTrue(Goal.isMet({ atMost: 64, unit: "MiB" }, 64))
    assert.isFalse(Goal.isMet({ atMost: 64, unit: "MiB" }, 64.1))
  })

  it("is not met by a figure that is no number", () => {
    assert.isFalse(Goal.isMet({ atLeast: 1 }, Number.NaN))
    assert.isFalse(Goal.isMet({ atMost: 1 }, Number.NaN))
  })

  it("reads as in the table", () => {
    assert.strictEqual(Goal.text({ atLeast: 1.7 }), ">= 1.7x")
    assert.strictEqual(Goal.text({ atMost: 64, unit: "MiB" }), "<= 64 MiB")
  })
})
