/** The `soak` command. */
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Console, Data, Effect, Result } from "effect"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import { createHash } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { cpus } from "node:os"
import { resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { make as makeBroker } from "./bed/Broker.ts"
import * as OwnSubject from "./connector/OwnSubject.ts"
import * as Lane from "./Lane.ts"
import * as NatsSubject from "./nats/NatsSubject.ts"
import * as Outcome from "./Outcome.ts"
import * as State from "./State.ts"
import * as Task from "./Task.ts"

const amount = (name: string, fallback: number, least: number, most: number, description: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(`${description} (${least} to ${most}; default ${fallback})`),
    Flag.filter(
      (value) => value >= least && value <= most,
      (value) => `want ${least} to ${most}, got ${value}`
    ),
    Flag.withDefault(fallback)
  )

const { away, days, exact, from, runs, seeds } = Task.defaults
const kinds = ["killed", "away", "window", "stopped", "dropped", "disk", "nats", "simulation"] as const

const flags = {
  runs: amount("runs", runs, 0, 10_000, "Runs that promise at least once, with connectors that are killed"),
  exact: amount("exact", exact, 0, 10_000, "Runs that promise effectively once, with connectors that are killed"),
  seeds: amount("seeds", seeds, 0, 1_000_000, "Simulated minutes of outages, each from a seed"),
  days: amount("days", days, 0, 10_000, "Simulated days of outages, each from a seed"),
  away: amount("away", away, 1, 3_600, "How long the broker is away, in seconds"),
  seed: amount("seed", from, 1, 1_000_000_000, "The first seed: with --only and amounts of 1, the run to see again"),
  only: Flag.Literals("only", kinds).pipe(
    Flag.withDescription("This kind of run alone; may be given more than once"),
    Flag.atLeast(0)
  ),
  minutes: amount("minutes", 40, 1, 10_000, "Nothing is begun after so many minutes"),
  state: Flag.String("state").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Where what is done is kept: a soak that was interrupted goes on there (default .soak.json)"),
    Flag.withDefault(".soak.json")
  ),
  fresh: Flag.Boolean("fresh").pipe(
    Flag.withDescription("Forget what is done"),
    Flag.withDefault(false)
  )
}

const exit = (code: number) =>
  Effect.sync(() => {
    process.exitCode = code
  })

// from the bundle, dist/main.js
const file = (name: string) => fileURLToPath(new URL(name, import.meta.url))

const programs = {
  simulate: file("roles/simulate.js"),
  connector: file("roles/connector.js"),
  nats: file("../../apps/nats-connector/dist/main.js"),
  kps: file("../../packages/cli/dist/kps.js")
}

/** Of what tests and is tested, as far as it was built: names in these files say what is in those they are made of. */
const code = Effect.sync(() => {
  const hash = createHash("sha256")
  for (const name of [file("main.js"), ...Object.values(programs)]) {
    if (existsSync(name)) hash.update(readFileSync(name))
  }
  return hash.digest("hex")
})

const makeBed = Effect.gen(function*() {
  const bed: Lane.Bed = {
    simulate: programs.simulate,
    broker: yield* makeBroker(),
    subjects: {
      own: OwnSubject.make(programs.connector),
      nats: NatsSubject.make({
        program: programs.nats,
        kps: programs.kps,
        outside: yield* NatsServer.make({ jetstream: true })
      })
    }
  }
  return bed
})

/** Runs with processes wait most of the time. */
const processesAtOnce = 2 * cpus().length
/** A simulation never waits: it leaves a core to the runs with processes while there are any. */
const besideProcesses = Math.max(1, cpus().length - 1)

class NothingAsked extends Data.TaggedError("NothingAsked")<{ readonly asked: string }> {
  override get message(): string {
    return `there is nothing to run with ${this.asked}: raise the amounts of what --only says`
  }
}

const work = Effect.fnUntraced(function*(
  tasks: ReadonlyArray<Task.Task>,
  state: State.State,
  minutes: number
) {
  const done = new Set(state.outcomes.map(({ id }) => id))
  const left = tasks.filter(({ id }) => !done.has(id))
  if (left.length < tasks.length) {
    yield* Console.error(`soak: ${tasks.length - left.length} of ${tasks.length} are done already`)
  }
  // each process that is started listens for the end of this one
  process.setMaxListeners(100)
  const bed = yield* makeBed
  const late = performance.now() + minutes * 60_000
  let count = tasks.length - left.length
  const unknown: Array<string> = []
  const one = (task: Task.Task) =>
    Effect.suspend(() =>
      performance.now() > late ? Effect.void : Effect.gen(function*() {
        const result = yield* Effect.result(Lane.run(task, bed))
        if (Result.isFailure(result)) {
          unknown.push(result.failure.message)
          return yield* Console.error(`soak: ${result.failure.message}`)
        }
        const outcome = result.success
        yield* state.add(outcome)
        yield* Console.error(`soak: ${++count} of ${tasks.length}  ${outcome.violations[0] ?? `${task.id}: kept`}`)
      })
    )
  const processes = left.filter(({ _tag }) => _tag === "Processes")
  // every lane takes its next one from here
  const simulations = left.filter(({ _tag }) => _tag === "Simulation").values()
  const lane = Effect.gen(function*() {
    for (const task of simulations) yield* one(task)
  })
  const simulate = (lanes: number) =>
    Effect.all(Array.from({ length: lanes }, () => lane), { concurrency: "unbounded", discard: true })
  yield* Effect.all([
    simulate(besideProcesses),
    Effect.forEach(processes, one, { concurrency: processesAtOnce, discard: true }).pipe(
      Effect.andThen(simulate(cpus().length - besideProcesses))
    )
  ], { concurrency: "unbounded" })
  return { unknown, unrun: tasks.length - count - unknown.length }
}, Effect.scoped)

const command = Command.make(
  "soak",
  flags,
  Effect.fn("soak")(function*({ away, days, exact, fresh, minutes, only, runs, seed, seeds, state: name }) {
    const wanted = new Set<string>(only)
    const tasks = Task.all({ away, days, exact, from: seed, runs, seeds })
      .filter(({ id }) => wanted.size === 0 || wanted.has(id.split(" ")[0] ?? ""))
    const asked = JSON.stringify({ away, days, exact, only: Array.from(wanted).toSorted(), runs, seed, seeds })
    // npm runs scripts in the folder of the package and says here where it was called
    const place = resolve(process.env["INIT_CWD"] ?? process.cwd(), name)
    if (tasks.length === 0) return yield* new NothingAsked({ asked })
    const state = yield* State.open(place, { asked, code: yield* code }, fresh)
    const { unknown, unrun } = yield* work(tasks, state, minutes)
    const sums = Outcome.sums(state.outcomes)
    for (const text of [...sums.flatMap(({ violations }) => violations), ...unknown]) yield* Console.log(text)
    for (const sum of sums) yield* Console.log(Outcome.text(sum))
    if (unrun > 0) {
      yield* Console.log(`${unrun} of ${tasks.length} not run in ${minutes} minutes: start it again to go on`)
    }
    if (unknown.length > 0) {
      yield* Console.log(`${unknown.length} of ${tasks.length} without a verdict: start it again to do them again`)
    }
    if (unrun > 0 || unknown.length > 0 || sums.some(({ violations }) => violations.length > 0)) yield* exit(1)
  })
).pipe(
  Command.withDescription(
    "Kills, stops and cuts off connectors and brokers, simulates times of outages, and counts what is lost and what comes twice"
  )
)

/** Exit codes: 0 every promise was kept; 1 one was not, not everything was run, or a run has no verdict; 2 wrong arguments or another soak's state. */
export const run = command.pipe(
  Command.run({ version: "0.1.0" }),
  Effect.catch((error) =>
    CliError.isCliError(error)
      // the command has printed its help, and what is wrong
      ? exit(error._tag === "ShowHelp" && error.errors.length === 0 ? 0 : 2)
      : Effect.andThen(
        Console.error(`soak: ${error.message}`),
        exit(error._tag === "StateUnusable" || error._tag === "NothingAsked" ? 2 : 1)
      )
  )
)
