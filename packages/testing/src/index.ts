/**
 * Shows whether a KPS connector in any language keeps its contract.
 *
 * @since 0.1.0
 */
export type { Case, Door, Level } from "./Case.ts"
export * as Command from "./Command.ts"
export * as Conformance from "./Conformance.ts"
export * as Description from "./Description.ts"
export * as Ledger from "./Ledger.ts"
export * as Pipeline from "./Pipeline.ts"
export * as Preflight from "./Preflight.ts"
export * as Report from "./Report.ts"
export * as ReportHtml from "./ReportHtml.ts"
export * as ReportJson from "./ReportJson.ts"
export * as ReportText from "./ReportText.ts"
export type { Result, Verdict } from "./Result.ts"
export * as Subject from "./Subject.ts"
export * as WireSubject from "./WireSubject.ts"
