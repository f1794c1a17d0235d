/**
 * A cause in words for an operator: every error with the errors behind it, and no stacks.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Formatter from "effect/Formatter"
import * as Predicate from "effect/Predicate"

/** How many errors behind an error are told. */
const maxDepth = 8

/**
 * The first error alone, in one line; empty for an empty cause.
 *
 * @category formatting
 * @since 0.1.0
 */
export const first = <E>(cause: Cause.Cause<E>): string => {
  const reason = cause.reasons.find((reason) => !Cause.isInterruptReason(reason)) ?? cause.reasons[0]
  return reason === undefined ? "" : one(valueOf(reason))
}

/**
 * Every error of the cause, each with the errors behind it.
 *
 * @category formatting
 * @since 0.1.0
 */
export const all = <E>(cause: Cause.Cause<E>): string =>
  cause.reasons.map((reason) => chain(valueOf(reason)).join(", caused by ")).join("; ")

const valueOf = <E>(reason: Cause.Reason<E>): unknown => {
  if (Cause.isFailReason(reason)) return reason.error
  return Cause.isDieReason(reason) ? reason.defect : "interrupted"
}

const chain = (error: unknown): ReadonlyArray<string> => {
  const texts: Array<string> = []
  let current = error
  for (let depth = 0; depth < maxDepth && current !== undefined; depth++) {
    const text = one(current)
    // An error that speaks for its reason has the reason's words: say them once.
    if (text !== texts.at(-1)) texts.push(text)
    current = Predicate.hasProperty(current, "cause") ? current.cause : undefined
  }
  return texts
}

const one = (error: unknown): string => {
  if (Predicate.isString(error)) return error
  if (!Predicate.isObject(error)) return String(error)
  const name = nameOf(error)
  const message = Predicate.hasProperty(error, "message") && Predicate.isString(error.message) ? error.message : ""
  if (message !== "") return name === undefined ? message : `${name}: ${message}`
  const fields = Formatter.formatJson(error)
  return name === undefined ? fields : `${name} ${fields}`
}

const nameOf = (error: object): string | undefined => {
  if (Predicate.hasProperty(error, "_tag") && Predicate.isString(error._tag)) return error._tag
  const name = Predicate.hasProperty(error, "name") ? error.name : undefined
  return Predicate.isString(name) && name !== "Error" ? name : undefined
}
