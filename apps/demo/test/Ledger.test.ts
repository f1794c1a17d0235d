import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Ledger } from "../src/Ledger.ts"
import { SequenceSet } from "../src/SequenceSet.ts"

const sent = (count: number): Ledger => {
  const ledger = new Ledger()
  for (let i = 1; i <= count; i++) ledger.send(i * 1_000, 10)
  return ledger
}

describe("Ledger", () => {
  it("counts what is delivered and what is under way, in messages and in bytes", () => {
    const ledger = sent(3)

    assert.strictEqual(ledger.deliver(1, 5_000), 4_000)

    assert.deepStrictEqual(ledger.counts, {
      sent: 3,
      delivered: 1,
      lost: 0,
      inFlight: 2,
      duplicated: 0,
      late: 0,
      outOfOrder: 0,
      unknown: 0
    })
    assert.strictEqual(ledger.inFlight, 2)
    assert.strictEqual(ledger.inFlightBytes, 20)
    assert.strictEqual(ledger.next, 4)
  })

  it("counts every further copy of a message as duplicated, and none of them as delivered", () => {
    const ledger = sent(2)
    ledger.deliver(1, 5_000)

    assert.strictEqual(ledger.deliver(1, 6_000), undefined)
    assert.strictEqual(ledger.deliver(1, 7_000), undefined)

    assert.deepInclude(ledger.counts, { delivered: 1, duplicated: 2, inFlight: 1, lost: 0 })
  })

  it("gives up only what was sent before the instant", () => {
    const ledger = sent(5)
    ledger.deliver(2, 6_000)

    ledger.settle(4_000)

    assert.deepInclude(ledger.counts, { delivered: 1, lost: 2, inFlight: 2 })
    assert.strictEqual(ledger.inFlightBytes, 20)
  })

  it("takes a loss back when the message comes after all, and says so", () => {
    const ledger = sent(2)
    ledger.settle(Infinity)
    assert.deepInclude(ledger.counts, { lost: 2, inFlight: 0 })

    assert.strictEqual(ledger.deliver(2, 9_000), undefined)

    assert.deepInclude(ledger.counts, { delivered: 1, lost: 1, late: 1, duplicated: 0 })
    ledger.deliver(2, 9_000)
    assert.deepInclude(ledger.counts, { delivered: 1, lost: 1, late: 1, duplicated: 1 })
  })

  it("counts what overtook another as out of order, once for the one that was overtaken", () => {
    const ledger = sent(4)
    for (const sequence of [1, 3, 2, 4]) ledger.deliver(sequence, 9_000)

    assert.deepInclude(ledger.counts, { delivered: 4, outOfOrder: 1 })
  })

  it("counts numbers that were never sent as unknown and nothing else", () => {
    const ledger = sent(1)
    ledger.deliver(0, 9_000)
    ledger.deliver(2, 9_000)

    assert.deepInclude(ledger.counts, { delivered: 0, unknown: 2, inFlight: 1 })
    ledger.send(10_000, 1)
    ledger.deliver(2, 11_000)
    assert.deepInclude(ledger.counts, { delivered: 1, unknown: 2, duplicated: 0 })
  })

  it("knows when something last happened, and a copy is not something", () => {
    const ledger = sent(2)
    ledger.deliver(1, 5_000)
    ledger.deliver(1, 8_000)

    assert.strictEqual(ledger.lastChangeMicros, 5_000)
  })

  it.effect.prop(
    "every message is in one place, whatever happens in whatever order",
    [Schema.Array(Schema.Struct({
      what: Schema.Literals(["send", "deliver", "settle"]),
      sequence: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 30 }))
    }))],
    ([steps]) =>
      Effect.sync(() => {
        const ledger = new Ledger()
        const came = new Map<number, number>()
        let now = 0
        for (const { sequence, what } of steps) {
          now += 10
          if (what === "send") ledger.send(now, 1)
          else if (what === "settle") ledger.settle(now - sequence)
          else {
            if (sequence < ledger.next) came.set(sequence, (came.get(sequence) ?? 0) + 1)
            ledger.deliver(sequence, now)
          }
          const { delivered, duplicated, inFlight, lost, sent } = ledger.counts
          assert.strictEqual(delivered + lost + inFlight, sent)
          assert.strictEqual(delivered, came.size)
          assert.strictEqual(duplicated, [...came.values()].reduce((sum, count) => sum + count - 1, 0))
          assert.strictEqual(ledger.inFlightBytes, inFlight)
        }
      })
  )
})

describe("SequenceSet", () => {
  it("holds what was added, across its segments", () => {
    const set = new SequenceSet()
    const numbers = [0, 1, 31, 32, 65_535, 65_536, 131_071, 131_072, 1_000_000_000_000]

    assert.isTrue(numbers.every((n) => set.add(n)))
    assert.isTrue(numbers.every((n) => !set.add(n)))
    assert.isTrue(set.add(2))
  })

  it("lets go of a segment that is complete, and still knows it", () => {
    const set = new SequenceSet()
    for (let n = 0; n < 3 * 65_536; n++) if (n !== 100_000) assert.isTrue(set.add(n))
    assert.strictEqual(set.segmentsHeld, 1)

    assert.isFalse(set.add(5))
    assert.isFalse(set.add(150_000))
    assert.isTrue(set.add(100_000))

    assert.strictEqual(set.segmentsHeld, 0)
    assert.isFalse(set.add(100_000))
  })
})
