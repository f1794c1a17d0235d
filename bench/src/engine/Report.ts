/** What a run found, as the table and as JSON. */
import { Schema } from "effect"
import * as Goal from "./Goal.ts"
import type { Line } from "./Row.ts"
import type { Summary } from "./Statistics.ts"

/** One line as `--json` prints it. */
export const Entry = Schema.Struct({
  row: Schema.String,
  what: Schema.String,
  /** ">= 1.7x" */
  goal: Schema.String,
  /** The median over the rounds; null when a peer is absent, or it was not run to its end. */
  ratio: Schema.NullOr(Schema.Finite),
  /** Null when there is no ratio, and in a quick run, which judges nothing. */
  met: Schema.NullOr(Schema.Boolean),
  /** Quartiles of the ratio over the rounds. */
  spread: Schema.NullOr(Schema.Tuple([Schema.Finite, Schema.Finite])),
  /** The peer against itself: median and quartiles. */
  control: Schema.NullOr(
    Schema.Struct({ ratio: Schema.Finite, spread: Schema.Tuple([Schema.Finite, Schema.Finite]) })
  ),
  /** The figures behind the ratio, absent peers, losses. */
  note: Schema.String
})
export type Entry = typeof Entry.Type

const round = (value: number) => Math.round(value * 1000) / 1000

const spread = ({ high, low }: Summary) => [round(low), round(high)] as const

export const entry = (row: string, line: Line, quick: boolean): Entry => {
  const { control, fault, figure, goal, note, what } = line
  return {
    row,
    what,
    goal: Goal.text(goal),
    ratio: figure === undefined ? null : round(figure.median),
    met: figure === undefined || quick ? null : fault === undefined && Goal.isMet(goal, figure.median),
    // of a single run there is none
    spread: figure === undefined || figure.low === figure.high ? null : spread(figure),
    control: control === undefined ? null : { ratio: round(control.median), spread: spread(control) },
    note: fault === undefined ? note : `FAULT ${fault}; ${note}`
  }
}

const failed = "FAILED"

/** The entry of a case that was not run to its end. */
export const failure = (row: string, name: string, problem: string): Entry => ({
  row,
  what: name,
  goal: "to be run",
  ratio: null,
  met: null,
  spread: null,
  control: null,
  note: `${failed} ${problem}`
})

export const json = (entries: ReadonlyArray<Entry>): string => JSON.stringify(entries, undefined, 2)

const digits = (value: number) => value >= 100 ? value.toFixed(0) : value.toFixed(2)

const range = (low: number, high: number) => `${digits(low)}..${digits(high)}`

const verdict = ({ met, note, ratio }: Entry) => {
  if (met !== null) return met ? "met" : "NOT MET"
  if (ratio !== null) return "ran"
  return note.startsWith(failed) ? failed : "peer absent"
}

const cells = (entry: Entry): ReadonlyArray<string> => [
  entry.row,
  entry.what,
  entry.goal,
  entry.ratio === null ? "-" : digits(entry.ratio),
  verdict(entry),
  entry.spread === null ? "-" : range(entry.spread[0], entry.spread[1]),
  entry.control === null
    ? "-"
    : `${digits(entry.control.ratio)} (${range(entry.control.spread[0], entry.control.spread[1])})`
]

const headers = ["row", "what", "goal", "ratio", "verdict", "spread", "control"]

const aligned = (entries: ReadonlyArray<Entry>) => {
  const all = [headers, ...entries.map(cells)]
  const widths = headers.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  return { widths, rows: all.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!))) }
}

/** The notes, one for the lines of a row that share it. */
const notes = (entries: ReadonlyArray<Entry>): ReadonlyArray<string> =>
  entries
    .filter(({ note, row }, i) => note !== "" && !(entries[i - 1]?.note === note && entries[i - 1]?.row === row))
    .map(({ note, row, what }) => `${row} ${what}: ${note}`)

/** For a terminal: one line per entry, then the notes. */
export const table = (entries: ReadonlyArray<Entry>): string =>
  [...aligned(entries).rows.map((row) => row.join("  ").trimEnd()), "", ...notes(entries)].join("\n")

/** The same for a page. */
export const markdown = (entries: ReadonlyArray<Entry>): string => {
  const { rows, widths } = aligned(entries)
  const [head = [], ...others] = rows.map((row) => `| ${row.join(" | ")} |`)
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`
  return [head, rule, ...others, "", ...notes(entries).map((note) => `- ${note}`)].join("\n")
}
