import { assert, describe, it } from "@effect/vitest"
import { Latency } from "../src/Latency.ts"

const minute = 60_000

describe("Latency", () => {
  it("has no percentile of nothing", () => {
    assert.isUndefined(new Latency().p99(0))
  })

  it("gives what 99 of 100 do not exceed, at most a fifth too high", () => {
    for (const [usual, slow] of [[0.05, 3], [1, 40], [250, 70_000]] as const) {
      const latency = new Latency()
      for (let i = 0; i < 1_000; i++) latency.record(i % 200 === 0 ? slow : usual, 0)
      const most = latency.p99(0)!
      assert.isAtLeast(most, usual)
      assert.isAtMost(most, usual * 1.2)

      for (let i = 0; i < 10; i++) latency.record(slow, 0)
      const now = latency.p99(0)!
      assert.isAtLeast(now, slow)
      assert.isAtMost(now, slow * 1.2)
    }
  })

  it("takes what is shorter than it can tell, and what is longer", () => {
    const latency = new Latency()
    latency.record(0, 0)
    assert.strictEqual(latency.p99(0), 0.001)
    for (let i = 0; i < 10; i++) latency.record(Infinity, 0)
    assert.isAbove(latency.p99(0)!, 86_400_000)
  })

  it("forgets what was five to ten minutes ago", () => {
    const latency = new Latency()
    latency.record(1_000, 0)
    latency.record(1, 6 * minute)
    assert.isAtLeast(latency.p99(6 * minute)!, 1_000)
    latency.record(1, 12 * minute)
    assert.isAtMost(latency.p99(12 * minute)!, 1.2)
    assert.isUndefined(latency.p99(40 * minute))
  })
})
