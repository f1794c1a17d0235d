/**
 * The live view: what there is to see in, lines for a terminal of a given size out.
 */
import * as Cells from "./Cells.ts"
import { latencySeconds, type Rates } from "./History.ts"
import type { Latency } from "./Latency.ts"
import * as Line from "./Line.ts"
import * as Report from "./Report.ts"
import { condense, sparkline } from "./Sparkline.ts"

export interface ProcessView {
  readonly name: string
  readonly up: boolean
  /** Absent while there is no such process. */
  readonly pid: number | undefined
  readonly port: number
}

export interface EventView {
  /** The time of day: "12:03:04". */
  readonly at: string
  readonly text: string
}

export interface Snapshot extends Omit<Report.Snapshot, "brokers" | "latency"> {
  /** What it is doing, in words. */
  readonly doing: string
  readonly startMicros: number
  readonly rates: Rates
  /** In each of the last seconds, the latest last. */
  readonly seconds: { readonly sent: ReadonlyArray<number>; readonly delivered: ReadonlyArray<number> }
  readonly recentLatency: Latency
  readonly wholeLatency: Latency
  readonly processes: ReadonlyArray<ProcessView>
  /** The latest last. */
  readonly events: ReadonlyArray<EventView>
}

export interface Size {
  readonly columns: number
  readonly rows: number
}

/** A part of the view: it can be shown on fewer lines than it would like. */
interface Part {
  readonly heading?: string
  /** How many lines all of it would take. */
  readonly wanted: number
  /** How many it gets before others get more than their least. */
  readonly least: number
  /** Parts with a low rank get their lines first. */
  readonly rank: number
  readonly lines: (count: number) => ReadonlyArray<Line.Line>
}

const { span } = Line

/** "0:01:23" */
const clock = (micros: number): string => {
  const seconds = Math.max(0, Math.floor(micros / 1e6))
  const two = (n: number) => `${n % 60}`.padStart(2, "0")
  return `${Math.floor(seconds / 3_600)}:${two(Math.floor(seconds / 60))}:${two(seconds)}`
}

/** "7 s", "2 min 5 s", "3 h 4 min" */
export const age = (micros: number): string => {
  const seconds = Math.max(0, Math.floor(micros / 1e6))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`
}

const rate = (perSecond: number): string => `${perSecond < 10 ? perSecond.toFixed(1) : perSecond.toFixed(0)}/s`

/** A part that shows its first lines where there is no room for all. */
const fixed = (rank: number, lines: ReadonlyArray<Line.Line>, heading?: string): Part => ({
  ...(heading === undefined ? {} : { heading }),
  wanted: lines.length,
  least: lines.length,
  rank,
  lines: (count) => lines.slice(0, count)
})

const title = ({ atMicros, doing, startMicros }: Snapshot, columns: number): Line.Line => {
  const right = clock(atMicros - startMicros)
  const left = Line.fit([span("KPS demo  ", "strong"), span(doing, "dim")], columns - right.length - 2)
  return [...left, span(" ".repeat(Math.max(0, columns - Line.width(left) - right.length))), span(right, "strong")]
}

const totals = ({ counts }: Snapshot, columns: number): ReadonlyArray<Line.Line> => {
  const wrong = (count: number, what: string) => span(`${count} ${what}`, count === 0 ? "plain" : "bad")
  return Line.flow([
    span(`${counts.sent} sent`),
    span(`${counts.delivered} delivered`),
    span(`${counts.inFlight} in flight`),
    wrong(counts.lost, "lost"),
    wrong(counts.duplicated, "duplicated")
  ], columns)
}

const latencies = ({ recentLatency, wholeLatency }: Snapshot, columns: number): ReadonlyArray<Line.Line> => {
  const flow = (name: string, latency: Latency) =>
    Line.flow([
      span(name, "dim"),
      ...([["p50", 0.5], ["p99", 0.99], ["max", 1]] as const).map(([name, share]) =>
        span(`${name} ${Cells.pad(Report.millis(latency.percentile(share)), 7)}`)
      )
    ], columns)
  return [...flow(`latency, last ${latencySeconds} s`, recentLatency), ...flow("since the start   ", wholeLatency)]
}

const rates = ({ rates, seconds }: Snapshot, columns: number): Part => {
  const head = (name: string, perSecond: number) => `${name.padEnd(3)} ${rate(perSecond).padStart(9)} `
  const room = columns - head("in", rates.sent).length
  const sent = condense(seconds.sent, room)
  const delivered = condense(seconds.delivered, room)
  // one scale for both, so that they can be compared
  const top = Math.max(0, ...sent, ...delivered)
  const lines = [
    [span(head("in", rates.sent), "strong"), span(sparkline(sent, top), "good")],
    [span(head("out", rates.delivered), "strong"), span(sparkline(delivered, top), "good")]
  ]
  return fixed(3, lines, `rates, last ${seconds.sent.length} s${top === 0 ? "" : `, full bar ${rate(top)}`}`)
}

/** The columns of all rows are as wide as the widest of each. */
const table = (rows: ReadonlyArray<ReadonlyArray<Line.Span>>): ReadonlyArray<Line.Line> => {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => Cells.width(row[i]!.text))))
  return rows.map((row) => row.map(({ text, tone }, i) => ({ text: `${Cells.pad(text, widths[i]!)}  `, tone })))
}

const processes = ({ processes }: Snapshot): ReadonlyArray<Line.Line> =>
  table(processes.map(({ name, pid, port, up }) => [
    span(name),
    span(up ? "up" : "down", up ? "good" : "bad"),
    span(pid === undefined ? "no process" : `pid ${pid}`),
    span(`port ${port}`)
  ]))

const stateOf = ({ running }: Report.StreamView): Line.Span =>
  running === undefined ? span("unknown", "warn") : running ? span("running", "good") : span("not running", "bad")

const streams = ({ streams }: Snapshot): ReadonlyArray<Line.Line> =>
  table(streams.map((stream) => [span(stream.id), stateOf(stream), span(stream.status ?? "")]))

/** What it is and since when, and on a second line what it says. */
const alertLines = (alert: Report.AlertView, atMicros: number): ReadonlyArray<Line.Line> => [
  [
    span(`${alert.severity} `, alert.severity === "CRITICAL" ? "bad" : "warn"),
    span(`${Report.alertText(alert)} `, "strong"),
    span(`for ${age(atMicros - alert.sinceMicros)}`)
  ],
  [span(`  ${alert.message}`)]
]

const alerts = ({ alerts, atMicros }: Snapshot): Part => {
  if (alerts.length === 0) return fixed(2, [[span("no alerts", "dim")]], "alerts")
  const all = (): Line.Line => [span(`${alerts.length} alerts: ${alerts.map(Report.alertText).join(", ")}`, "bad")]
  return {
    heading: "alerts",
    wanted: alerts.length * 2,
    least: 1,
    rank: 2,
    lines: (count) => {
      const isCut = alerts.length > 1 && count > 0 && count < alerts.length * 2
      const room = isCut ? count - 1 : count
      const lines = alerts.slice(0, room).flatMap((alert) => alertLines(alert, atMicros)).slice(0, room)
      return isCut ? [all(), ...lines] : lines
    }
  }
}

const events = ({ events }: Snapshot): Part => ({
  heading: "latest events",
  wanted: events.length,
  least: Math.min(3, events.length),
  rank: 7,
  lines: (count) => events.slice(events.length - count).map(({ at, text }) => [span(`${at} `, "dim"), span(text)])
})

/** How many lines each part gets, and whether there is room for headings. */
const share = (parts: ReadonlyArray<Part>, rows: number) => {
  const counts = new Map<Part, number>(parts.map((part) => [part, 0]))
  const ranked = parts.toSorted((a, b) => a.rank - b.rank)
  let left = rows
  const give = (part: Part, upTo: number) => {
    const more = Math.min(left, upTo - counts.get(part)!)
    counts.set(part, counts.get(part)! + more)
    left -= more
  }
  for (const part of ranked) give(part, part.least)
  const headings = parts.filter(({ heading }) => heading !== undefined).length
  const hasHeadings = left >= headings
  if (hasHeadings) left -= headings
  for (const part of ranked) give(part, part.wanted)
  return { counts, hasHeadings }
}

const rule = (heading: string, columns: number): Line.Line => {
  const start = `─ ${heading} `
  return [span(start + "─".repeat(Math.max(0, columns - Cells.width(start))), "dim")]
}

/**
 * The view in a terminal of this size: no more lines than it has rows, none wider than its columns.
 *
 * **Details**
 *
 * Where there is no room for all, headings and earlier events go first, then the latest events, processes, latencies,
 * streams and the title; totals, alerts and rates go last.
 */
export const render = (snapshot: Snapshot, { columns, rows }: Size): ReadonlyArray<Line.Line> => {
  const parts: ReadonlyArray<Part> = [
    fixed(4, [title(snapshot, columns)]),
    fixed(1, totals(snapshot, columns)),
    fixed(6, latencies(snapshot, columns)),
    rates(snapshot, columns),
    fixed(6, processes(snapshot), "processes"),
    fixed(5, streams(snapshot), "streams"),
    alerts(snapshot),
    events(snapshot)
  ]
  const { counts, hasHeadings } = share(parts, rows)
  return parts.flatMap((part) => {
    const hasHeading = hasHeadings && part.heading !== undefined
    const heading = hasHeading ? [rule(part.heading, columns)] : []
    return heading.concat(part.lines(counts.get(part)!))
  }).map((line) => Line.fit(line, columns))
}
