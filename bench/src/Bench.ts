/** The `bench` command. */
import { Clock, Console, Effect, FileSystem, Option } from "effect"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { BenchFailed } from "./engine/BenchFailed.ts"
import * as GoPeer from "./engine/GoPeer.ts"
import * as Machine from "./engine/Machine.ts"
import * as Plan from "./engine/Plan.ts"
import * as Plot from "./engine/Plot.ts"
import * as Profile from "./engine/Profile.ts"
import * as Readme from "./engine/Readme.ts"
import * as Report from "./engine/Report.ts"
import type { Point } from "./engine/Row.ts"
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
  plot: Flag.String("plot").pipe(
    Flag.withMetavar("FOLDER"),
    Flag.withDescription("Draw throughput.svg and memory.svg from this run's figures into a folder"),
    Flag.optional
  ),
  profile: Flag.String("profile").pipe(
    Flag.withMetavar("FOLDER"),
    Flag.withDescription(
      "Profile our processes into a folder, with a summary; the ratios of such a run count for nothing"
    ),
    Flag.optional
  ),
  write: Flag.Boolean("write").pipe(
    Flag.withDescription("Write the table and the plots of this run, which has to be a full one, into bench/"),
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

// from the bundle, dist/main.js
const folder = fileURLToPath(new URL("..", import.meta.url))

const keep = Effect.fnUntraced(function*(entries: ReadonlyArray<Report.Entry>) {
  const files = yield* FileSystem.FileSystem
  const file = join(folder, "README.md")
  const day = new Date(yield* Clock.currentTimeMillis).toISOString().slice(0, 10)
  const section = Readme.section(entries, Machine.describe(), day)
  yield* files.writeFileString(file, yield* Readme.replaced(yield* files.readFileString(file), section))
  yield* Console.error(`written: ${file}`)
})

const draw = Effect.fnUntraced(function*(folder: string, points: ReadonlyArray<Point>) {
  const plots = yield* Plot.all(points)
  const files = yield* FileSystem.FileSystem
  yield* files.makeDirectory(folder, { recursive: true })
  for (const { file, svg } of plots) {
    yield* files.writeFileString(join(folder, file), svg)
    yield* Console.error(`written: ${join(folder, file)}`)
  }
})

const summarise = Effect.fnUntraced(function*(folder: string) {
  const files = yield* FileSystem.FileSystem
  const file = join(folder, "summary.txt")
  yield* files.writeFileString(file, `${yield* Profile.summary(folder)}\n`)
  yield* Console.error(`written: ${file}, beside the profiles`)
})

export const command = Command.make(
  "bench",
  flags,
  Effect.fn("bench")(function*({ json, plot, profile, quick, row, write }) {
    if (write && (quick || row.length > 0 || Option.isSome(profile))) {
      return yield* new BenchFailed({ problem: "--write wants a full run, without --quick, --row and --profile" })
    }
    const chosen = row.length === 0 ? rows : rows.filter(({ name }) => row.includes(name))
    const { complete, entries, points } = yield* Run.rows(chosen).pipe(
      Effect.provideService(Plan.current, quick ? Plan.quick : Plan.full),
      Effect.provideService(Profile.folder, Option.getOrUndefined(profile)),
      Effect.provide(GoPeer.layer)
    )
    yield* Console.log(json ? Report.json(entries) : Report.table(entries))
    if (Option.isSome(profile)) yield* summarise(profile.value)
    if (Option.isSome(plot)) yield* draw(plot.value, points)
    if (write) {
      yield* draw(join(folder, "plots"), points)
      yield* keep(entries)
    }
    if (!complete) yield* exit(1)
  })
).pipe(
  Command.withDescription("Measures what we ship beside its peers, in one run, and compares the ratios with the goals")
)

/** Exit codes: 0 everything ran and delivered, whether the goals are met or not; 1 something did not; 2 wrong arguments. */
export const run = command.pipe(
  Command.run({ version: "0.1.0" }),
  Effect.catch((error) =>
    CliError.isCliError(error)
      // the command has printed its help, and what is wrong
      ? exit(error._tag === "ShowHelp" && error.errors.length === 0 ? 0 : 2)
      : Effect.andThen(Console.error(`bench: ${error.message}`), exit(1))
  )
)
