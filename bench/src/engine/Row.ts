/** A row of the table: one question, asked in one or more cases. */
import type { Effect, Scope } from "effect"
import type { BenchFailed } from "./BenchFailed.ts"
import type * as Goal from "./Goal.ts"
import type { GoPeer } from "./GoPeer.ts"
import type { Summary } from "./Statistics.ts"

/** One line of the table. */
export interface Line {
  /** What is compared with what, and for which size or load. */
  readonly what: string
  readonly goal: Goal.Goal
  /** The figure that the goal is about, over the rounds; undefined when a peer that it needs is absent. */
  readonly figure: Summary | undefined
  /** The same figure of a peer against itself: how much of `figure` may be noise. Undefined where there is no pair. */
  readonly control: Summary | undefined
  /** What went wrong although there is a figure, such as lost payloads: the goal is not met then. */
  readonly fault?: string | undefined
  /** Figures behind the ratio, absent peers, what a reader has to know. */
  readonly note: string
}

/** A point of one of the plots. */
export interface Point {
  readonly plot: "throughput" | "memory"
  /** Whose it is. */
  readonly series: string
  readonly x: number
  readonly y: number
}

export interface Outcome {
  readonly lines: ReadonlyArray<Line>
  readonly points?: ReadonlyArray<Point>
}

/** What is measured together, in interleaved rounds. */
export interface Case {
  /** For the progress report: "16 B". */
  readonly name: string
  /** Whether a quick run has it; the others of the row run the same code. Default: true. */
  readonly inQuick?: boolean
  /** Its processes end with its scope. */
  readonly run: Effect.Effect<Outcome, BenchFailed, GoPeer | Scope.Scope>
}

export interface Row {
  /** "P1" */
  readonly name: string
  /** The question in a sentence. */
  readonly what: string
  readonly cases: ReadonlyArray<Case>
}
