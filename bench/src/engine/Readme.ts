/** The last full table, between two marks in the README. */
import { Effect } from "effect"
import { BenchFailed } from "./BenchFailed.ts"
import * as Report from "./Report.ts"

const begin = "<!-- written by npm run bench -- --write -->"
const end = "<!-- end of what is written -->"

/** What stands between the marks. */
export const section = (entries: ReadonlyArray<Report.Entry>, machine: ReadonlyArray<string>, day: string): string =>
  [`${day}. ${machine.join(". ")}.`, "", Report.markdown(entries)].join("\n")

/** The text with the section in place of the one that was there. */
export const replaced = (text: string, section: string): Effect.Effect<string, BenchFailed> => {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  return from < 0 || to < from
    ? Effect.fail(new BenchFailed({ problem: `the README has no "${begin}" with "${end}" after it` }))
    : Effect.succeed(`${text.slice(0, from + begin.length)}\n\n${section}\n\n${text.slice(to)}`)
}
