/**
 * A line of the live view: spans of text, each with its tone.
 */
import * as Cells from "./Cells.ts"

export type Tone = "plain" | "strong" | "dim" | "good" | "warn" | "bad"

export interface Span {
  readonly text: string
  readonly tone: Tone
}

export type Line = ReadonlyArray<Span>

/** A span of text that may come from anywhere: it is made harmless here. */
export const span = (text: string, tone: Tone = "plain"): Span => ({ text: Cells.harmless(text), tone })

export const text = (line: Line): string => line.map((span) => span.text).join("")

export const width = (line: Line): number => line.reduce((cells, span) => cells + Cells.width(span.text), 0)

/** The line, or as much of it as fits in so many cells. */
export const fit = (line: Line, cells: number): Line => {
  if (width(line) <= cells) return line
  const kept: Array<Span> = []
  // a cell is left for the ellipsis that says that there was more
  let left = cells
  for (const span of line) {
    const own = Cells.width(span.text)
    if (own < left) {
      kept.push(span)
      left -= own
      continue
    }
    kept.push({ ...span, text: Cells.fit(`${span.text}  `, left) })
    break
  }
  return kept
}

/** The spans in order, two spaces between them, on as many lines as they need; those after the first are indented. */
export const flow = (spans: ReadonlyArray<Span>, cells: number): ReadonlyArray<Line> => {
  const lines: Array<Array<Span>> = []
  let used = 0
  for (const span of spans) {
    const own = Cells.width(span.text)
    const line = lines.at(-1)
    if (line === undefined || used + 2 + own > cells) {
      lines.push(line === undefined ? [span] : [{ text: "  ", tone: "plain" }, span])
      used = line === undefined ? own : own + 2
    } else {
      line.push({ text: "  ", tone: "plain" }, span)
      used += 2 + own
    }
  }
  return lines
}

const codes: Readonly<Record<Tone, string>> = { plain: "", strong: "1", dim: "2", good: "32", warn: "33", bad: "1;31" }

/** The line as a terminal takes it; without style it is the text alone. */
export const paint = (line: Line, styled: boolean): string =>
  styled
    ? line.map(({ text, tone }) => tone === "plain" || text === "" ? text : `\x1b[${codes[tone]}m${text}\x1b[0m`).join(
      ""
    )
    : text(line)
