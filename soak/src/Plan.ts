/** What one run is: how much flows, what is done to it at which record, and what is promised. */
import type { Ledger } from "@kps/testing"
import { Effect, Random } from "effect"
import { Fault, onOutside } from "./bed/Fault.ts"
import type { Mutant } from "./connector/Mutant.ts"

export interface Plan {
  /** Which of the promises it is about. */
  readonly name: string
  readonly promised: Ledger.Promised
  readonly seed: number
  readonly replicas: number
  readonly count: number
  readonly perSecond: number
  /** Each when the source has given so many, one after the other. */
  readonly faults: ReadonlyArray<{ readonly at: number; readonly fault: Fault }>
  readonly env: Readonly<Record<string, string>>
  /** A broker of its own: a fault of the broker is one for everybody on it. */
  readonly ownBroker: boolean
  readonly mutant: Mutant
  /** How long nothing may move before what has not come is taken for lost. */
  readonly patienceMillis: number
}

/** A connector that breaks a rule loses something for good: it need not be waited for as long. */
export const impatience = 4_000

const make = (
  plan: Pick<Plan, "name" | "promised" | "seed" | "faults"> & Partial<Plan>
): Plan => ({
  replicas: 1,
  count: 1_500,
  perSecond: 1_000,
  env: {},
  ownBroker: false,
  mutant: "none",
  patienceMillis: 60_000,
  ...plan
})

const seeded = <A>(seed: number, effect: Effect.Effect<A>): Effect.Effect<A> => Random.withSeed(effect, seed)

/** The connector is killed at a record that the seed says; again a little later, for more kills than one. */
export const kill = (promised: "at-least-once" | "effectively-once", seed: number, kills = 1): Effect.Effect<Plan> =>
  seeded(
    seed,
    Effect.map(Random.nextIntBetween(100, 1_000), (at) =>
      make({
        name: `SIGKILL, ${promised}`,
        promised,
        seed,
        faults: Array.from({ length: kills }, (_, n) => ({ at: at + 150 * n, fault: Fault.Kill() }))
      }))
  )

/** The connector is killed when it has delivered what the broker does not know of: it comes again. */
export const killUnheard = (promised: "at-least-once" | "effectively-once", seed: number): Effect.Effect<Plan> =>
  seeded(
    seed,
    Effect.map(Random.nextIntBetween(100, 1_000), (at) =>
      make({
        name: `SIGKILL before the broker hears what was delivered, ${promised}`,
        promised,
        seed,
        faults: [{ at, fault: Fault.KillUnheard() }]
      }))
  )

/** The broker is away for a time that is longer or shorter than its duplicate window. */
export const outage = (options: {
  readonly promised: "at-least-once" | "effectively-once"
  readonly seed: number
  readonly millis: number
  readonly duplicateWindow?: string
}): Plan =>
  make({
    name: `broker away for ${options.millis / 1_000} s${
      options.duplicateWindow === undefined ? "" : `, duplicate window ${options.duplicateWindow}`
    }, ${options.promised}`,
    promised: options.promised,
    seed: options.seed,
    ownBroker: true,
    env: options.duplicateWindow === undefined ? {} : { NATS_JS_DUPLICATE_WINDOW: options.duplicateWindow },
    faults: [{ at: 500, fault: Fault.KillBroker({ millis: options.millis }) }]
  })

/** A writer is stopped with messages on the way, and goes on when another replica has taken its place. */
export const stoppedWriter = (seed: number): Effect.Effect<Plan> =>
  seeded(
    seed,
    Effect.map(Random.nextIntBetween(100, 1_000), (at) =>
      make({
        name: "SIGSTOPped writer, resumed after its successor",
        promised: "effectively-once",
        seed,
        replicas: 2,
        count: 3_000,
        faults: [{ at, fault: Fault.StopWriter() }]
      }))
  )

/** Of two replicas, the one that runs the source is killed again and again. */
export const replicas = (
  promised: "at-least-once" | "effectively-once",
  seed: number,
  kills = 3
): Effect.Effect<Plan> =>
  seeded(
    seed,
    Effect.map(
      Effect.forEach(Array.from({ length: kills }), () => Random.nextIntBetween(0, 300)),
      (offsets) =>
        make({
          name: `two replicas, one killed ${kills} times, ${promised}`,
          promised,
          seed,
          replicas: 2,
          count: 700 * (kills + 1),
          faults: offsets.map((offset, n) => ({ at: 100 + 700 * n + offset, fault: Fault.Kill() }))
        })
    )
  )

export const droppedAck = (promised: "at-least-once" | "effectively-once", seed: number): Effect.Effect<Plan> =>
  seeded(
    seed,
    Effect.map(Random.nextIntBetween(100, 1_000), (at) =>
      make({
        name: `acknowledgements dropped, ${promised}`,
        promised,
        seed,
        faults: [{ at, fault: Fault.DropAcks({}) }]
      }))
  )

/** A few faults of every kind, of connector, broker and wire, one after the other. */
export const mixed = (promised: "at-least-once" | "effectively-once", seed: number): Effect.Effect<Plan> =>
  seeded(
    seed,
    Effect.gen(function*() {
      const faults: Array<Plan["faults"][number]> = []
      for (let at = 150; at < 2_200; at += 400) {
        const millis = yield* Random.nextIntBetween(50, 1_500)
        const fault = yield* Random.choice([
          Fault.Kill(),
          Fault.KillUnheard(),
          Fault.Stop({ millis: millis * 2 }),
          Fault.KillBroker({ millis }),
          Fault.StopBroker({ millis }),
          Fault.Leave({ millis }),
          Fault.Cut({}),
          Fault.HalfClose({}),
          Fault.Delay({ millis, by: yield* Random.nextIntBetween(5, 100) }),
          Fault.Hold({ millis, forget: yield* Random.nextBoolean }),
          Fault.DropAcks({})
        ]).pipe(Effect.orDie)
        faults.push({ at: at + (yield* Random.nextIntBetween(0, 200)), fault })
      }
      return make({
        name: `faults of every kind, ${promised}`,
        promised,
        seed,
        count: 2_500,
        replicas: (yield* Random.nextBoolean) ? 2 : 1,
        ownBroker: true,
        faults
      })
    })
  )

/** The broker comes back without what it had stored. */
export const lostDisk = (seed: number): Effect.Effect<Plan> =>
  seeded(
    seed,
    Effect.map(Random.nextIntBetween(100, 1_000), (at) =>
      make({
        name: "broker back without its disk, at-least-once for what it had not confirmed",
        promised: "at-least-once",
        seed,
        ownBroker: true,
        faults: [{ at, fault: Fault.LoseDisk({ millis: 500 }) }]
      }))
  )

/** The same for the nats-connector: of the faults of brokers and wires, all or some are on its outside. */
export const outside = (plan: Plan, which: (n: number) => boolean = () => true): Plan => ({
  ...plan,
  name: `nats-connector, ${plan.name}`,
  faults: plan.faults.map(({ at, fault }, n) => ({ at, fault: which(n) ? onOutside(fault) : fault }))
})
