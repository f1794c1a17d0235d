/** Programs that run until they are told to stop. */
import * as Watchdog from "@kps/transport/testing/Watchdog"
import { Effect, Predicate, Schedule, Scope } from "effect"
import { spawn } from "node:child_process"

export interface Options {
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whom it runs as. Default: as this process. */
  readonly user?: { readonly uid: number; readonly gid: number }
}

export interface Program {
  readonly pid: number | undefined
  /** Waits, for at most 15 seconds, until something is found in what it said on stderr. */
  readonly find: <A>(what: string, find: (stderr: string) => A | undefined) => Effect.Effect<A>
  /** Sends SIGTERM, and waits for its exit code or the signal that ended it. */
  readonly stop: Effect.Effect<number | NodeJS.Signals>
}

/** Starts a program, which is killed when the scope is closed. */
export const start = Effect.fnUntraced(function*(
  command: string,
  args: ReadonlyArray<string>,
  { cwd, env, user }: Options
): Effect.fn.Return<Program, never, Scope.Scope> {
  let stderr = ""
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(command, args, { ...user, cwd, env: { ...env }, stdio: ["ignore", "ignore", "pipe"] })),
    (child) => Effect.sync(() => void child.kill("SIGKILL"))
  )
  Watchdog.watch(child)
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (stderr += text))
  const exit = new Promise<number | NodeJS.Signals>((done) => {
    child.once("close", (code, signal) => done(code ?? signal ?? -1))
    child.once("error", (error) => {
      stderr += String(error)
      done(-1)
    })
  })
  const within = (what: string) =>
    Effect.timeoutOrElse({
      duration: "15 seconds",
      orElse: () => Effect.die(new Error(`not in 15 s: ${what}; stderr: ${stderr}`))
    })
  return {
    pid: child.pid,
    find: (what, find) =>
      Effect.suspend(() =>
        child.exitCode === null && child.signalCode === null
          ? Effect.sync(() => find(stderr))
          : Effect.die(new Error(`ended before ${what}: ${stderr}`))
      ).pipe(
        Effect.repeat({ while: (found) => found === undefined, schedule: Schedule.spaced("25 millis") }),
        Effect.filterOrElse(Predicate.isNotUndefined, () => Effect.never),
        within(what)
      ),
    stop: Effect.suspend(() => {
      child.kill("SIGTERM")
      return Effect.promise(() => exit)
    }).pipe(within("its end"))
  }
})
