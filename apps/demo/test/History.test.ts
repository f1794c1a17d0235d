import { assert, describe, it } from "@effect/vitest"
import { History } from "../src/History.ts"
import { Latency } from "../src/Latency.ts"

const seconds = (n: number) => n * 1e6
const counts = (sent: number, delivered = sent) => ({ sent, delivered })
const nothing = new Latency()

describe("History", () => {
  it("counts what was sent and delivered in each whole second", () => {
    const history = new History(seconds(100), counts(1_000))
    const at = [[100.25, 1_010], [100.75, 1_030], [101, 1_040], [101.5, 1_041], [102, 1_042], [102.5, 9_999]] as const
    for (const [second, sent] of at) history.observe(seconds(second), counts(sent, sent - 1_000), nothing)

    assert.deepStrictEqual(history.seconds.sent, [40, 2])
    assert.deepStrictEqual(history.seconds.delivered.map(Math.round), [-960, 2])
  })

  it("spreads what came over the time in which it came", () => {
    const history = new History(0, counts(0))
    history.observe(seconds(0.5), counts(0), nothing)
    history.observe(seconds(3.5), counts(300), nothing)

    assert.deepStrictEqual(history.seconds.sent, [50, 100, 100])
  })

  it("keeps a minute, also when it was not asked for longer", () => {
    const history = new History(0, counts(0))
    for (let i = 1; i <= 150; i++) history.observe(seconds(i), counts(i * i), nothing)
    const { sent } = history.seconds
    assert.strictEqual(sent.length, 60)
    assert.strictEqual(sent[0], 91 ** 2 - 90 ** 2)
    assert.strictEqual(sent.at(-1), 150 ** 2 - 149 ** 2)

    history.observe(seconds(1_150), counts(22_500 + 7_000), nothing)
    assert.deepStrictEqual(history.seconds.sent.map((n) => n.toFixed(6)), Array.from({ length: 60 }, () => "7.000000"))
  })

  it("has rates of the last two seconds", () => {
    const history = new History(0, counts(0))
    assert.deepStrictEqual(history.rates, { sent: 0, delivered: 0 })

    for (let i = 1; i <= 40; i++) history.observe(seconds(i / 4), counts(i < 20 ? i * 100 : 1_900 + i, i), nothing)

    assert.deepStrictEqual(history.rates, { sent: 4, delivered: 4 })
  })

  it("takes latencies, and forgets those of more than ten seconds ago", () => {
    const recent = new Latency()
    const history = new History(0, counts(0))
    recent.record(50)
    history.observe(seconds(0.5), counts(0), recent)
    recent.record(100)
    history.observe(seconds(0.9), counts(0), recent)
    assert.strictEqual(recent.total, 0)
    assert.strictEqual(history.latency.total, 2)
    assert.strictEqual(history.latency.percentile(1), 100)

    recent.record(7)
    history.observe(seconds(9.9), counts(0), recent)
    assert.strictEqual(history.latency.total, 3)
    history.observe(seconds(10.1), counts(0), recent)
    assert.strictEqual(history.latency.total, 1)
    assert.strictEqual(history.latency.percentile(1), 7)
  })
})
