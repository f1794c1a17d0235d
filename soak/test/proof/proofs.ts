/** Plans as tests: each is run on one bed, which is made before the first of them and taken away after the last. */
import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import type { NatsServerError } from "@kps/transport/testing/NatsServer"
import { Effect, Exit, References, Scope } from "effect"
import type * as Plan from "../../src/Plan.ts"
import * as Run from "../../src/Run.ts"

/** How long a test may take, in milliseconds: some wait for a lease, and all for a machine that is busy. */
export const patience = 300_000

export interface Proofs {
  readonly run: (plan: Plan.Plan) => ReturnType<typeof Run.run>
  /** A test that a plan keeps its promise, and that there was something to lose. */
  readonly keeps: (title: string, planned: Effect.Effect<Plan.Plan>) => void
}

/** In a `describe`: `bed` is what is put under the harness, and the broker that the runs share. */
export const make = (bed: Effect.Effect<Run.Options, NatsServerError, Scope.Scope>): Proofs => {
  const scope = Scope.makeUnsafe()
  let options: Run.Options | undefined
  const ready = Effect.gen(function*() {
    // each process that is started listens for the end of this one
    process.setMaxListeners(100)
    options = yield* bed
  })
  beforeAll(() => Effect.runPromise(Scope.provide(ready, scope)), 120_000)
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

  const run = (plan: Plan.Plan) =>
    Effect.suspend(() => options === undefined ? Effect.die("no bed") : Run.run(plan, options)).pipe(
      Effect.provideService(References.MinimumLogLevel, "None")
    )
  return {
    run,
    keeps: (title, planned) =>
      it.live(title, () =>
        Effect.gen(function*() {
          const report = yield* Effect.flatMap(planned, run)

          assert.deepStrictEqual(report.violations, [], `${Run.text(report)}\n${report.said}`)
          // a fault that comes when the source has given everything is none
          assert.isTrue(
            report.faults.some(({ unacknowledged }) => unacknowledged > 0),
            `nothing counts: ${Run.text(report)}`
          )
        }), patience)
  }
}
