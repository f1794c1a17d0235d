/** Does one task, in processes of its own. */
import { Command } from "@kps/testing"
import { Effect, Option, Schema } from "effect"
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

/** The flags that do it once more; what the machine does in between is its own. */
const againOf = ({ id, plan }: Extract<Task, { readonly _tag: "Processes" }>): string =>
  `--only ${id.split(" ")[0]} --runs 1 --exact 1 --seed ${plan.seed}`

/** A run with processes. What goes wrong with the bed is told like a promise that was not kept: nobody knows. */
const processes = (
  task: Extract<Task, { readonly _tag: "Processes" }>,
  { broker, subjects }: Bed
): Effect.Effect<Outcome> =>
  Run.run(task.plan, { subject: subjects[task.subject], broker }).pipe(
    Effect.map((report): Outcome => ({
      id: task.id,
      promise: task.promise,
      runs: 1,
      // one that could lose nothing proves nothing
      faults: report.faults.filter(({ unacknowledged }) => unacknowledged > 0).length,
      unacknowledged: report.faults.reduce((sum, { unacknowledged }) => sum + unacknowledged, 0),
      lost: report.lost,
      duplicated: Math.max(report.delivered.repeated, report.stored.repeated),
      violations: report.violations.length === 0 ? [] : [`${task.id}: ${Run.text(report)}; again: ${againOf(task)}`]
    })),
    Effect.catchCause((cause) =>
      Effect.succeed<Outcome>({
        id: task.id,
        promise: task.promise,
        runs: 1,
        faults: 0,
        unacknowledged: 0,
        lost: 0,
        duplicated: 0,
        violations: [`${task.id}: no verdict: ${String(cause).slice(0, 2_000)}`]
      })
    )
  )

/** Fifty seeds take half a minute, a day takes less than one. One that never ends does not end by itself. */
const simulationLimit = "8 minutes"

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Simulation.Told))

const simulation = (
  task: Extract<Task, { readonly _tag: "Simulation" }>,
  { simulate }: Bed
): Effect.Effect<Outcome> =>
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
          createInterface({ input: running.child.stdout }).on("line", (line) => void told.push(decode(line)))
        }
        const ended = yield* Effect.timeoutOption(running.exit, simulationLimit)
        const exit = Option.getOrElse(ended, () => `none within ${simulationLimit}`)
        // what was written before the end is read a moment later
        yield* Effect.sleep("50 millis")
        const again = task.scale === "day" ? "--seeds 0 --days 1" : "--seeds 1 --days 0"
        const violations = told.flatMap(({ seed, violations }) =>
          violations.length === 0
            ? []
            : [`simulation, seed ${seed}: ${violations.join("; ")}; again: --only simulation ${again} --seed ${seed}`]
        )
        if (told.length !== task.count) {
          violations.push(`${task.id}: ${told.length} of ${task.count} told, exit ${exit}`)
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

export const run = (task: Task, bed: Bed): Effect.Effect<Outcome> =>
  task._tag === "Processes" ? processes(task, bed) : simulation(task, bed)
