/** Does one task, in processes of its own. */
import { Command } from "@kps/testing"
import { Data, Effect, Option, Schema } from "effect"
import { createInterface } from "node:readline"
import type { Broker } from "./bed/Broker.ts"
import type { Subject } from "./bed/Subject.ts"
import type { Outcome } from "./Outcome.ts"
import * as Run from "./Run.ts"
import * as Simulation from "./simulation/Simulation.ts"
import type { Task } from "./Task.ts"

export interface Bed {
  /** The simulations, as a file that Node runs. */
  readonly simulate: string
  /** For runs that share one. */
  readonly broker: Broker
  readonly subjects: Readonly<Record<"own" | "nats", Subject>>
}

/** Nobody knows whether the promise was kept: the bed broke, or there was nothing to lose. It is to be done again. */
export class NoVerdict extends Data.TaggedError("NoVerdict")<{ readonly id: string; readonly problem: string }> {
  override get message(): string {
    return `${this.id}: no verdict: ${this.problem}`
  }
}

/** The flags that do it once more, beside a soak that is under way; what the machine does in between is its own. */
const againWith = (flags: string): string => `again: ${flags} --state .soak-again.json --fresh`

const againOf = ({ id, plan }: Extract<Task, { readonly _tag: "Processes" }>): string =>
  againWith(`--only ${id.split(" ")[0]} --runs 1 --exact 1 --seed ${plan.seed}`)

const processes = (
  task: Extract<Task, { readonly _tag: "Processes" }>,
  { broker, subjects }: Bed
): Effect.Effect<Outcome, NoVerdict> => {
  const noVerdict = (problem: string) => new NoVerdict({ id: task.id, problem: `${problem}; ${againOf(task)}` })
  return Run.run(task.plan, { subject: subjects[task.subject], broker }).pipe(
    Effect.catchCause((cause) => Effect.fail(noVerdict(String(cause).slice(0, 2_000)))),
    Effect.flatMap((report) => {
      // one that could lose nothing proves nothing
      const faults = report.faults.filter(({ unacknowledged }) => unacknowledged > 0)
      const isBroken = report.violations.length > 0
      return faults.length === 0 && !isBroken ? Effect.fail(noVerdict("there was nothing to lose")) : Effect.succeed({
        id: task.id,
        promise: task.promise,
        runs: 1,
        faults: faults.length,
        unacknowledged: faults.reduce((sum, { unacknowledged }) => sum + unacknowledged, 0),
        lost: report.lost,
        duplicated: Math.max(report.delivered.repeated, report.stored.repeated),
        violations: isBroken ? [`${task.id}: ${Run.text(report)}; ${againOf(task)}`] : []
      })
    })
  )
}

/** Fifty seeds take half a minute, a day takes less than one. One that never ends does not end by itself. */
const simulationLimit = "8 minutes"

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Simulation.Told))

const simulation = (
  task: Extract<Task, { readonly _tag: "Simulation" }>,
  { simulate }: Bed
): Effect.Effect<Outcome, NoVerdict> =>
  Effect.acquireUseRelease(
    Effect.sync(() =>
      Command.launch(
        `exec ${JSON.stringify(process.execPath)} ${JSON.stringify(simulate)} ${task.scale} ${task.from} ${task.count}`,
        {},
        ["ignore", "pipe", "inherit"]
      )
    ),
    (running) =>
      Effect.gen(function*() {
        const told: Array<Simulation.Told> = []
        if (running.child.stdout !== null) {
          createInterface({ input: running.child.stdout }).on(
            "line",
            (line) => void told.push(...Option.toArray(decode(line)))
          )
        }
        const ended = yield* Effect.timeoutOption(running.exit, simulationLimit)
        const exit = Option.getOrElse(ended, () => `none within ${simulationLimit}`)
        // what was written before the end is read a moment later
        yield* Effect.sleep("50 millis")
        const amounts = task.scale === "day" ? "--seeds 0 --days 1" : "--seeds 1 --days 0"
        const repeat = (seed: number) => againWith(`--only simulation ${amounts} --seed ${seed}`)
        const violations = told.flatMap(({ seed, violations }) =>
          violations.length === 0
            ? []
            : [`simulation, seed ${seed}: ${violations.join("; ")}; ${repeat(seed)}`]
        )
        if (told.length !== task.count && violations.length === 0) {
          const problem = `${told.length} of ${task.count} told, exit ${exit}; ${repeat(task.from + told.length)}`
          return yield* new NoVerdict({ id: task.id, problem })
        }
        return {
          id: task.id,
          promise: task.promise,
          runs: told.length,
          faults: told.reduce((sum, { faults }) => sum + faults, 0),
          unacknowledged: told.reduce((sum, { unacknowledged }) => sum + unacknowledged, 0),
          lost: told.reduce((sum, { lost }) => sum + lost, 0),
          duplicated: told.reduce((sum, { duplicated }) => sum + duplicated, 0),
          violations
        }
      }),
    (running) => Effect.sync(() => running.kill("SIGKILL"))
  )

export const run = (task: Task, bed: Bed): Effect.Effect<Outcome, NoVerdict> =>
  task._tag === "Processes" ? processes(task, bed) : simulation(task, bed)
