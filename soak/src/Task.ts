/** What a soak does, in pieces that can be told apart: who was interrupted goes on behind those that are done. */
import { Effect } from "effect"
import * as Plan from "./Plan.ts"

/** Whether a task is one run with processes, or some seeds of the simulation. */
export type Task =
  | {
    readonly _tag: "Processes"
    readonly id: string
    readonly promise: string
    /** The harness's own connector, or the nats-connector. */
    readonly subject: "own" | "nats"
    readonly plan: Plan.Plan
  }
  | {
    readonly _tag: "Simulation"
    readonly id: string
    readonly promise: string
    readonly scale: "minute" | "day"
    readonly from: number
    readonly count: number
  }

/** How much is done. */
export interface Amounts {
  /** Runs with processes in which connectors are killed, that promise at least once. */
  readonly runs: number
  /** The same, of those that promise effectively once. */
  readonly exact: number
  /** Simulated minutes. */
  readonly seeds: number
  /** Simulated days. */
  readonly days: number
  /** How long the broker is away, in seconds. */
  readonly away: number
  /** The first seed. */
  readonly from: number
}

export const defaults: Amounts = { runs: 200, exact: 50, seeds: 5_000, days: 2, away: 60, from: 1 }

type Promised = "at-least-once" | "effectively-once"

/** Seeds of one process: enough that its start is not most of it, few enough to be done again. */
const chunk = 50

type PlanOf = (seed: number) => Effect.Effect<Plan.Plan>

const own = (promise: string, kind: string, plan: Plan.Plan): Task => ({
  _tag: "Processes",
  id: `${kind} ${plan.seed}`,
  promise,
  subject: "own",
  plan
})

/** Which of the faults of brokers and wires are on the outside of the nats-connector. */
type Which = (n: number) => boolean
const everyOther: Which = (n) => n % 2 === 0
const none: Which = () => false

const nats = (promise: string, kind: string, plan: Plan.Plan, which: Which): Task => ({
  _tag: "Processes",
  id: `nats ${kind} ${plan.seed}`,
  promise: `nats-connector, ${promise}`,
  subject: "nats",
  plan: Plan.outside(plan, which)
})

/** Of five runs one has replicas, and one has faults of every kind. */
const killed = (promised: Promised, seed: number): Effect.Effect<Plan.Plan> =>
  seed % 5 === 3
    ? Plan.replicas(promised, seed)
    : seed % 5 === 4
    ? Plan.mixed(promised, seed)
    : Plan.kill(promised, seed)

/** Every task, in the order in which they are begun. */
export const all = (amounts: Amounts): ReadonlyArray<Task> => {
  const { away, days, exact, from, runs, seeds } = amounts
  // even seeds are of the nats-connector, so that a run is found again by its seed alone
  const shared = (promise: string, kind: string, count: number, planOf: PlanOf, which = everyOther) =>
    Array.from({ length: count }, (_, n) => {
      const plan = Effect.runSync(planOf(from + n))
      return plan.seed % 2 === 0 ? nats(promise, kind, plan, which) : own(promise, kind, plan)
    })
  const simulation = (scale: "minute" | "day", count: number, size: number) =>
    Array.from({ length: Math.ceil(count / size) }, (_, n): Task => {
      const first = from + n * size
      const some = Math.min(size, count - n * size)
      return {
        _tag: "Simulation",
        id: `simulation ${scale} ${first} to ${first + some - 1}`,
        promise: scale === "day" ? "simulated days of outages" : "simulated minutes with everything at once",
        scale,
        from: first,
        count: some
      }
    })
  const few = (count: number) => Math.min(count, Math.max(runs, exact))
  const both = ["at-least-once", "effectively-once"] as const
  return [
    // the long ones first
    ...(few(1) === 0 ? [] : both.flatMap((promised) => {
      const plan = Plan.outage({ promised, seed: from, millis: away * 1_000 })
      const kind = `away ${promised}`
      const isOutside = promised === "effectively-once"
      return [
        own(`broker away for ${away} s, ${promised}`, kind, plan),
        nats(`${isOutside ? "outside " : ""}broker away for ${away} s, ${promised}`, kind, plan, () => isOutside)
      ]
    })),
    ...simulation("day", days, 1),
    ...simulation("minute", seeds, chunk),
    ...shared(
      "SIGKILL and the like, at-least-once",
      "killed at-least-once",
      runs,
      (seed) => killed("at-least-once", seed)
    ),
    ...shared(
      "SIGKILL and the like, effectively-once",
      "killed effectively-once",
      exact,
      (seed) => killed("effectively-once", seed)
    ),
    ...both.flatMap((promised) =>
      shared(
        `outage longer than the duplicate window, ${promised}`,
        `window ${promised}`,
        few(3),
        (seed) => Effect.succeed(Plan.outage({ promised, seed, millis: 5_000, duplicateWindow: "2 seconds" })),
        none
      )
    ),
    ...shared("SIGSTOPped writer, effectively-once", "stopped", few(5), Plan.stoppedWriter),
    ...both.flatMap((promised) =>
      shared(
        `dropped acknowledgement, ${promised}`,
        `dropped ${promised}`,
        few(5),
        (seed) => Plan.droppedAck(promised, seed)
      )
    ),
    ...Array.from({ length: few(5) }, (_, n) =>
      own(
        "broker back without its disk, at-least-once for what it had not confirmed",
        "disk",
        Effect.runSync(Plan.lostDisk(from + n))
      ))
  ]
}
