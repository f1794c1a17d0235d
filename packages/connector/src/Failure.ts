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
  | (Told & { readonly action: "retry"; readonly backoff: Backoff; readonly horizon?: Duration.Input })
  | (Told & { readonly action: "deadLetter" })
  | (Told & { readonly action: "drop" })
  | (Told & { readonly action: "halt" })

/**
 * Try again: what was open is closed and opened again; items that a sink named are delivered again by the same sink,
 * those behind them waiting, unless the operator chose that they pass.
 *
 * **Details**
 *
 * `horizon` is how long an item that cannot be delivered is tried, from its first failure on; then it goes to the
 * dead-letter channel. Default: that of the stream, 60 seconds unless the operator says otherwise; with the codes
 * UNAVAILABLE and UNAUTHENTICATED for ever, since those speak of the outside and not of an item. `Duration.infinity` is
 * for ever. It is not about what is no item, such as an opening that fails.
 *
 * @category constructors
 * @since 0.1.0
 */
export const retry = (
  told: Told & { readonly backoff?: Backoff; readonly horizon?: Duration.Input }
): Failure => ({
  action: "retry",
  code: told.code,
  severity: told.severity,
  backoff: told.backoff ?? {},
  ...(told.horizon === undefined ? {} : { horizon: told.horizon })
})

/**
 * Trying again is of no use: the item goes to the dead-letter channel at once, and the stream goes on with the next.
 *
 * **Details**
 *
 * It is kept with its bytes, the error, its tries and its channel; it is counted and a CRITICAL alert is raised. For an
 * error that is not about an item (an opening that fails, a source that ends with an error) it means `halt`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const deadLetter = (told: Told): Failure => ({ action: "deadLetter", ...told })

/**
 * Give up the item for good and go on with the next: it is counted, a CRITICAL alert is raised, and nothing is kept.
 *
 * **Details**
 *
 * For items of which a later one makes up, such as readings of a sensor. For an error that is not about an item it means
 * `halt`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const drop = (told: Told): Failure => ({ action: "drop", ...told })

/**
 * Stop the stream until a SetPayload names it again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const halt = (told: Told): Failure => ({ action: "halt", ...told })
