import { assert, describe, it } from "@effect/vitest"
import { binary, make as natsServer, suiteName } from "@kps/transport/testing/NatsServer"
import { Effect } from "effect"
import { make as makeBroker } from "../../src/bed/Broker.ts"
import * as NatsSubject from "../../src/nats/NatsSubject.ts"
import * as Plan from "../../src/Plan.ts"
import * as Run from "../../src/Run.ts"
import { natsBundle } from "../bundle.ts"
import * as Proofs from "./proofs.ts"

const kill = (promised: "at-least-once" | "effectively-once", seed: number) =>
  Effect.map(Plan.kill(promised, seed), (plan) => Plan.outside(plan))

const outage = (side: "outside" | "pipelines") =>
  Effect.succeed(
    Plan.outside(Plan.outage({ promised: "effectively-once", seed: 1, millis: 2_000 }), () => side === "outside")
  )

const plans: ReadonlyArray<readonly [title: string, plan: Effect.Effect<Plan.Plan>]> = [
  ["loses and repeats nothing when its outside broker is killed", outage("outside")],
  ["loses and repeats nothing when the pipelines' broker is killed", outage("pipelines")],
  ["loses nothing when it is killed, seed 1", kill("at-least-once", 1)],
  ["loses nothing when it is killed, seed 2", kill("at-least-once", 2)],
  ["loses and repeats nothing when it is killed, seed 1", kill("effectively-once", 1)],
  ["loses and repeats nothing when it is killed, seed 2", kill("effectively-once", 2)]
]

describe.skipIf(binary() === undefined)(suiteName("the nats-connector, killed and cut off"), () => {
  const { keeps, run } = Proofs.make(Effect.gen(function*() {
    const { connector, kps } = yield* natsBundle
    const outside = yield* natsServer({ jetstream: true })
    return { subject: NatsSubject.make({ program: connector, kps, outside }), broker: yield* makeBroker() }
  }))

  describe.concurrent("the connector as it is shipped", () => {
    for (const [title, planned] of plans) keeps(title, planned)
  })

  describe.concurrent("the harness notices", () => {
    it.live(
      "one whose channel keeps nothing, and that it says so itself",
      () =>
        Effect.gen(function*() {
          const plan = yield* Effect.map(Plan.kill("effectively-once", 1, 3), (plan) => Plan.outside(plan))
          const { violations, ...report } = yield* run({
            ...plan,
            env: { KPS_TRANSPORT: "core" },
            patienceMillis: Plan.impatience
          })

          const told = Run.text({ violations, ...report })
          assert.isTrue(violations.some((text) => /^at the sink: .*(lost|duplicated)/u.test(text)), told)
          for (const id of ["in", "out"]) {
            assert.include(
              violations,
              `kps explain guarantees says at-most-once of stream "${id}", want effectively-once`,
              told
            )
          }
        }),
      Proofs.patience
    )
  })
})
