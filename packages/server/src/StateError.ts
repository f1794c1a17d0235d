/**
 * Failures of the shared state, each one wrapped in a single `StateError`.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { cut } from "./internal/text.ts"

const because = (cause: unknown): string =>
  cause instanceof Error && cause.message !== "" ? `: ${cut(cause.message)}` : ""

/**
 * Where the state lives could not be reached, or gave no answer: what was to be written may have been written.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unavailable extends Schema.TaggedError<Unavailable>("@kps/server/StateError/Unavailable")("Unavailable", {
  operation: Schema.String,
  bucket: Schema.String,
  key: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    const place = this.key === "" ? `bucket "${this.bucket}"` : `key "${cut(this.key)}" of bucket "${this.bucket}"`
    return `cannot ${this.operation} ${place}${because(this.cause)}`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * Somebody else changed the key since it was read: nothing was written. Read it again.
 *
 * @category errors
 * @since 0.1.0
 */
export class Conflict extends Schema.TaggedError<Conflict>("@kps/server/StateError/Conflict")("Conflict", {
  bucket: Schema.String,
  key: Schema.String,
  /** The revision that the key should have had; 0: it should not have been there. */
  expected: Schema.Int
}) {
  override get message(): string {
    const want = this.expected === 0 ? "no value" : `revision ${this.expected}`
    return `key "${cut(this.key)}" of bucket "${this.bucket}" was changed meanwhile: want ${want}`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * A value is there and cannot be read: it is damaged, or of a later version of this software. It is never taken for a
 * value that is absent.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unreadable extends Schema.TaggedError<Unreadable>("@kps/server/StateError/Unreadable")("Unreadable", {
  bucket: Schema.String,
  key: Schema.String,
  revision: Schema.Int,
  problem: Schema.String
}) {
  override get message(): string {
    return `cannot read revision ${this.revision} of key "${cut(this.key)}" of bucket "${this.bucket}": ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A value is larger than what is kept.
 *
 * @category errors
 * @since 0.1.0
 */
export class ValueTooLarge extends Schema.TaggedError<ValueTooLarge>("@kps/server/StateError/ValueTooLarge")(
  "ValueTooLarge",
  { bucket: Schema.String, key: Schema.String, byteLength: Schema.Int, maxBytes: Schema.Int }
) {
  override get message(): string {
    return `value of ${this.byteLength} bytes for key "${
      cut(this.key)
    }" of bucket "${this.bucket}" is over the limit ` +
      `of ${this.maxBytes} bytes`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * Why an operation on the shared state failed.
 *
 * @category errors
 * @since 0.1.0
 */
export const StateErrorReason = Schema.Union([Unavailable, Conflict, Unreadable, ValueTooLarge])

/**
 * @category errors
 * @since 0.1.0
 */
export type StateErrorReason = typeof StateErrorReason.Type

/**
 * The one error of everything that keeps state; `reason` says what happened.
 *
 * @category errors
 * @since 0.1.0
 */
export class StateError extends Schema.TaggedError<StateError>("@kps/server/StateError")("StateError", {
  reason: StateErrorReason
}) {
  override readonly cause = this.reason

  override get message(): string {
    return this.reason.message
  }

  /** Whether trying the same operation again may succeed; of a conflict, after reading again. */
  get isRetryable(): boolean {
    return this.reason.isRetryable
  }
}

/**
 * Whether an error says that somebody else was faster.
 *
 * @category guards
 * @since 0.1.0
 */
export const isConflict = (error: StateError): boolean => error.reason._tag === "Conflict"
