/** Runs rows, one case after the other. */
import { Console, Effect } from "effect"
import type { GoPeer } from "./GoPeer.ts"
import * as Plan from "./Plan.ts"
import * as Report from "./Report.ts"
import type { Point, Row } from "./Row.ts"

export interface Results {
  readonly entries: ReadonlyArray<Report.Entry>
  readonly points: ReadonlyArray<Point>
  /** Whether every case ran to its end and delivered. */
  readonly complete: boolean
}

/** A case that fails, or loses what ours should have delivered, does not keep the others from running. */
export const rows = Effect.fnUntraced(function*(
  chosen: ReadonlyArray<Row>
): Effect.fn.Return<Results, never, GoPeer> {
  const { quick } = yield* Plan.current
  const entries: Array<Report.Entry> = []
  const points: Array<Point> = []
  let complete = true
  for (const row of chosen) {
    for (const one of row.cases) {
      if (quick && one.inQuick === false) continue
      const started = process.hrtime.bigint()
      const outcome = yield* Effect.result(Effect.scoped(one.run))
      const seconds = (Number(process.hrtime.bigint() - started) / 1e9).toFixed(1)
      if (outcome._tag === "Failure") {
        complete = false
        entries.push(Report.failure(row.name, one.name, outcome.failure.message))
        yield* Console.error(`${row.name} ${one.name}: FAILED after ${seconds} s: ${outcome.failure.message}`)
        continue
      }
      const { lines, points: more = [] } = outcome.success
      points.push(...more)
      entries.push(...lines.map((line) => Report.entry(row.name, line, quick)))
      if (lines.some(({ fault }) => fault !== undefined)) complete = false
      yield* Console.error(`${row.name} ${one.name}: ${seconds} s`)
    }
  }
  return { entries, points, complete }
})
