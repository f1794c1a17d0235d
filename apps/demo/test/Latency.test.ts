import { assert, describe, it } from "@effect/vitest"
import { Latency } from "../src/Latency.ts"

/** Always the same numbers. */
const random = (seed: number) => () => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
  return seed / 2_147_483_648
}

describe("Latency", () => {
  it("has no percentiles before there is a value", () => {
    assert.strictEqual(new Latency().percentile(0.5), undefined)
  })

  it("is exact up to 127 microseconds", () => {
    const latency = new Latency()
    for (let micros = 1; micros <= 100; micros++) latency.record(micros)

    assert.strictEqual(latency.percentile(0.5), 50)
    assert.strictEqual(latency.percentile(0.99), 99)
    assert.strictEqual(latency.percentile(1), 100)
    assert.strictEqual(latency.percentile(0), 1)
  })

  it("agrees with sorting all values, within 1/128, from microseconds to an hour", () => {
    const next = random(42)
    const latency = new Latency()
    const values = Array.from({ length: 20_000 }, () => Math.round(Math.exp(next() * Math.log(3.6e9))))
    for (const value of values) latency.record(value)
    values.sort((a, b) => a - b)

    for (const share of [0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1]) {
      const exact = values[Math.ceil(share * values.length) - 1]!
      const got = latency.percentile(share)!
      assert.isAtMost(Math.abs(got - exact) / exact, 1 / 128, `share ${share}: got ${got}, want ${exact}`)
    }
  })

  it("takes what is out of its range as the end of the range", () => {
    const latency = new Latency()
    latency.record(-5)
    assert.strictEqual(latency.percentile(1), 0)

    latency.record(1e15)

    assert.isAtLeast(latency.percentile(1)!, 2 ** 32 * (127 / 128))
    assert.strictEqual(latency.total, 2)
  })

  it("forgets all values when it is reset", () => {
    const latency = new Latency()
    latency.record(1_000)
    latency.reset()

    assert.strictEqual(latency.percentile(0.5), undefined)
    latency.record(7)
    assert.strictEqual(latency.percentile(0.99), 7)
  })

  it("adds all values of another, and leaves that as it is", () => {
    const [one, other] = [new Latency(), new Latency()]
    one.record(1)
    for (const micros of [5, 7, 100]) other.record(micros)
    one.add(other)
    one.add(new Latency())

    assert.strictEqual(one.total, 4)
    assert.deepStrictEqual([0.25, 0.5, 0.75, 1].map((share) => one.percentile(share)), [1, 5, 7, 100])
    assert.strictEqual(other.total, 3)
  })
})
