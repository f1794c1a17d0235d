/** The connector that is shipped, as it is bundled, started as a container starts it; and Node with nothing to do. */
import { Effect, Schema, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { BenchFailed } from "./BenchFailed.ts"
import { monotonicNanos } from "./Role.ts"

export const connectorId = "c-1"

// from the bundle, dist/main.js
const bundle = fileURLToPath(new URL("../../apps/nats-connector/dist/main.js", import.meta.url))
/** Answers SIGUSR2 with the size of the heap. */
const probe = fileURLToPath(new URL("./roles/heapProbe.js", import.meta.url))

const patienceMillis = 30_000

const Logged = Schema.fromJsonString(Schema.Struct({ annotations: Schema.Struct({ port: Schema.Int }) }))

export interface Started {
  readonly child: ChildProcess
  readonly port: number
  /** From the start of the process until it said that it is ready. */
  readonly millis: number
  /** What comes on stderr from now on, line by line, until the result is called. */
  readonly onLine: (listener: (line: string) => void) => () => void
}

const ended = (child: ChildProcess) =>
  Effect.callback<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("close", () => resume(Effect.void))
    child.kill("SIGKILL")
  })

/** Starts the connector, and succeeds when it is ready. It ends with the scope. */
export const start = (
  url: string,
  options: { readonly probed?: boolean } = {}
): Effect.Effect<Started, BenchFailed, Scope.Scope> =>
  Effect.gen(function*() {
    if (!existsSync(bundle)) return yield* new BenchFailed({ problem: `${bundle} is not there: build nats-connector` })
    const startedNanos = monotonicNanos()
    const nodeArgs = options.probed === true ? ["--expose-gc", "--import", probe] : []
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [...nodeArgs, bundle, "--host", "127.0.0.1", "--port", "0"], {
          env: { PATH: process.env["PATH"], CONNECTOR_INSTANCE_ID: connectorId, NATS_BROKER: url },
          stdio: ["ignore", "ignore", "pipe"]
        })
      ),
      ended
    )
    const listeners = new Set<(line: string) => void>()
    let rest = ""
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n")
      rest = lines.pop() ?? ""
      for (const line of lines) for (const listener of listeners) listener(line)
    })
    const onLine: Started["onLine"] = (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    }
    const line = yield* lineWith(onLine, child, "connector is ready")
    const millis = (monotonicNanos() - startedNanos) / 1e6
    const { annotations: { port } } = yield* Effect.mapError(
      Schema.decodeEffect(Logged)(line),
      (error) => new BenchFailed({ problem: error.message })
    )
    return { child, port, millis, onLine }
  })

const lineWith = (onLine: Started["onLine"], child: ChildProcess, text: string): Effect.Effect<string, BenchFailed> =>
  Effect.callback<string, BenchFailed>((resume) => {
    const forget = onLine((line) => {
      if (line.includes(text)) resume(Effect.succeed(line))
    })
    const fail = () => resume(Effect.fail(new BenchFailed({ problem: `the connector ended before "${text}"` })))
    child.once("close", fail)
    return Effect.sync(() => {
      forget()
      child.off("close", fail)
    })
  }).pipe(Effect.timeoutOrElse({
    duration: patienceMillis,
    orElse: () => Effect.fail(new BenchFailed({ problem: `the connector did not say "${text}"` }))
  }))

/** Resident memory of a process now, in MiB. */
export const residentMib = (pid: number | undefined): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? Number.NaN) / 1024

/** Size of the heap after a collection, in MiB. */
export const heapMib = ({ child, onLine }: Started): Effect.Effect<number, BenchFailed> =>
  Effect.all([
    lineWith(onLine, child, "heapUsed "),
    Effect.sync(() => child.kill("SIGUSR2"))
  ], { concurrency: 2 }).pipe(Effect.map(([line]) => Number(line.replace("heapUsed ", "")) / 2 ** 20))

/** `node -e 0`, from its start to its end in milliseconds, and the most memory it had in MiB. */
export const bare: Effect.Effect<{ readonly millis: number; readonly mib: number }, BenchFailed> = Effect.gen(
  function*() {
    const millis = yield* run(["-e", "0"], ({ millis }) => millis)
    const mib = yield* run(["-e", "console.log(process.resourceUsage().maxRSS)"], ({ out }) => Number(out) / 1024)
    return { millis, mib }
  }
)

const run = <A>(
  args: ReadonlyArray<string>,
  use: (result: { readonly millis: number; readonly out: string }) => A
): Effect.Effect<A, BenchFailed> =>
  Effect.callback((resume) => {
    const startedNanos = monotonicNanos()
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
    let out = ""
    let millis = 0
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text
    })
    child.once("exit", () => {
      millis = (monotonicNanos() - startedNanos) / 1e6
    })
    child.once("error", (error) => resume(Effect.fail(new BenchFailed({ problem: error.message }))))
    child.once("close", () => resume(Effect.succeed(use({ millis, out }))))
    return Effect.sync(() => child.kill("SIGKILL"))
  })
