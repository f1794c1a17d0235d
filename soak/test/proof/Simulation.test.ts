import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Mutant } from "../../src/connector/Mutant.ts"
import * as History from "../../src/simulation/History.ts"
import * as Simulation from "../../src/simulation/Simulation.ts"

const seeds = (from: number, count: number) => Array.from({ length: count }, (_, n) => from + n)

/** `KPS_SEED` shows one seed again. */
const asked = Number(process.env["KPS_SEED"])
const groups = Number.isSafeInteger(asked) ? [[asked]] : seeds(0, 8).map((group) => seeds(1 + group * 25, 25))

describe("the simulation", () => {
  for (const group of groups) {
    it(
      `keeps every promise, seeds ${group[0]} to ${group.at(-1)}`,
      { timeout: 300_000 },
      () =>
        Effect.runPromise(Effect.gen(function*() {
          const reports = yield* Effect.forEach(group, (seed) => Simulation.run({ seed }))

          const broken = reports.filter(({ violations }) => violations.length > 0)
          assert.deepStrictEqual(broken.map(Simulation.text), [])
          // something was at stake
          assert.isAbove(reports.reduce((sum, { unacknowledged }) => sum + unacknowledged, 0), 0)
        }))
    )
  }

  it(
    "does the same with the same seed, and something else with another",
    { timeout: 120_000 },
    () =>
      Effect.runPromise(Effect.gen(function*() {
        const [first, second, other] = yield* Effect.forEach([17, 17, 18], (seed) => Simulation.run({ seed }))

        assert.deepStrictEqual(first, second)
        assert.notStrictEqual(first?.trace, other?.trace)
      }))
  )
})

/** Where a rule matters most, with time in between for something to flow. */
const long: History.Scale = { ...History.minute, every: 40, seconds: 120, count: 120 }
// few kills come when something was delivered and nobody has heard of it: in so long there are some
const kills: History.Scale = { ...long, seconds: 600, count: 600, troubles: ["Kill"], longest: 5 }
// of the pauses, few begin in the middle of a write
const pauses: History.Scale = {
  ...long,
  seconds: 600,
  count: 600,
  troubles: ["Pause"],
  shortest: 15,
  longest: 30,
  replicas: [2]
}

const broken: ReadonlyArray<readonly [Mutant, History.Scale]> = [
  ["acknowledges before it is confirmed", kills],
  ["forgets the id", kills],
  ["saves the position early", kills],
  ["has no fence", pauses]
]

describe("the simulation notices a connector that", () => {
  for (const [mutant, scale] of broken) {
    it(`${mutant}, in at least half of the runs`, { timeout: 120_000 }, () =>
      Effect.runPromise(Effect.gen(function*() {
        const reports = yield* Effect.forEach(seeds(1, 4), (seed) => Simulation.run({ seed, scale, mutant }))

        const noticed = reports.filter(({ violations }) => violations.length > 0).length
        assert.isAtLeast(noticed, 2, reports.map(Simulation.text).join("\n"))
      })))
  }
})
