/** Sides that are measured in turns, and the lines of the table that come of it. */
import { Effect } from "effect"
import type { BenchFailed } from "./BenchFailed.ts"
import type { Goal } from "./Goal.ts"
import * as Plan from "./Plan.ts"
import type { Line, Point } from "./Row.ts"
import * as Statistics from "./Statistics.ts"

/** One of those that are compared. */
export interface Side<out S> {
  readonly name: string
  /** Works for about so long, and says what came of it. */
  readonly round: (millis: number) => Effect.Effect<S, BenchFailed>
}

/** The samples of each side, by its name and in the order of the rounds. */
export type Samples<S> = ReadonlyMap<string, ReadonlyArray<S>>

/**
 * Measures the sides in turns, A B C A B C, after a warm-up of each; those that are absent are left out.
 */
export const interleave = Effect.fnUntraced(function*<S>(
  sides: ReadonlyArray<Side<S> | undefined>,
  options: Partial<Plan.Plan> = {}
): Effect.fn.Return<Samples<S>, BenchFailed> {
  const plan = yield* Plan.current
  // a row may want longer or more rounds, never in a quick run
  const { roundMillis, rounds, warmUpMillis } = plan.quick ? plan : { ...plan, ...options }
  const present = sides.filter((side) => side !== undefined)
  for (const side of present) yield* side.round(warmUpMillis)
  const samples = new Map<string, Array<S>>(present.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const { name, round } of present) samples.get(name)!.push(yield* round(roundMillis))
  }
  return samples
})

/** A figure of one side over that of another, round by round; undefined when one of them is absent. */
export const ratio = <S>(
  samples: Samples<S>,
  figure: (sample: S) => number,
  ours: string,
  theirs: string
): Statistics.Summary | undefined => {
  const [a, b] = [samples.get(ours), samples.get(theirs)]
  return a === undefined || b === undefined
    ? undefined
    : Statistics.summary(Statistics.ratios(a.map(figure), b.map(figure)))
}

/** A figure of each side, for the note of a line: "ours 2.31M/s, Go SDK 1.24M/s (0.54x)". */
export const note = <S>(
  samples: Samples<S>,
  figure: (sample: S) => number,
  format: (value: number) => string,
  base: string
): string =>
  Array.from(samples, ([name, all]) => {
    const over = name === base ? undefined : ratio(samples, figure, name, base)
    const value = format(Statistics.median(all.map(figure)))
    return `${name} ${value}${over === undefined ? "" : ` (${over.median.toFixed(2)}x)`}`
  }).join(", ")

export interface LineOptions<S> {
  readonly what: string
  readonly goal: Goal
  /** The figure that is compared. */
  readonly figure: (sample: S) => number
  /** Name of the side that has to reach the goal. Default: "ours". */
  readonly ours?: string
  /** Name of the side that it is compared with. */
  readonly against: string
  /** Name of the second process, or pair, of that side: compared with the first. */
  readonly control: string
  /** How the figure reads in the note. */
  readonly format: (value: number) => string
  /** What went wrong in a sample of the side that has to reach the goal. Default: nothing can. */
  readonly fault?: (samples: ReadonlyArray<S>) => string | undefined
  /** More for the note; undefined says nothing. */
  readonly notes?: ReadonlyArray<string | undefined>
}

/** The line for two of the sides. */
export const line = <S>(samples: Samples<S>, options: LineOptions<S>): Line => {
  const { against, control, figure, format, goal, ours = "ours", what } = options
  const figures = note(samples, figure, format, against)
  const absent = samples.has(against) ? undefined : `peer absent: ${against}`
  return {
    what,
    goal,
    figure: ratio(samples, figure, ours, against),
    control: ratio(samples, figure, control, against),
    fault: options.fault?.(samples.get(ours) ?? []),
    note: [figures, absent, ...(options.notes ?? [])].filter((text) => text !== undefined && text !== "").join("; ")
  }
}

/** A point of a plot, its median, for each side that is named, under the name that it is given. */
export const points = <S>(
  samples: Samples<S>,
  plot: Point["plot"],
  x: number,
  figure: (sample: S) => number,
  series: Readonly<Record<string, string>>
): ReadonlyArray<Point> =>
  Object.entries(series).flatMap(([name, label]) => {
    const all = samples.get(name)
    return all === undefined ? [] : [{ plot, series: label, x, y: Statistics.median(all.map(figure)) }]
  })
