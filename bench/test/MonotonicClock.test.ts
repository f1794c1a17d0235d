import { assert, describe, it } from "@effect/vitest"
import { monotonicNanos } from "../src/engine/MonotonicClock.ts"

describe("MonotonicClock", () => {
  it("reads what process.hrtime reads, within a few microseconds", () => {
    const differences = Array.from({ length: 101 }, () => {
      const before = Number(process.hrtime.bigint())
      const now = monotonicNanos()
      const after = Number(process.hrtime.bigint())
      return now - (before + after) / 2
    })
    const middle = differences.toSorted((a, b) => a - b)[50]!

    assert.isBelow(Math.abs(middle), 10_000)
  })
})
