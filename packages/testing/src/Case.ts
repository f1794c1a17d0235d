/**
 * The model of one case: a rule of the contract, and how it is looked at.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Driver } from "./Driver.ts"
import type { Ended } from "./Outcome.ts"
import type { Requirement } from "./Requirement.ts"

/**
 * `core`: owed by every connector. `full`: what the SDK promises beyond.
 *
 * @category models
 * @since 0.1.0
 */
export type Level = "core" | "full"

/**
 * How far the suite has to reach: the contract and the transport alone; the connector's process; into its own process.
 *
 * @category models
 * @since 0.1.0
 */
export type Door = "wire" | "process" | "library"

/**
 * One case.
 *
 * @category models
 * @since 0.1.0
 */
export interface Case {
  /** Stable: a letter for the group, and a number. */
  readonly id: string
  readonly title: string
  /** The rule in one line: what a connector that keeps it does. */
  readonly expected: string
  readonly level: Level
  readonly door: Door
  readonly requires: ReadonlyArray<Requirement>
  /** How long it may take. Default: 20 seconds. */
  readonly timeout?: Duration.Input
  /** Succeeds with what came, in one line. Starts with a connector that has no streams and its first config. */
  readonly run: (driver: Driver) => Effect.Effect<string, Ended, Scope.Scope>
}
