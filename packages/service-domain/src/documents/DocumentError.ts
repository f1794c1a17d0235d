/**
 * Failures of the documents' store, each one wrapped in a single `DocumentError`.
 *
 * @since 0.1.0
 */
import { Violation } from "@kps/resources"
import * as Schema from "effect/Schema"
import { isKind, nouns } from "./Kind.ts"

const nounOf = (kind: string) => isKind(kind) ? nouns[kind] : kind

const shown = (text: string): string => JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text)

const quoted = (texts: ReadonlyArray<string>): string =>
  texts.slice(0, 5).join(", ") + (texts.length > 5 ? ` and ${texts.length - 5} more` : "")

/**
 * No document of that kind has the id.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotFound extends Schema.TaggedError<NotFound>("@kps/service-domain/DocumentError/NotFound")("NotFound", {
  kind: Schema.String,
  id: Schema.String
}) {
  override get message(): string {
    return `no ${nounOf(this.kind)} with id ${shown(this.id)}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * Another document has the id or the name that this one was to have.
 *
 * @category errors
 * @since 0.1.0
 */
export class AlreadyExists
  extends Schema.TaggedError<AlreadyExists>("@kps/service-domain/DocumentError/AlreadyExists")("AlreadyExists", {
    kind: Schema.String,
    /** Of the one that is there. */
    id: Schema.String,
    name: Schema.String,
    /** What they have in common: "the id" or "the name", and where a name has to be unique. */
    same: Schema.String
  })
{
  override get message(): string {
    return `there is a ${nounOf(this.kind)} with ${this.same} already: ${shown(this.name)}, id ${shown(this.id)}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The document was changed since it was read: nothing was written. Read it again.
 *
 * @category errors
 * @since 0.1.0
 */
export class Changed extends Schema.TaggedError<Changed>("@kps/service-domain/DocumentError/Changed")("Changed", {
  kind: Schema.String,
  id: Schema.String,
  /** What it should have been, and is: a revision, or the `version` of the document. */
  wanted: Schema.Finite,
  got: Schema.Finite
}) {
  override get message(): string {
    return `${nounOf(this.kind)} ${shown(this.id)} was changed meanwhile: want ${this.wanted}, got ${this.got}`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * Other documents refer to one that was to be deleted.
 *
 * @category errors
 * @since 0.1.0
 */
export class InUse extends Schema.TaggedError<InUse>("@kps/service-domain/DocumentError/InUse")("InUse", {
  kind: Schema.String,
  id: Schema.String,
  name: Schema.String,
  /** Each as `connector instance "x"`. */
  users: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `${nounOf(this.kind)} ${shown(this.name)} is in use by ${quoted(this.users)}: delete those first`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A document that is refused, with everything that is wrong with it. Nothing was written.
 *
 * @category errors
 * @since 0.1.0
 */
export class Invalid extends Schema.TaggedError<Invalid>("@kps/service-domain/DocumentError/Invalid")("Invalid", {
  /** `connector stream "in"`. */
  subject: Schema.String,
  violations: Schema.Array(Violation.Violation)
}) {
  override get message(): string {
    const { length } = this.violations
    const lines = this.violations.map((violation) => `\n  ${Violation.text(violation)}`)
    return `${length} violation${length === 1 ? "" : "s"} in ${this.subject}:${lines.join("")}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A document is larger than what is kept.
 *
 * @category errors
 * @since 0.1.0
 */
export class TooLarge extends Schema.TaggedError<TooLarge>("@kps/service-domain/DocumentError/TooLarge")("TooLarge", {
  key: Schema.String,
  byteLength: Schema.Int,
  maxBytes: Schema.Int
}) {
  override get message(): string {
    return `document ${shown(this.key)} of ${this.byteLength} bytes is over the limit of ${this.maxBytes} bytes`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The place where documents are kept could not be reached, or gave no answer: what was to be written may have been
 * written.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unavailable
  extends Schema.TaggedError<Unavailable>("@kps/service-domain/DocumentError/Unavailable")("Unavailable", {
    operation: Schema.String,
    cause: Schema.Defect()
  })
{
  override get message(): string {
    const because = this.cause instanceof Error && this.cause.message !== "" ? `: ${this.cause.message}` : ""
    return `cannot ${this.operation}${because}`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * Why an operation on documents failed.
 *
 * @category errors
 * @since 0.1.0
 */
export const DocumentErrorReason = Schema.Union([
  NotFound,
  AlreadyExists,
  Changed,
  InUse,
  Invalid,
  TooLarge,
  Unavailable
])

/**
 * @category errors
 * @since 0.1.0
 */
export type DocumentErrorReason = typeof DocumentErrorReason.Type

/**
 * The one error of everything that keeps documents; `reason` says what happened.
 *
 * @category errors
 * @since 0.1.0
 */
export class DocumentError extends Schema.TaggedError<DocumentError>("@kps/service-domain/DocumentError")(
  "DocumentError",
  { reason: DocumentErrorReason }
) {
  override readonly cause = this.reason

  override get message(): string {
    return this.reason.message
  }

  /** Whether trying the same operation again may succeed; of one that was changed, after reading again. */
  get isRetryable(): boolean {
    return this.reason.isRetryable
  }
}
