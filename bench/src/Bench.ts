/** The `bench` command. */
import { Console, Effect } from "effect"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GoPeer from "./engine/GoPeer.ts"
import * as Plan from "./engine/Plan.ts"
import * as Report from "./engine/Report.ts"
import * as Run from "./engine/Run.ts"
import { rows } from "./rows/index.ts"

const flags = {
  row: Flag.Literals("row", rows.map(({ name }) => name)).pipe(
    Flag.withDescription("Run this row alone; may be given more than once"),
    Flag.atLeast(0)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print a JSON array of {row, what, goal, ratio, met, spread, control, note}"),
    Flag.withDefault(false)
  ),
  quick: Flag.Boolean("quick").pipe(
    Flag.withDescription("Only see that every benchmark runs and delivers: speed is not judged"),
    Flag.withDefault(false)
  )
}

const exit = (code: number) =>
  Effect.sync(() => {
    process.exitCode = code
  })

export const command = Command.make(
  "bench",
  flags,
  Effect.fn("bench")(function*({ json, quick, row }) {
    const chosen = row.length === 0 ? rows : rows.filter(({ name }) => row.includes(name))
    const { complete, entries } = yield* Run.rows(chosen).pipe(
      Effect.provideService(Plan.current, quick ? Plan.quick : Plan.full),
      Effect.provide(GoPeer.layer)
    )
    yield* Console.log(json ? Report.json(entries) : Report.table(entries))
    if (!complete) yield* exit(1)
  })
).pipe(
  Command.withDescription("Measures what we ship beside its peers, in one run, and compares the ratios with the goals")
)

/** Exit codes: 0 everything ran and delivered, whether the goals are met or not; 1 something did not; 2 wrong arguments. */
export const run = command.pipe(
  Command.run({ version: "0.1.0" }),
  // the command has printed its help, and what is wrong
  Effect.catch((error) => exit(error._tag === "ShowHelp" && error.errors.length === 0 ? 0 : 2))
)
