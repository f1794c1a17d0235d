import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Compare from "../src/engine/Compare.ts"
import * as Plan from "../src/engine/Plan.ts"
import * as Report from "../src/engine/Report.ts"

const side = (name: string, values: Array<number>, calls: Array<string>): Compare.Side<number> => ({
  name,
  round: (millis) =>
    Effect.sync(() => {
      calls.push(`${name} ${millis}`)
      return values.shift() ?? Number.NaN
    })
})

const options = {
  what: "things/s",
  goal: { atLeast: 2 },
  figure: (value: number) => value,
  against: "peer",
  control: "peer again",
  format: String
}

describe("Compare", () => {
  it.effect("measures in turns after a warm-up of each side, and leaves absent ones out", () =>
    Effect.gen(function*() {
      const calls: Array<string> = []
      const samples = yield* Compare.interleave(
        [side("ours", [0, 6, 8], calls), undefined, side("peer", [0, 3, 2], calls)],
        { rounds: 2, roundMillis: 5, warmUpMillis: 9 }
      )

      assert.deepStrictEqual(calls, ["ours 9", "peer 9", "ours 5", "peer 5", "ours 5", "peer 5"])
      assert.deepStrictEqual(Array.from(samples), [["ours", [6, 8]], ["peer", [3, 2]]])
    }))

  it.effect("is not made longer by a row when the run is to be quick", () =>
    Effect.gen(function*() {
      const calls: Array<string> = []
      yield* Compare.interleave([side("ours", [], calls)], { rounds: 50, roundMillis: 5000 }).pipe(
        Effect.provideService(Plan.current, Plan.quick)
      )

      assert.deepStrictEqual(calls, [`ours ${Plan.quick.warmUpMillis}`, `ours ${Plan.quick.roundMillis}`])
    }))

  it("has the median of the rounds' ratios, with the peer against itself beside it", () => {
    const samples = new Map([["ours", [6, 8, 9]], ["peer", [3, 2, 3]], ["peer again", [3, 3, 3]]])
    const line = Compare.line(samples, options)

    assert.deepStrictEqual(Report.entry("P0", line, false), {
      row: "P0",
      what: "things/s",
      goal: ">= 2x",
      ratio: 3,
      met: true,
      spread: [2.5, 3.5],
      control: { ratio: 1, spread: [1, 1.25] },
      note: "ours 8 (3.00x), peer 3, peer again 3 (1.00x)"
    })
  })

  it("says that the peer is absent in place of a ratio", () => {
    const entry = Report.entry("P0", Compare.line(new Map([["ours", [6]]]), options), false)

    assert.isNull(entry.ratio)
    assert.isNull(entry.met)
    assert.isNull(entry.control)
    assert.include(entry.note, "peer absent: peer")
  })

  it("does not count what is fast and loses as met", () => {
    const samples = new Map([["ours", [9]], ["peer", [1]], ["peer again", [1]]])
    const entry = Report.entry("P0", Compare.line(samples, { ...options, fault: () => "3 of 9 payloads lost" }), false)

    assert.strictEqual(entry.ratio, 9)
    assert.isFalse(entry.met)
    assert.include(entry.note, "3 of 9 payloads lost")
  })

  it("judges nothing in a quick run", () => {
    const samples = new Map([["ours", [1]], ["peer", [9]], ["peer again", [1]]])

    assert.isNull(Report.entry("P0", Compare.line(samples, options), true).met)
  })
})
