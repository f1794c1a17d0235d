/**
 * Keeps credentials out of spans, which leave the machine.
 *
 * @since 0.1.0
 */
import { Text } from "@kps/events"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Tracer from "effect/Tracer"

/**
 * Lets the spans of an effect, and those within it, end without the credentials that an author's error may name with an
 * address. The effect itself fails as it did.
 *
 * @category combinators
 * @since 0.1.0
 */
export const masked: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = Effect.updateService(
  Tracer.Tracer,
  (tracer) => ({
    context: tracer.context?.bind(tracer),
    span: (options) => {
      const span = tracer.span(options)
      const end = span.end.bind(span)
      return Object.assign(span, {
        end: (endTime: bigint, exit: Exit.Exit<unknown, unknown>) => end(endTime, maskExit(exit))
      })
    }
  })
)

const maskExit = (exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> =>
  Exit.isSuccess(exit) ? exit : Exit.failCause(Cause.fromReasons(exit.cause.reasons.map(maskReason)))

const maskReason = (reason: Cause.Reason<unknown>): Cause.Reason<unknown> => {
  if (Cause.isFailReason(reason)) {
    const error = maskError(reason.error)
    return error === reason.error ? reason : Cause.makeFailReason(error)
  }
  if (!Cause.isDieReason(reason)) return reason
  const defect = maskError(reason.defect)
  return defect === reason.defect ? reason : Cause.makeDieReason(defect)
}

/** The same error where there is nothing to hide. */
const maskError = (error: unknown, depth = 0): unknown => {
  if (typeof error === "string") return Text.mask(error)
  if (!(error instanceof Error) || depth > maxDepth) return error
  const { message, name, stack = "" } = error
  const told = Object.assign(new Error(Text.mask(message), { cause: maskError(error.cause, depth + 1) }), {
    name,
    stack: Text.mask(stack)
  })
  return told.message === message && told.stack === stack && told.cause === error.cause ? error : told
}

/** Of a chain of causes that long nobody reads the end; it may have none. */
const maxDepth = 16
