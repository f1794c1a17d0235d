/** A connector as a process that breaks one rule: `test/process/connector.ts` knows them by the case. */
export interface ProcessMutant {
  readonly breaks: string
  readonly what: string
  /** Value of the variable `MUTANT`. */
  readonly mutant: string
}

export const processMutants: ReadonlyArray<ProcessMutant> = [
  { breaks: "I32", what: "ends when the platform's broker is away", mutant: "exits without its broker" },
  { breaks: "I32", what: "keeps all that comes while the platform's broker is away", mutant: "keeps everything" },
  { breaks: "G47", what: "ends at once when it is told to stop", mutant: "exits at once" },
  { breaks: "G47", what: "ends with an error when it was told to stop", mutant: "exits with 1" }
]
