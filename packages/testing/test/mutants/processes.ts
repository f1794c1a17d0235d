/** A connector as a process that breaks one rule: `test/process/connector.ts` knows them by the case. */
export interface ProcessMutant {
  readonly breaks: string
  readonly what: string
  /** Value of the variable `MUTANT`. */
  readonly mutant: string
  /** What the case has to miss. Default: anything. */
  readonly misses?: RegExp
}

export const processMutants: ReadonlyArray<ProcessMutant> = [
  {
    breaks: "I30",
    what: "acknowledges what it has read, before it is published",
    mutant: "acknowledges what it reads",
    misses: /^all \d+ payloads of .* \(acknowledged\)/
  },
  {
    breaks: "I30",
    what: "saves the position of what it has read, before it is published",
    mutant: "saves the position of what it reads",
    misses: /^all \d+ payloads of .* \(resumable\)/
  },
  { breaks: "I32", what: "ends when the platform's broker is away", mutant: "exits without its broker" },
  { breaks: "I32", what: "keeps all that comes while the platform's broker is away", mutant: "keeps everything" },
  {
    breaks: "G45",
    what: "hands on all that comes, whatever its replicas do",
    mutant: "reads with every replica"
  },
  { breaks: "G47", what: "ends at once when it is told to stop", mutant: "exits at once" },
  { breaks: "G47", what: "ends with an error when it was told to stop", mutant: "exits with 1" },
  {
    breaks: "O55",
    what: "lets in clients without a certificate",
    mutant: "lets in clients without a certificate"
  },
  { breaks: "O55", what: "lets in clients of any authority", mutant: "lets in clients of any authority" },
  {
    breaks: "O55",
    what: "lets in clients whose certificate has expired",
    mutant: "lets in clients that have expired"
  },
  { breaks: "O55", what: "takes plain text on the same port", mutant: "lets in plain text" },
  { breaks: "O55", what: "shows its first certificate for ever", mutant: "keeps its first certificate" },
  { breaks: "O55", what: "loses its streams with a new certificate", mutant: "starts anew with a new certificate" },
  { breaks: "O56", what: "ends when its credentials are refused", mutant: "exits when it is refused" },
  { breaks: "O56", what: "says only that its broker is away", mutant: "says that its broker is away" },
  {
    breaks: "O56",
    what: "still alerts of credentials that are accepted",
    mutant: "never forgets a refusal"
  },
  { breaks: "O56", what: "is silent about a channel that it may not read", mutant: "waits where it may not read" },
  { breaks: "O56", what: "is silent about a channel that it may not write", mutant: "drops what it may not write" }
]
