/**
 * What a run showed, as a document to keep and hand on.
 *
 * @since 0.1.0
 */
import type { Level } from "./Case.ts"
import type { Result } from "./Result.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Report {
  /** Where the connector is. */
  readonly place: string
  /** Id of the connector instance. */
  readonly connectorId: string
  /** The description that it was tested with. */
  readonly description: string
  readonly seed: number
  /** When the run began, in milliseconds since the Unix epoch. */
  readonly startedMillis: number
  readonly millis: number
  readonly results: ReadonlyArray<Result>
  /** The command line that runs one case again with the same random choices. */
  readonly again: (id: string) => string
}

/**
 * How many cases came out how.
 *
 * @category models
 * @since 0.1.0
 */
export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/**
 * @category getters
 * @since 0.1.0
 */
export const counts = (results: ReadonlyArray<Result>): Counts => {
  const of = (tag: Result["verdict"]["_tag"]) => results.filter(({ verdict }) => verdict._tag === tag).length
  return { passed: of("Passed"), failed: of("Failed"), skipped: of("Skipped") }
}

/**
 * Whether no case of a level failed; those of the core belong to both.
 *
 * @category getters
 * @since 0.1.0
 */
export const keeps = (results: ReadonlyArray<Result>, level: Level): boolean =>
  results.every(({ level: own, verdict }) => verdict._tag !== "Failed" || (level === "core" && own !== "core"))

/**
 * The groups, by the letter that ids begin with.
 *
 * @category constants
 * @since 0.1.0
 */
export const groups: ReadonlyArray<{ readonly letter: string; readonly title: string }> = [
  { letter: "C", title: "Contract" },
  { letter: "E", title: "Events" },
  { letter: "I", title: "Ingress" },
  { letter: "G", title: "Egress" },
  { letter: "O", title: "Operations and security" },
  { letter: "M", title: "Random sequences" }
]

/**
 * What came, in one line.
 *
 * @category rendering
 * @since 0.1.0
 */
export const came = ({ verdict }: Result): string =>
  verdict._tag === "Skipped"
    ? `not looked at: ${verdict.reason}`
    : verdict._tag === "Passed"
    ? verdict.got
    : `expected ${verdict.expected}, got ${verdict.got}`

/**
 * The verdict on the whole, in one line.
 *
 * @category rendering
 * @since 0.1.0
 */
export const conclusion = (results: ReadonlyArray<Result>): string => {
  const { failed, passed, skipped } = counts(results)
  const broken = results.filter(({ verdict }) => verdict._tag === "Failed")
  const ids = (level: Level) => broken.filter((result) => result.level === level).map(({ id }) => id).join(", ")
  const verdict = failed === 0
    ? "no rule is broken"
    : ids("core") !== ""
    ? `the core is broken: ${ids("core")}${ids("full") === "" ? "" : `; beyond it: ${ids("full")}`}`
    : `the core holds; beyond it is broken: ${ids("full")}`
  return `${passed} passed, ${failed} failed, ${skipped} skipped: ${verdict}`
}
