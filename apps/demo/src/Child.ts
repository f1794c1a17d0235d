/**
 * One process that is started here and ended with its scope.
 */
import { Deferred, Effect, Schema } from "effect"
import type { Scope } from "effect"
import { type ChildProcess, spawn as nodeSpawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { Guard } from "./Guard.ts"
import { Signals } from "./Signals.ts"

/** A process that could not be started. */
export class CannotStart extends Schema.TaggedError<CannotStart>("demo/Child/CannotStart")("CannotStart", {
  name: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `cannot start ${this.name}: ${this.problem}`
  }
}

export interface Child {
  readonly pid: number
  /** Succeeds when the process has ended, with how: "with status 1", "by SIGKILL". */
  readonly ended: Effect.Effect<string>
}

export interface Options {
  /** What it is called in messages. */
  readonly name: string
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** Beside those of this process; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Everything it writes is appended to this file. */
  readonly logFile: string
}

/** How long a process that is told to end may take, before it is killed. */
const grace = "5 seconds"

/**
 * Starts a process; succeeds once it runs.
 *
 * **Details**
 *
 * It is the leader of a session of its own: a Ctrl-C in the terminal reaches this process alone, which then ends the
 * others in their order. When the scope closes it is sent SIGTERM, and SIGKILL after 5 seconds or when there is a hurry, and waited for.
 */
export const spawn = Effect.fnUntraced(
  function*(options: Options): Effect.fn.Return<Child, CannotStart, Scope.Scope | Guard | Signals> {
    const guard = yield* Guard
    const { hurry } = yield* Signals
    const ended = yield* Deferred.make<string>()
    const start = Effect.callback<ChildProcess, CannotStart>((resume) => {
      const fail = (cause: unknown) => resume(new CannotStart({ name: options.name, problem: String(cause) }))
      try {
        const log = openSync(options.logFile, "a")
        const child = nodeSpawn(options.command, options.args, {
          stdio: ["ignore", log, log],
          env: { ...process.env, ...options.env },
          detached: true
        })
        closeSync(log)
        child.once("error", fail)
        child.once("spawn", () => resume(Effect.succeed(child)))
        child.once("exit", (code, signal) => {
          Deferred.doneUnsafe(ended, Effect.succeed(signal === null ? `with status ${code}` : `by ${signal}`))
        })
      } catch (cause) {
        fail(cause)
      }
    })
    const end = (child: ChildProcess) =>
      Effect.sync(() => child.kill("SIGTERM")).pipe(
        Effect.andThen(Effect.raceAllFirst([Deferred.await(ended), Effect.sleep(grace), hurry])),
        // does nothing to one that has ended
        Effect.andThen(Effect.sync(() => child.kill("SIGKILL"))),
        Effect.andThen(Deferred.await(ended)),
        Effect.andThen(guard.release(child.pid!))
      )
    // a process that was spawned has a pid
    const { pid } = yield* Effect.acquireRelease(Effect.tap(start, (child) => guard.watch(child.pid!)), end)
    return { pid: pid!, ended: Deferred.await(ended) }
  }
)
