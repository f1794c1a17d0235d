import { assert, describe, it } from "@effect/vitest"
import { binary, suiteName } from "@kps/transport/testing/NatsServer"
import { Effect } from "effect"
import { make as makeBroker } from "../../src/bed/Broker.ts"
import type { Mutant } from "../../src/connector/Mutant.ts"
import * as OwnSubject from "../../src/connector/OwnSubject.ts"
import * as Plan from "../../src/Plan.ts"
import * as Run from "../../src/Run.ts"
import { bundle } from "../bundle.ts"
import * as Proofs from "./proofs.ts"

const seeds = (from: number, count: number) => Array.from({ length: count }, (_, n) => from + n)

const outage = (seed: number, millis: number, duplicateWindow?: string) =>
  Effect.succeed(
    Plan.outage({
      promised: "effectively-once",
      seed,
      millis,
      ...(duplicateWindow === undefined ? {} : { duplicateWindow })
    })
  )

const plans: ReadonlyArray<readonly [title: string, plan: Effect.Effect<Plan.Plan>]> = [
  ["loses and repeats nothing while the broker is away for 10 s", outage(1, 10_000)],
  ["loses and repeats nothing in an outage longer than the duplicate window", outage(2, 5_000, "2 seconds")],
  ["takes nothing from a writer that was stopped and goes on after its successor has begun", Plan.stoppedWriter(1)],
  ["loses nothing when one of two replicas is killed again and again", Plan.replicas("at-least-once", 1)],
  ["loses nothing that a broker without its disk had not confirmed", Plan.lostDisk(1)],
  ["loses nothing whatever is killed, stopped and cut off", Plan.mixed("at-least-once", 1)],
  ...seeds(1, 15).map((seed) =>
    [`loses nothing when it is killed, seed ${seed}`, Plan.kill("at-least-once", seed)] as const
  ),
  ...seeds(1, 5).map((seed) =>
    [`loses and repeats nothing when it is killed, seed ${seed}`, Plan.kill("effectively-once", seed)] as const
  ),
  ["repeats nothing that it had delivered, and the broker had not heard of", Plan.killUnheard("effectively-once", 1)],
  ["loses nothing of which the acknowledgement was dropped", Plan.droppedAck("at-least-once", 1)]
]

/** Each has to be found out in at least half of its runs. */
const broken: ReadonlyArray<readonly [Mutant, (seed: number) => Effect.Effect<Plan.Plan>]> = [
  ["acknowledges before it is confirmed", (seed) => Plan.kill("at-least-once", seed)],
  ["forgets the id", (seed) => Plan.killUnheard("effectively-once", seed)],
  ["saves the position early", (seed) => Plan.kill("effectively-once", seed)],
  ["has no fence", Plan.stoppedWriter]
]
const brokenRuns = 2

describe.skipIf(binary() === undefined)(suiteName("processes that are killed, stopped and cut off"), () => {
  const { keeps, run } = Proofs.make(Effect.gen(function*() {
    const { connector } = yield* bundle
    return { subject: OwnSubject.make(connector), broker: yield* makeBroker() }
  }))

  describe.concurrent("a connector", () => {
    for (const [title, planned] of plans) keeps(title, planned)
  })

  describe.concurrent("the harness notices a connector that", () => {
    for (const [mutant, planOf] of broken) {
      it.live(`${mutant}, in at least half of the runs`, () =>
        Effect.gen(function*() {
          const reports = yield* Effect.forEach(
            seeds(1, brokenRuns),
            (seed) => Effect.flatMap(planOf(seed), (plan) => run({ ...plan, mutant, patienceMillis: Plan.impatience })),
            { concurrency: 2 }
          )

          const noticed = reports.filter(({ violations }) => violations.length > 0).length
          assert.isAtLeast(noticed * 2, brokenRuns, reports.map(Run.text).join("\n"))
        }), Proofs.patience)
    }
  })
})
