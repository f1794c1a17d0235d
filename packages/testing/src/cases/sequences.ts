/**
 * Group M: random sequences against the model of the contract.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Case } from "../Case.ts"
import type { Driver } from "../Driver.ts"
import * as Command from "../model/Command.ts"
import { choices, play } from "../model/Play.ts"
import * as Shrink from "../model/Shrink.ts"
import { type Ended, Mismatch } from "../Outcome.ts"

const sequences = 12
const length = 12

/** How a sequence breaks the contract; nothing when it does not. */
const breaks = (driver: Driver, commands: ReadonlyArray<Command.Command>) =>
  play(driver, commands).pipe(
    Effect.scoped,
    Effect.as(undefined),
    Effect.catchTag("Mismatch", (mismatch) => Effect.succeed(mismatch))
  )

const explore = Effect.fnUntraced(
  function*(driver: Driver, faults: boolean): Effect.fn.Return<string, Ended, Scope.Scope> {
    const { seed } = driver.run
    const options = choices(driver, faults)
    const mend = driver.subject.outside?.faults?.mend
    if (mend !== undefined) yield* Effect.addFinalizer(() => Effect.ignore(mend))
    const start = yield* Clock.currentTimeMillis
    const until = start + Duration.toMillis(driver.subject.patience.longest)
    let played = 0
    while (played < sequences && (yield* Clock.currentTimeMillis) < until) {
      const commands = yield* Command.sequence(options, seed + played, length)
      const failure = yield* breaks(driver, commands)
      if (failure !== undefined) return yield* shortest(driver, commands, failure)
      played++
    }
    return `${played} sequences of ${length} steps as the contract says, seed ${seed}`
  }
)

/** Fails with the shortest sequence that breaks the contract too, played last so that its calls are the ones told. */
const shortest = Effect.fnUntraced(function*(
  driver: Driver,
  commands: ReadonlyArray<Command.Command>,
  first: Mismatch
): Effect.fn.Return<never, Ended, Scope.Scope> {
  const until = (yield* Clock.currentTimeMillis) + 2 * Duration.toMillis(driver.subject.patience.longest)
  const found = yield* Shrink.shrink(commands, first, (next) =>
    Effect.flatMap(
      Clock.currentTimeMillis,
      (now) => now > until ? Effect.undefined : breaks(driver, next)
    ))
  const last = yield* breaks(driver, found.commands)
  const { expected, got } = last ?? found.failure
  const steps = found.commands.map(Command.text).join("; ")
  return yield* new Mismatch({ expected: `after ${steps} (seed ${driver.run.seed}): ${expected}`, got })
})

/** @since 0.1.0 */
export const cases: ReadonlyArray<Case> = [
  {
    id: "M61",
    title: "random sequences of SetPayload, GetPayload and GetEvents",
    expected: "what the contract says, after each step",
    level: "full",
    door: "wire",
    timeout: "75 seconds",
    requires: ["change"],
    run: (driver) => explore(driver, false)
  },
  {
    id: "M62",
    title: "random sequences with an outside that breaks and is mended",
    expected: "what the contract says, after each step",
    level: "full",
    door: "wire",
    timeout: "75 seconds",
    requires: ["change", "faults"],
    run: (driver) => explore(driver, true)
  }
]
