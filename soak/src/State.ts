/** How far a soak has come, in a file: one that was interrupted goes on. */
import { Data, Effect, Schema } from "effect"
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { Outcome } from "./Outcome.ts"

const Stored = Schema.Struct({
  version: Schema.Literal(1),
  /** What was asked for: another soak has another state. */
  asked: Schema.String,
  outcomes: Schema.Array(Outcome)
})

/** The file is not the state of this soak. */
export class StateUnusable
  extends Data.TaggedError("StateUnusable")<{ readonly file: string; readonly problem: string }>
{
  override get message(): string {
    return `state ${this.file}: ${this.problem}; --fresh begins anew`
  }
}

export interface State {
  readonly outcomes: ReadonlyArray<Outcome>
  readonly add: (outcome: Outcome) => Effect.Effect<void>
}

/** Reads the state of a soak, or begins one. */
export const open = Effect.fnUntraced(function*(
  file: string,
  asked: string,
  fresh: boolean
): Effect.fn.Return<State, StateUnusable> {
  if (fresh) rmSync(file, { force: true })
  const outcomes: Array<Outcome> = []
  if (existsSync(file)) {
    const stored = yield* Schema.decodeEffect(Schema.fromJsonString(Stored))(readFileSync(file, "utf8")).pipe(
      Effect.mapError(() => new StateUnusable({ file, problem: "it cannot be read" }))
    )
    if (stored.asked !== asked) {
      return yield* new StateUnusable({ file, problem: `it is of a soak with ${stored.asked}, not with ${asked}` })
    }
    outcomes.push(...stored.outcomes)
  }
  return {
    outcomes,
    add: (outcome) =>
      Effect.sync(() => {
        outcomes.push(outcome)
        // a kill in the middle leaves the old one
        writeFileSync(`${file}.new`, JSON.stringify({ version: 1, asked, outcomes }))
        renameSync(`${file}.new`, file)
      })
  }
})
