/** What came of a task, as it is kept and summed up. */
import { Schema } from "effect"

export const Outcome = Schema.Struct({
  id: Schema.String,
  promise: Schema.String,
  runs: Schema.Int,
  /** Kills, stops and outages. */
  faults: Schema.Int,
  /** What was unacknowledged at those moments, added up. */
  unacknowledged: Schema.Int,
  lost: Schema.Int,
  duplicated: Schema.Int,
  /** One for each run that broke its promise, with how to repeat it. */
  violations: Schema.Array(Schema.String)
})
export type Outcome = typeof Outcome.Type

/** Adds up the outcomes of each promise, in the order of the promises. */
export const sums = (outcomes: ReadonlyArray<Outcome>): ReadonlyArray<Outcome> => {
  const found = new Map<string, Outcome>()
  for (const one of outcomes) {
    const before = found.get(one.promise)
    found.set(
      one.promise,
      before === undefined ? one : {
        ...before,
        runs: before.runs + one.runs,
        faults: before.faults + one.faults,
        unacknowledged: before.unacknowledged + one.unacknowledged,
        lost: before.lost + one.lost,
        duplicated: before.duplicated + one.duplicated,
        violations: [...before.violations, ...one.violations]
      }
    )
  }
  return Array.from(found.values())
}

/** One line for a promise. */
export const text = ({ duplicated, faults, lost, promise, runs, unacknowledged, violations }: Outcome): string =>
  `${violations.length === 0 ? "kept  " : "BROKEN"}  ${promise}: ${runs} runs, ${lost} lost${
    promise.includes("at-least-once") ? "" : `, ${duplicated} duplicated`
  }; ${unacknowledged} unacknowledged at ${faults} faults`
