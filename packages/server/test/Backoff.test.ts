import { assert, describe, it } from "@effect/vitest"
import { Backoff } from "../src/Backoff.ts"

/** The waits of a row of errors that come as soon as they can, with this share of the jitter. */
const waits = (count: number, random: number, policy: Parameters<Backoff["delayMillis"]>[0] = {}) => {
  const backoff = new Backoff()
  let now = 1_000
  return Array.from({ length: count }, () => {
    backoff.failed(now)
    const delay = backoff.delayMillis(policy, now, random)
    now += delay ?? 0
    return delay
  })
}

describe("Backoff", () => {
  it("waits 250 ms after the first error, twice as long after each further one, and at most 30 s", () => {
    assert.deepStrictEqual(waits(10, 0.5), [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  })

  it("spreads each wait by 20 % either way", () => {
    assert.deepStrictEqual(waits(2, 0), [200, 400])
    assert.deepStrictEqual(waits(2, 1).map((wait) => Math.round(wait!)), [300, 600])
  })

  it("takes base and cap from the failures table", () => {
    assert.deepStrictEqual(waits(4, 0.5, { base: "1 second", cap: "3 seconds" }), [1_000, 2_000, 3_000, 3_000])
  })

  it("never spins, whatever the table says", () => {
    assert.deepStrictEqual(waits(3, 0, { base: 0, cap: 0 }), [10, 10, 10])
  })

  it("stays finite after any number of errors", () => {
    assert.strictEqual(waits(5_000, 0.5).at(-1), 30_000)
  })

  it("makes the last try when maxElapsed is up, and then gives up", () => {
    assert.deepStrictEqual(
      waits(6, 0.5, { base: "1 second", maxElapsed: "10 seconds" }),
      [1_000, 2_000, 4_000, 3_000, undefined, undefined]
    )
  })

  it("starts over after a healthy minute, and not before", () => {
    const backoff = new Backoff()
    const errorAt = (now: number) => {
      backoff.failed(now)
      return backoff.delayMillis({}, now, 0.5)
    }
    assert.strictEqual(errorAt(0), 250)
    assert.strictEqual(errorAt(250), 500)
    backoff.healthy(1_000)
    assert.strictEqual(errorAt(60_999), 1_000)
    assert.strictEqual(backoff.since, 0)
    backoff.healthy(61_000)
    backoff.healthy(100_000)

    assert.strictEqual(errorAt(121_000), 250)
    assert.deepStrictEqual([backoff.attempts, backoff.since], [1, 121_000])
  })
})
