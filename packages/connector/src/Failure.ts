/**
 * What the supervisor does about each error of a connector, as data: it can be printed, compared and documented.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"

/**
 * The response codes an author may give to an error, by the contract's names.
 *
 * @category models
 * @since 0.1.0
 */
export type Code =
  | "INVALID_ARGUMENT"
  | "NOT_FOUND"
  | "PERMISSION_DENIED"
  | "UNAUTHENTICATED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "UNAVAILABLE"
  | "DEADLINE_EXCEEDED"
  | "DATA_LOSS"
  | "INTERNAL"

/**
 * How loud the alert of an error is.
 *
 * @category models
 * @since 0.1.0
 */
export type Severity = "INFO" | "WARNING" | "CRITICAL"

/**
 * How long to wait between tries.
 *
 * **Details**
 *
 * The wait starts at `base` (default 250 milliseconds), doubles with each try up to `cap` (default 30 seconds), and is
 * spread by a jitter of 20 % either way. It starts over after a minute without an error. When `maxElapsed` (default:
 * no limit) has passed since the first error of a row, the stream is halted.
 *
 * @category models
 * @since 0.1.0
 */
export interface Backoff {
  readonly base?: Duration.Input
  readonly cap?: Duration.Input
  readonly maxElapsed?: Duration.Input
}

/**
 * What others are told of an error.
 *
 * @category models
 * @since 0.1.0
 */
export interface Told {
  /** The response code that a caller of SetPayload gets. */
  readonly code: Code
  /** The severity of the stream's alert. */
  readonly severity: Severity
}

/**
 * One row of a connector's failures table: what to do, which code the caller gets, how loud the alert is.
 *
 * @category models
 * @since 0.1.0
 */
export type Failure =
  | (Told & { readonly action: "retry"; readonly backoff: Backoff })
  | (Told & { readonly action: "deadLetter" })
  | (Told & { readonly action: "halt" })

/**
 * Try again: what was open is closed and opened again; items that a sink named are delivered again by the same sink,
 * those behind them waiting.
 *
 * @category constructors
 * @since 0.1.0
 */
export const retry = (told: Told & { readonly backoff?: Backoff }): Failure => ({
  action: "retry",
  code: told.code,
  severity: told.severity,
  backoff: told.backoff ?? {}
})

/**
 * Give up the item and go on with the next.
 *
 * **Details**
 *
 * There is no dead-letter channel yet: the item is counted, a CRITICAL alert is raised, and the item is **dropped**.
 * For an error that is not about an item (an opening that fails, a source that ends with an error) it means `halt`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const deadLetter = (told: Told): Failure => ({ action: "deadLetter", ...told })

/**
 * Stop the stream until a SetPayload names it again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const halt = (told: Told): Failure => ({ action: "halt", ...told })
