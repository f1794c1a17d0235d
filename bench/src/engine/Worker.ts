/**
 * A process that does one part of a benchmark and is told what to do, line by line.
 *
 * Ours are the bundles of `src/roles`, the others are the roles of the Go programs in `go`. Both take their parameters as one
 * JSON argument, write `{"event":"ready"}` when they can be measured, answer each line of JSON on stdin with one on
 * stdout, in order, and end when stdin does.
 */
import { Cause, Deferred, Effect, Queue, Schema, type Scope } from "effect"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { BenchFailed } from "./BenchFailed.ts"
import type { Command } from "./Command.ts"
import { GoPeer } from "./GoPeer.ts"
import * as Profile from "./Profile.ts"

export interface Worker {
  readonly pid: number
  /** Sends a command and waits for its answer, at most a minute beyond `millis`, which the work is to take. */
  readonly ask: <A>(command: Command, answer: Schema.Codec<A, unknown>) => Effect.Effect<A, BenchFailed>
}

const patienceMillis = 60_000

const Line = Schema.fromJsonString(
  Schema.Struct({ event: Schema.Literals(["ready", "answer", "failed"]), problem: Schema.optionalKey(Schema.String) })
)

/** Starts a process, and succeeds when it is ready. It ends with the scope. */
export const start = Effect.fnUntraced(function*(
  name: string,
  command: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>> = {}
): Effect.fn.Return<Worker, BenchFailed, Scope.Scope> {
  const lines = yield* Queue.unbounded<string, BenchFailed>()
  const ended = yield* Deferred.make<void>()
  const failed = (problem: string) => new BenchFailed({ problem: `${name}: ${problem}` })
  let stderr = ""
  let rest = ""

  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(command, args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] })),
    (child) =>
      Effect.sync(() => child.stdin.end()).pipe(
        Effect.andThen(Deferred.await(ended)),
        Effect.timeoutOrElse({
          duration: "5 seconds",
          orElse: () => Effect.andThen(Effect.sync(() => child.kill("SIGKILL")), Deferred.await(ended))
        })
      )
  )
  const settle = (problem: string) => {
    Deferred.doneUnsafe(ended, Effect.void)
    Queue.failCauseUnsafe(lines, Cause.fail(failed(problem)))
  }
  child.once("error", (error) => settle(error.message))
  child.once("close", (status, signal) => settle(`ended by ${signal ?? `status ${status}`}: ${stderr.trim()}`))
  // it may end before it has read everything
  child.stdin.on("error", () => {})
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-8000)
  })
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n")
    rest = parts.pop() ?? ""
    for (const line of parts) Queue.offerUnsafe(lines, line)
  })

  const next = <A>(event: "ready" | "answer", schema: Schema.Codec<A, unknown>, millis: number) =>
    Effect.gen(function*() {
      for (;;) {
        const line = yield* Queue.take(lines)
        // the SDK writes lines of its own
        if (!line.startsWith("{")) continue
        const got = yield* Schema.decodeEffect(Line)(line)
        if (got.event === "failed") return yield* failed(got.problem ?? line)
        if (got.event === event) return yield* Schema.decodeEffect(Schema.fromJsonString(schema))(line)
      }
    }).pipe(
      Effect.catchTag("SchemaError", (error) => Effect.fail(failed(error.message))),
      Effect.timeoutOrElse({
        duration: patienceMillis + millis,
        orElse: () => Effect.fail(failed(`no "${event}" in time; stderr: ${stderr.trim()}`))
      })
    )

  yield* next("ready", Schema.Struct({}), 0)
  return {
    // it was ready, so it was spawned
    pid: child.pid!,
    ask: (command, answer) =>
      Effect.andThen(
        Effect.sync(() => child.stdin.write(`${JSON.stringify(command)}\n`)),
        next("answer", answer, command.millis ?? 0)
      )
  }
})

/** Starts one of `src/roles`, as it is bundled, in a process of its own. */
export const node = (
  role: string,
  parameters: object,
  options: { readonly nodeArgs?: ReadonlyArray<string>; readonly env?: Readonly<Record<string, string>> } = {}
): Effect.Effect<Worker, BenchFailed, Scope.Scope> =>
  Effect.flatMap(Profile.nodeArgs(role, parameters), (profiling) =>
    start(
      `${role} ${JSON.stringify(parameters)}`,
      process.execPath,
      [
        ...profiling,
        ...(options.nodeArgs ?? []),
        // beside the bundle, dist/main.js
        fileURLToPath(new URL(`./roles/${role}.js`, import.meta.url)),
        JSON.stringify(parameters)
      ],
      options.env
    ))

/** Which of the Go programs: see `GoPeer`. */
export type GoProgram = keyof GoPeer["Service"]

/** Starts a role of a Go program, in a process of its own; undefined where Go is absent. */
export const go = (
  program: GoProgram,
  role: string,
  parameters: object,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<Worker | undefined, BenchFailed, GoPeer | Scope.Scope> =>
  GoPeer.use((peer) =>
    Effect.flatMap(
      peer[program],
      (built) =>
        "binary" in built
          ? start(`go ${program} ${role}`, built.binary, [role, JSON.stringify(parameters)], env)
          : Effect.undefined
    )
  )
