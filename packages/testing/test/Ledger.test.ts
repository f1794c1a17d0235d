import { assert, describe, it } from "@effect/vitest"
import { Ledger } from "@kps/testing"

describe("the ledger", () => {
  it("finds what was lost, came again, came late, and was never given", () => {
    const found = Ledger.account([1, 2, 5, 3, 3, 9, 2], 6)

    assert.deepStrictEqual(found, { count: 6, came: 7, lost: [4, 6], repeated: 2, late: [3], strange: [9] })
  })

  it("holds each promise against it, and says where", () => {
    const gap = Ledger.account([1, 2, 6, 7], 8)
    const repeat = Ledger.account([1, 2, 1, 2, 3], 3)
    const swapped = Ledger.account([2, 1], 2)

    assert.deepStrictEqual(Ledger.violations(gap, "at-least-once"), ["4 lost (3 to 5, 8)"])
    assert.deepStrictEqual(Ledger.violations(gap, "effectively-once"), ["4 lost (3 to 5, 8)"])
    assert.deepStrictEqual(Ledger.violations(gap, "at-most-once"), [])
    assert.deepStrictEqual(Ledger.violations(repeat, "at-least-once"), [])
    assert.deepStrictEqual(Ledger.violations(repeat, "at-most-once"), ["2 duplicated"])
    assert.deepStrictEqual(Ledger.violations(repeat, "effectively-once"), ["2 duplicated"])
    assert.deepStrictEqual(Ledger.violations(swapped, "at-least-once"), ["1 out of order (1)"])
    assert.deepStrictEqual(Ledger.violations(swapped, "at-least-once", { ordered: false }), [])
    assert.deepStrictEqual(Ledger.violations(Ledger.account([1, 4], 1), "at-least-once"), [
      "1 that were never given (4)"
    ])
  })
})
