/**
 * What stopped a stream, and what is to be done about it: the failures table applied to a cause.
 *
 * @since 0.1.0
 */
import type { Failure } from "@kps/connector"
import type { TransportError } from "@kps/transport"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import { cut } from "./internal/text.ts"
import { PositionFailed } from "./SourcePosition.ts"
import type { Code } from "./StreamSpec.ts"

/**
 * The platform's transport failed under a stream. Wrapped, so that an author's own errors of that package stay the
 * author's.
 *
 * @category errors
 * @since 0.1.0
 */
export class TransportFailed extends Data.TaggedError("TransportFailed")<{
  readonly operation: "connect" | "publish" | "subscribe"
  readonly error: TransportError.TransportError
}> {}

/**
 * A fault was told already, and is not to be tried again.
 *
 * @category errors
 * @since 0.1.0
 */
export class GivenUp extends Data.TaggedError("GivenUp") {}

/**
 * What stopped a stream, and what is to be done about it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fault {
  readonly tag: string
  readonly code: Code
  readonly message: string
  readonly severity: Failure.Severity
  readonly action: Failure.Failure["action"]
  readonly backoff: Failure.Backoff
  /** How long an item is tried that fails with it, in milliseconds; the stream's own where it says nothing. */
  readonly horizonMillis?: number
  /** For an operator: the errors with what is behind them, of a defect only its reference. */
  readonly cause: Cause.Cause<unknown>
  readonly origin: "author" | "position" | TransportFailed["operation"]
}

/**
 * The failures table of a connector.
 *
 * @category models
 * @since 0.1.0
 */
export type Failures = Readonly<Record<string, Failure.Failure>>

/**
 * Says what a cause means.
 *
 * **Details**
 *
 * The first typed error counts. Without one, or with one that has no row, it is a defect: its text goes to the log
 * under a reference, and the stream is tried again. So is an interruption that nobody but the author's code asked for.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromCause = Effect.fnUntraced(function*(
  cause: Cause.Cause<unknown>,
  failures: Failures,
  streamId: string
): Effect.fn.Return<Fault> {
  const reason = cause.reasons.find(Cause.isFailReason)
  if (reason !== undefined) {
    if (reason.error instanceof TransportFailed) return fromTransport(reason.error)
    if (reason.error instanceof PositionFailed) return fromPosition(reason.error)
    const fault = fromError(reason.error, failures)
    if (fault !== undefined) return fault
  }
  const id = yield* reference
  yield* Effect.annotateLogs(Effect.logError("defect in a stream", cause), { streamId, reference: id })
  return defect(id)
})

/**
 * The other writer that has ended a try to publish, if one has.
 *
 * @category getters
 * @since 0.1.0
 */
export const fencedBy = (cause: Cause.Cause<unknown>): TransportError.WriterFenced | undefined => {
  const error = cause.reasons.find(Cause.isFailReason)?.error
  if (!(error instanceof TransportFailed)) return undefined
  const { reason } = error.error
  return reason._tag === "WriterFenced" ? reason : undefined
}

/**
 * Says what an author's error means; nothing when the failures table has no row for it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromError = (error: unknown, failures: Failures): Fault | undefined => {
  if (!Predicate.hasProperty(error, "_tag") || !Predicate.isString(error._tag)) return undefined
  const tag = error._tag
  const row = Object.hasOwn(failures, tag) ? failures[tag] : undefined
  if (row === undefined) return undefined
  const message = Predicate.hasProperty(error, "message") && Predicate.isString(error.message) ? error.message : ""
  return {
    tag,
    code: row.code,
    message: cut(message === "" ? tag : message),
    severity: row.severity,
    action: row.action,
    backoff: row.action === "retry" ? row.backoff : {},
    ...(row.action === "retry" ? horizonOf(row) : {}),
    cause: Cause.fail(error),
    origin: "author"
  }
}

/** An outside that is away is no item's fault. */
const ofOutside: ReadonlySet<Code> = new Set(["UNAVAILABLE", "UNAUTHENTICATED"])

const horizonOf = ({ code, horizon }: Extract<Failure.Failure, { readonly action: "retry" }>) =>
  horizon !== undefined
    ? { horizonMillis: Duration.toMillis(horizon) }
    : ofOutside.has(code)
    ? { horizonMillis: Infinity }
    : {}

/**
 * Says what a failure of the transport means: whether trying again can help, and by which code to tell it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromTransport = ({ error, operation }: TransportFailed): Fault => {
  const reason = error.reason
  // Permissions are granted on the broker's side, without anybody telling us.
  const retry = error.isRetryable || reason._tag === "PermissionDenied"
  return {
    tag: reason._tag,
    code: reason._tag === "PermissionDenied"
      ? "PERMISSION_DENIED"
      : reason._tag === "InvalidChannel"
      ? "INVALID_ARGUMENT"
      : "UNAVAILABLE",
    message: cut(error.message),
    severity: "CRITICAL",
    action: retry ? "retry" : "halt",
    // Where the connection is what is missing, its return is waited for anyway.
    backoff: error.isRetryable ? { cap: "1 second" } : {},
    cause: Cause.fail(reason),
    origin: operation
  }
}

/**
 * Says what a position that cannot be used means: it is tried again, since it is mended without anybody telling us.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromPosition = (error: PositionFailed): Fault => ({
  tag: error._tag,
  code: error.code,
  message: error.message,
  severity: "CRITICAL",
  action: "retry",
  backoff: {},
  cause: Cause.fail(error),
  origin: "position"
})

/**
 * A defect of the author's code, or of ours, by the reference that the log has its text under.
 *
 * @category constructors
 * @since 0.1.0
 */
export const defect = (reference: string): Fault => {
  const message = `internal error, reference ${reference}`
  return {
    tag: "Defect",
    code: "INTERNAL",
    message,
    severity: "CRITICAL",
    action: "retry",
    backoff: {},
    cause: Cause.fail(message),
    origin: "author"
  }
}

/**
 * Sixteen hexadecimal digits by which something can be found again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const reference: Effect.Effect<string> = Effect.map(
  Effect.all([Random.next, Random.next]),
  (halves) => halves.map((half) => Math.floor(half * 2 ** 32).toString(16).padStart(8, "0")).join("")
)
