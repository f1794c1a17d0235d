/**
 * How long a stream waits before it is tried again.
 *
 * @since 0.1.0
 */
import type { Failure } from "@kps/connector"
import * as Duration from "effect/Duration"

/** How long a stream has to do well until its next error is counted as the first of a new row. */
const healthyMillis = 60_000

/** Also where an author asks for less: a stream that fails at once must not take the processor. */
const leastMillis = 10

/** 20 % either way. */
const jitter = 0.2

/**
 * The errors of one stream that came one after another, and what to do about the last of them.
 *
 * **Details**
 *
 * The wait is `base` (default 250 milliseconds), doubled with each further error of the row up to `cap` (default 30
 * seconds), spread by 20 % either way, never under 10 milliseconds. A row ends when the stream did well for a minute.
 * Instants are milliseconds since the Unix epoch.
 *
 * @category models
 * @since 0.1.0
 */
export class Backoff {
  private errors = 0
  private firstErrorAt = 0
  private healthySince: number | undefined

  /** How many errors the row has. */
  get attempts(): number {
    return this.errors
  }

  /** When the first error of the row happened. */
  get since(): number {
    return this.firstErrorAt
  }

  /** The stream does well from now on, if it did not already. */
  healthy(now: number): void {
    this.healthySince ??= now
  }

  /** The stream failed. */
  failed(now: number): void {
    if (this.healthySince !== undefined && now - this.healthySince >= healthyMillis) this.errors = 0
    this.healthySince = undefined
    if (this.errors === 0) this.firstErrorAt = now
    this.errors++
  }

  /**
   * How long to wait after the last error; nothing when the row has gone on for `maxElapsed`. The last try is made when
   * `maxElapsed` is up. `random` is from 0 (included) to 1.
   */
  delayMillis(policy: Failure.Backoff, now: number, random: number): number | undefined {
    return delayMillis(policy, this.errors, now - this.firstErrorAt, random)
  }
}

/**
 * How long to wait after so many errors of a row, the first of them `elapsed` milliseconds ago: see `Backoff`.
 *
 * @category getters
 * @since 0.1.0
 */
export const delayMillis = (
  policy: Failure.Backoff,
  errors: number,
  elapsed: number,
  random: number
): number | undefined => {
  const base = Duration.toMillis(policy.base ?? "250 millis")
  const cap = Duration.toMillis(policy.cap ?? "30 seconds")
  const left = policy.maxElapsed === undefined
    ? Number.POSITIVE_INFINITY
    : Duration.toMillis(policy.maxElapsed) - elapsed
  if (left <= 0) return undefined
  const steady = Math.min(cap, base * 2 ** Math.min(errors - 1, 30))
  return Math.min(left, Math.max(leastMillis, steady * (1 + jitter * (2 * random - 1))))
}
