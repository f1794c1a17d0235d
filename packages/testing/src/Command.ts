/**
 * Commands of a shell: the edge to Node's processes.
 *
 * Each runs in a process group of its own, which ends with this process, whatever ends that.
 *
 * @since 0.1.0
 */
import * as Watchdog from "@kps/transport/testing/Watchdog"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn, type StdioOptions } from "node:child_process"
import { createInterface } from "node:readline"
import { BedFailed, cut } from "./Outcome.ts"

/**
 * A command that runs, or has run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Running {
  readonly child: ChildProcess
  /** The exit code, or the signal that ended it; its output has been read by then. */
  readonly exit: Effect.Effect<number | string>
  readonly ended: () => boolean
  /** Sends a signal to all of its processes. */
  readonly kill: (signal: NodeJS.Signals) => void
}

/** How long the output of a process that ended is waited for, in milliseconds. */
const lastWordsWithin = 1_000

/**
 * Starts a command with `sh -c`. The caller ends it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const launch = (
  command: string,
  env: Readonly<Record<string, string | undefined>>,
  stdio: StdioOptions
): Running => {
  const child = spawn("sh", ["-c", command], { env: { ...process.env, ...env }, stdio, detached: true })
  const exit = Deferred.makeUnsafe<number | string>()
  const kill = (signal: NodeJS.Signals) => {
    const { pid } = child
    // it fails when the group is gone
    if (pid !== undefined) Result.try(() => process.kill(-pid, signal))
  }
  Watchdog.watch(child, { group: true })
  const done = (outcome: number | string) => Deferred.doneUnsafe(exit, Exit.succeed(outcome))
  child.once("error", ({ message }) => done(message))
  child.once("exit", (code, signal) => {
    const outcome = code ?? signal ?? "unknown"
    // what it said last may come after its end; a process of its own that holds the pipe must not hold this up
    const late = setTimeout(() => done(outcome), lastWordsWithin)
    child.once("close", () => {
      clearTimeout(late)
      done(outcome)
    })
  })
  const ended = () => child.exitCode !== null || child.signalCode !== null || Deferred.isDoneUnsafe(exit)
  return { child, exit: Deferred.await(exit), ended, kill }
}

const scoped = (command: string, env: Readonly<Record<string, string>>, stdio: StdioOptions) =>
  Effect.acquireRelease(
    Effect.sync(() => launch(command, env, stdio)),
    (running) => Effect.sync(() => running.kill("SIGKILL"))
  )

const patience = "20 seconds"

/** The end of what a command says on standard error. */
const complaintOf = ({ child }: Running): () => string => {
  let text = ""
  child.stderr?.setEncoding("utf8").on("data", (more: string) => {
    text = `${text}${more}`.slice(-2_000)
  })
  return () => text.trim() === "" ? "" : `: ${cut(text, 300)}`
}

/**
 * Runs a command to its end, with lines on its standard input; fails unless it exits 0.
 *
 * @category running
 * @since 0.1.0
 */
export const run = (
  command: string,
  env: Readonly<Record<string, string>>,
  lines: ReadonlyArray<string> = []
): Effect.Effect<void, BedFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const running = yield* scoped(command, env, ["pipe", "ignore", "pipe"])
    const complaint = complaintOf(running)
    running.child.stdin?.on("error", () => {}).end(lines.map((line) => `${line}\n`).join(""))
    const exit = yield* Effect.timeoutOrElse(running.exit, {
      duration: patience,
      orElse: () => Effect.succeed(`no end within ${patience}`)
    })
    if (exit === 0) return
    return yield* new BedFailed({
      problem: `command ${JSON.stringify(command)}: want exit 0, got ${exit}${complaint()}`
    })
  }))

/**
 * Runs a command in the scope: it prints `ready`, then a line each time something came.
 *
 * @category running
 * @since 0.1.0
 */
export const follow = Effect.fnUntraced(function*(
  command: string,
  env: Readonly<Record<string, string>>,
  onLine: (line: string) => void
): Effect.fn.Return<void, BedFailed, Scope.Scope> {
  const running = yield* scoped(command, env, ["ignore", "pipe", "pipe"])
  const complaint = complaintOf(running)
  const ready = Deferred.makeUnsafe<void>()
  const { stdout } = running.child
  if (stdout === null) return yield* new BedFailed({ problem: `command ${JSON.stringify(command)} has no output` })
  createInterface({ input: stdout }).on("line", (line) => {
    if (Deferred.isDoneUnsafe(ready)) onLine(line)
    else if (line.trim() === "ready") Deferred.doneUnsafe(ready, Exit.void)
  })
  const failed = (what: string) =>
    Effect.fail(new BedFailed({ problem: `command ${JSON.stringify(command)}: want the line "ready", got ${what}` }))
  yield* Deferred.await(ready).pipe(
    Effect.raceFirst(
      Effect.flatMap(running.exit, (exit) => Effect.suspend(() => failed(`exit ${exit}${complaint()}`)))
    ),
    Effect.timeoutOrElse({ duration: patience, orElse: () => failed(`none within ${patience}`) })
  )
})
