/**
 * What became of one case.
 *
 * @since 0.1.0
 */
import type { Door, Level } from "./Case.ts"
import type { Step } from "./Wire.ts"

/**
 * @category models
 * @since 0.1.0
 */
export type Verdict =
  /** The rule holds: what came. */
  | { readonly _tag: "Passed"; readonly got: string }
  /** The rule is broken: what was expected where it was, what came, and the calls until then. */
  | { readonly _tag: "Failed"; readonly expected: string; readonly got: string; readonly steps: ReadonlyArray<Step> }
  | { readonly _tag: "Skipped"; readonly reason: string }

/**
 * @category models
 * @since 0.1.0
 */
export interface Result {
  readonly id: string
  readonly title: string
  /** The rule in one line. */
  readonly expected: string
  readonly level: Level
  readonly door: Door
  readonly verdict: Verdict
  readonly millis: number
}
