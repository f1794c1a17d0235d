/**
 * How a case comes out: what was expected and what came.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Schema from "effect/Schema"

/**
 * The connector broke the rule.
 *
 * @category errors
 * @since 0.1.0
 */
export class Mismatch extends Schema.TaggedError<Mismatch>("@kps/testing/Outcome/Mismatch")("Mismatch", {
  expected: Schema.String,
  got: Schema.String
}) {
  override get message(): string {
    return `expected ${this.expected}, got ${this.got}`
  }
}

/**
 * The rule could not be looked at, for a reason that only showed while the case ran.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotApplicable
  extends Schema.TaggedError<NotApplicable>("@kps/testing/Outcome/NotApplicable")("NotApplicable", {
    reason: Schema.String
  })
{
  override get message(): string {
    return this.reason
  }
}

/**
 * Something failed that is not the connector: the outside system, a command of the description, the broker.
 *
 * @category errors
 * @since 0.1.0
 */
export class BedFailed extends Schema.TaggedError<BedFailed>("@kps/testing/Outcome/BedFailed")("BedFailed", {
  problem: Schema.String
}) {
  override get message(): string {
    return this.problem
  }
}

/**
 * Everything that can end a case early.
 *
 * @category errors
 * @since 0.1.0
 */
export type Ended = Mismatch | NotApplicable | BedFailed

/**
 * Fails with what was expected and what came, unless it holds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const expect = (holds: boolean, expected: string, got: string): Effect.Effect<void, Mismatch> =>
  holds ? Effect.void : Effect.fail(new Mismatch({ expected, got }))

/**
 * Fails unless both are equal in structure; both are shown as JSON.
 *
 * @category constructors
 * @since 0.1.0
 */
export const same = (what: string, expected: unknown, got: unknown): Effect.Effect<void, Mismatch> =>
  expect(Equal.equals(expected, got), `${what} ${show(expected)}`, show(got))

/**
 * A value as one line of at most 400 characters.
 *
 * @category rendering
 * @since 0.1.0
 */
export const show = (value: unknown): string =>
  cut(JSON.stringify(value, (_, inner: unknown) => typeof inner === "bigint" ? `${inner}` : inner) ?? "nothing")

/**
 * Text on one line, cut at a length.
 *
 * @category rendering
 * @since 0.1.0
 */
export const cut = (text: string, length = 400): string => {
  const line = text.replaceAll(/\p{Cc}+/gu, " ").trim()
  return line.length > length ? `${line.slice(0, length).toWellFormed()}…` : line
}
