import type { Mutation } from "../support/MemorySubject.ts"

/** A connector that breaks one rule, and the case that has to notice. */
export interface Mutant {
  readonly breaks: string
  readonly what: string
  /** Made anew for each run: a mutation may remember things. */
  readonly mutation: () => Mutation
}
