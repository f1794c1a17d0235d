import * as egress from "./egress.ts"
import * as events from "./events.ts"
import * as identity from "./identity.ts"
import * as ingress from "./ingress.ts"
import type { Mutant } from "./Mutant.ts"
import * as operations from "./operations.ts"
import * as refusing from "./refusing.ts"
import * as replacing from "./replacing.ts"
import * as sequences from "./sequences.ts"
import * as streams from "./streams.ts"

/** Those within this process. */
export const mutants: ReadonlyArray<Mutant> = [
  ...identity.mutants,
  ...replacing.mutants,
  ...refusing.mutants,
  ...streams.mutants,
  ...events.mutants,
  ...ingress.mutants,
  ...egress.mutants,
  ...operations.mutants,
  ...sequences.mutants
]
