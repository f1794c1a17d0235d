/** One run of a plan with real processes, and what it found. */
import { Ledger } from "@kps/testing"
import type { NatsServerError } from "@kps/transport/testing/NatsServer"
import type { ProxyError } from "@kps/transport/testing/Proxy"
import { Effect } from "effect"
import { type Broker, make as makeBroker } from "./bed/Broker.ts"
import * as Fault from "./bed/Fault.ts"
import type { Subject } from "./bed/Subject.ts"
import { until } from "./bed/Until.ts"
import * as World from "./bed/World.ts"
import type { Plan } from "./Plan.ts"

export interface Report {
  readonly name: string
  readonly seed: number
  /** What was done, and what was unacknowledged at each of these moments. */
  readonly faults: ReadonlyArray<{ readonly what: string; readonly unacknowledged: number }>
  readonly stored: Ledger.Account
  readonly delivered: Ledger.Account
  /** How many of those that may not be lost are not with the sink. */
  readonly lost: number
  /** What of the promise was broken; empty: nothing. */
  readonly violations: ReadonlyArray<string>
  readonly millis: number
  /** The end of what the connectors said, where something was broken. */
  readonly said: string
}

export interface Options {
  readonly subject: Subject
  /** The pipelines' broker, for runs that share one. */
  readonly broker: Broker
}

let runs = 0

/** Waits until everything is with the sink, or nothing moves any more. */
const finished = Effect.fnUntraced(function*(plan: Plan, world: World.World, forgiven: ReadonlySet<number>) {
  let [before, since] = ["", performance.now()]
  yield* until(
    "an end of the run",
    () => {
      const came = new Set(world.ends.delivered())
      for (const number of forgiven) came.add(number)
      if (came.size >= plan.count) return true
      const now = `${came.size} ${world.ends.progress()}`
      if (now !== before) [before, since] = [now, performance.now()]
      return performance.now() - since > plan.patienceMillis
    },
    "20 minutes",
    "50 millis"
  )
  // what comes twice comes later
  yield* Effect.sleep(plan.replicas > 1 ? "1 second" : "300 millis")
  yield* world.ends.look
})

/** What was on a disk that was lost is nowhere. */
const judge = (plan: Plan, stored: Ledger.Account, delivered: Ledger.Account, forgives: boolean) => [
  ...(forgives ? [] : Ledger.violations(stored, plan.promised).map((text) => `on the channel: ${text}`)),
  ...Ledger.violations(delivered, plan.promised).map((text) => `at the sink: ${text}`)
]

/** Runs a plan. */
export const run = Effect.fnUntraced(function*(
  plan: Plan,
  options: Options
): Effect.fn.Return<Report, NatsServerError | ProxyError> {
  const started = performance.now()
  return yield* Effect.scoped(Effect.gen(function*() {
    const name = `${process.pid}-${++runs}-${plan.seed}`
    const world = yield* World.make({
      subject: options.subject,
      broker: plan.ownBroker ? yield* makeBroker() : options.broker,
      name,
      replicas: plan.replicas,
      mutant: plan.mutant,
      promised: plan.promised,
      ownBroker: plan.ownBroker,
      count: plan.count,
      perSecond: plan.perSecond,
      env: plan.env
    })
    const faults: Array<Fault.Injected> = []
    for (const { at, fault } of plan.faults) {
      yield* until(`record ${at}`, () => world.ends.progress() >= Math.min(at, plan.count), "5 minutes")
      faults.push(yield* Fault.inject(world, fault))
    }
    const forgiven = new Set(faults.flatMap(({ forgiven }) => Array.from(forgiven)))
    yield* finished(plan, world, forgiven)
    const channel = yield* world.broker.stored(world.channel)
    const stored = Ledger.account(channel.flatMap(({ numbers }) => numbers), plan.count)
    const delivered = Ledger.account(world.ends.delivered(), plan.count)
    const lost = delivered.lost.filter((number) => !forgiven.has(number))
    const [child] = world.children
    const violations = [
      ...judge(plan, stored, { ...delivered, lost }, forgiven.size > 0),
      ...(yield* world.ends.check({ name, port: child?.port() ?? 0 }))
    ]
    return {
      name: plan.name,
      seed: plan.seed,
      faults: faults.map(({ fault, unacknowledged }) => ({ what: Fault.describe(fault), unacknowledged })),
      stored,
      delivered,
      lost: lost.length,
      violations,
      millis: performance.now() - started,
      said: violations.length === 0 ? "" : world.children.map(({ said }) => said()).join("\n").slice(-3_000)
    }
  }))
})

/** One line for a run. */
export const text = ({ delivered, faults, millis, name, seed, stored, violations }: Report): string => {
  const done = faults.map(({ unacknowledged, what }) => `${what}: ${unacknowledged} unacknowledged`).join("; ")
  const found = violations.length === 0 ? "kept" : violations.join("; ")
  return `${name}, seed ${seed}: ${found}; ${done}; ${stored.came} stored and ${delivered.came} delivered of ${delivered.count}; ${
    (millis / 1_000).toFixed(1)
  } s`
}
