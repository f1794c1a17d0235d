import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Conformance, type Verdict } from "@kps/testing"
import { Effect } from "effect"
import { mutants } from "./mutants/index.ts"
import type { Mutant } from "./mutants/Mutant.ts"
import { processMutants } from "./mutants/processes.ts"
import * as MemorySubject from "./support/MemorySubject.ts"

const ids = Conformance.select({}).map(({ id }) => id)
const broken = [...mutants, ...processMutants].map(({ breaks }) => breaks)

describe("O60: every case has a mutant that fails it", () => {
  it("and every mutant is of a case", () => {
    assert.sameMembers([...new Set(broken)], ids)
  })
})

/** They keep this process busy, and would slow down what others count in a time. */
const floods: ReadonlySet<string> = new Set(["E28", "I35"])
/** The others wait most of the time: for what does not come. */
const atOnce = 12

const verdictOf = ({ breaks, mutation }: Mutant) =>
  Effect.gen(function*() {
    const [one] = Conformance.select({ only: [breaks] })
    assert(one !== undefined)
    const session = yield* Conformance.open(yield* MemorySubject.make(mutation()), { seed: 1 })
    return (yield* session.run(one)).verdict
  }).pipe(Effect.scoped)

describe("O60: a connector that breaks one rule is caught by the case of that rule", () => {
  const verdicts = new Map<Mutant, Verdict>()

  beforeAll(
    () =>
      Effect.runPromise(
        Effect.forEach([1, atOnce], (concurrency) =>
          Effect.forEach(
            mutants.filter(({ breaks }) => floods.has(breaks) === (concurrency === 1)),
            (mutant) => Effect.map(verdictOf(mutant), (verdict) => verdicts.set(mutant, verdict)),
            { concurrency, discard: true }
          ))
      ),
    120_000
  )

  for (const mutant of mutants) {
    it(`${mutant.breaks}: a connector that ${mutant.what}`, () => {
      const verdict = verdicts.get(mutant)

      assert(verdict !== undefined)
      assert(verdict._tag === "Failed", JSON.stringify(verdict))
      // caught by the rule, not by a test bed that is broken
      assert.notMatch(verdict.got, /^no way to tell|^no verdict/)
    })
  }
})
