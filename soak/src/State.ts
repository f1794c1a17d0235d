/** How far a soak has come, in a file: one that was interrupted goes on. */
import { Data, Effect, Schema } from "effect"
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { Outcome } from "./Outcome.ts"

const Stored = Schema.Struct({
  version: Schema.Literal(2),
  /** What was asked for: another soak has another state. */
  asked: Schema.String,
  /** What was tested, as a digest: what was found of other code says nothing of this. */
  code: Schema.String,
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
  readonly add: (outcome: Outcome) => Effect.Effect<void, StateUnusable>
}

/** Reads the state of a soak, or begins one. */
export const open = Effect.fnUntraced(function*(
  file: string,
  { asked, code }: { readonly asked: string; readonly code: string },
  fresh: boolean
): Effect.fn.Return<State, StateUnusable> {
  const unusable = (problem: string) => new StateUnusable({ file, problem })
  const outcomes: Array<Outcome> = []
  if (!fresh && existsSync(file)) {
    const stored = yield* Effect.try({
      try: () => Schema.decodeUnknownSync(Schema.fromJsonString(Stored))(readFileSync(file, "utf8")),
      catch: () => unusable("it cannot be read")
    })
    if (stored.asked !== asked) return yield* unusable(`it is of a soak with ${stored.asked}, not with ${asked}`)
    if (stored.code !== code) return yield* unusable("it is of a soak of other code")
    outcomes.push(...stored.outcomes)
  }
  const save = Effect.try({
    try: () => {
      // a kill in the middle leaves the old one
      writeFileSync(`${file}.new`, JSON.stringify({ version: 2, asked, code, outcomes }))
      renameSync(`${file}.new`, file)
    },
    catch: (cause) => unusable(`it cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`)
  })
  // before anything is done for nothing
  yield* save
  return {
    outcomes,
    add: (outcome) => Effect.andThen(Effect.sync(() => outcomes.push(outcome)), save)
  }
})
