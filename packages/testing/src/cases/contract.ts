/**
 * Group C: the contract.
 *
 * @since 0.1.0
 */
import type { Case } from "../Case.ts"
import * as identity from "./identity.ts"
import * as refusing from "./refusing.ts"
import * as replacing from "./replacing.ts"
import * as streams from "./streams.ts"

/** @since 0.1.0 */
export const cases: ReadonlyArray<Case> = [
  ...identity.cases,
  ...replacing.cases,
  ...refusing.cases,
  ...streams.cases
].toSorted((a, b) => a.id.localeCompare(b.id))
