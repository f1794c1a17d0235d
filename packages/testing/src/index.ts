/**
 * Shows whether a KPS connector in any language keeps its contract.
 *
 * @since 0.1.0
 */
export type { Case, Door, Level } from "./Case.ts"
export * as Conformance from "./Conformance.ts"
export * as Description from "./Description.ts"
export * as Pipeline from "./Pipeline.ts"
export type { Result, Verdict } from "./Result.ts"
export * as Subject from "./Subject.ts"
