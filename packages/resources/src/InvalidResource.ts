/**
 * The error of this package: a document that is refused, with everything that is wrong with it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { count } from "./internal/text.ts"
import * as Violation from "./Violation.ts"

/**
 * A document, a file or a set of values that is refused. Its message has one line for each violation.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidResource
  extends Schema.TaggedError<InvalidResource>("@kps/resources/InvalidResource")("InvalidResource", {
    /** What is refused: `connector stream "natsconnectorstream-in"`, or the name of a file. */
    subject: Schema.String,
    violations: Schema.Array(Violation.Violation)
  })
{
  override get message(): string {
    const lines = this.violations.map((violation) => `\n  ${Violation.text(violation)}`)
    return `${count(this.violations.length, "violation")} in ${this.subject}:${lines.join("")}`
  }
}

/**
 * Fails with the violations, if there are any.
 *
 * @category constructors
 * @since 0.1.0
 */
export const unless = (
  subject: string,
  violations: ReadonlyArray<Violation.Violation>
): Effect.Effect<void, InvalidResource> =>
  violations.length === 0 ? Effect.void : Effect.fail(new InvalidResource({ subject, violations }))
