import { assert, describe, it } from "@effect/vitest"
import { Ledger } from "../src/StreamCounts.ts"

describe("Ledger", () => {
  it("gives back the counts of a stream that comes back within five minutes, with its direction", () => {
    let now = 0
    const ledger = new Ledger(() => now)
    const counts = ledger.open("a", "INGRESS")
    counts.stats.received = 3
    ledger.close(counts)
    now = 299_999

    assert.notStrictEqual(ledger.open("a", "EGRESS"), counts)
    assert.deepStrictEqual(ledger.past, [counts])
    assert.strictEqual(ledger.open("a", "INGRESS"), counts)
    assert.deepStrictEqual(ledger.past, [])
  })

  it("forgets after five minutes, counted from the last time that the stream went", () => {
    let now = 0
    const ledger = new Ledger(() => now)
    const a = ledger.open("a", "INGRESS")
    const b = ledger.open("b", "INGRESS")
    ledger.close(a)
    ledger.close(b)
    now = 200_000
    ledger.close(ledger.open("a", "INGRESS"))
    now = 300_000

    assert.deepStrictEqual(ledger.past, [a])
    assert.notStrictEqual(ledger.open("b", "INGRESS"), b)
    now = 500_000
    assert.deepStrictEqual(ledger.past, [])
  })

  it("keeps the last thousand, however many come and go", () => {
    const ledger = new Ledger(() => 0)
    for (let i = 0; i < 5_000; i++) ledger.close(ledger.open(`${i}`, "INGRESS"))

    assert.deepStrictEqual(ledger.past.map(({ id }) => id), Array.from({ length: 1_000 }, (_, i) => `${4_000 + i}`))
  })
})
