/**
 * Every case, in the order of the groups.
 *
 * @since 0.1.0
 */
import type { Case } from "../Case.ts"
import * as classDocument from "./classDocument.ts"
import * as contract from "./contract.ts"
import * as credentials from "./credentials.ts"
import * as egress from "./egress.ts"
import * as events from "./events.ts"
import * as ingress from "./ingress.ts"
import * as operations from "./operations.ts"
import * as sequences from "./sequences.ts"
import * as tls from "./tls.ts"

/**
 * @category cases
 * @since 0.1.0
 */
export const all: ReadonlyArray<Case> = [
  ...contract.cases,
  ...events.cases,
  ...ingress.cases,
  ...egress.cases,
  ...operations.cases,
  ...tls.cases,
  ...credentials.cases,
  ...classDocument.cases,
  ...sequences.cases
]
