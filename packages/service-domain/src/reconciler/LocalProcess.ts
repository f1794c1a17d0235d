/**
 * A command as a process of this machine: a connector, or a broker.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { createServer } from "node:net"
import { ProcessGuard } from "./ProcessGuard.ts"

/**
 * A process could not be started.
 *
 * @category errors
 * @since 0.1.0
 */
export class CannotStart extends Schema.TaggedError<CannotStart>("@kps/service-domain/LocalProcess/CannotStart")(
  "CannotStart",
  { command: Schema.String, problem: Schema.String }
) {
  override get message(): string {
    return `cannot start ${JSON.stringify(this.command.slice(0, 200))}: ${this.problem}`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** What `sh -c` starts. */
  readonly command: string
  /** Variables beside those of this process, but for `KPS_PASSWORD` and `KPS_TOKEN`; `undefined` takes one away. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The port that it is to serve on. Default: one that is free just now. */
  readonly port?: number | undefined
  /** How long it may take to end after SIGTERM, before SIGKILL. */
  readonly grace: Duration.Input
  /** Text that it wrote, cut anywhere. */
  readonly onOutput: (source: "stdout" | "stderr", text: string) => void
}

/**
 * A process that runs, or has run.
 *
 * @category models
 * @since 0.1.0
 */
export interface LocalProcess {
  readonly pid: number
  /** Where it is to serve, as `host:port`. */
  readonly endpoint: string
  /** Succeeds when the command has ended, with how: `with status 1`, `by SIGKILL`. What it has started may go on. */
  readonly ended: Effect.Effect<string>
}

/** A port of the loopback interface on which nobody listens at this moment. */
const freePort: Effect.Effect<number, Error> = Effect.callback((resume) => {
  const server = createServer()
  server.once("error", (error) => resume(Effect.fail(error)))
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
  return Effect.sync(() => server.close())
})

/** What lets somebody in to the service domain is no business of what it starts. */
const withheld = { KPS_PASSWORD: undefined, KPS_TOKEN: undefined }

const signal = (group: number, name: NodeJS.Signals | 0): boolean =>
  Result.isSuccess(Result.try(() => process.kill(-group, name)))

/**
 * Starts a command, which ends with the scope, with everything that it has started: told by SIGTERM, and by SIGKILL when
 * something is left after the grace period.
 *
 * **Details**
 *
 * Beside `env` it gets `KPS_LISTEN_HOST` and `KPS_LISTEN_PORT`: the address on which it is to serve, on the loopback interface. A command
 * can pass these on, as in `connector --port $KPS_LISTEN_PORT`. It leads a process
 * group of its own. When this process is killed, `ProcessGuard` ends the group.
 *
 * @category constructors
 * @since 0.1.0
 */
export const start = Effect.fnUntraced(function*(
  { command, env, grace, onOutput, ...options }: Options
): Effect.fn.Return<LocalProcess, CannotStart, Scope.Scope | ProcessGuard> {
  const guard = yield* ProcessGuard
  const ended = yield* Deferred.make<string>()
  const cannot = (cause: Error) => new CannotStart({ command, problem: cause.message })
  const port = options.port ?? (yield* Effect.mapError(freePort, cannot))

  const spawning = Effect.callback<ChildProcess, CannotStart>((resume) => {
    const started = Result.try(() =>
      spawn("/bin/sh", ["-c", command], {
        env: { ...process.env, ...withheld, ...env, KPS_LISTEN_HOST: "127.0.0.1", KPS_LISTEN_PORT: String(port) },
        stdio: ["ignore", "pipe", "pipe"],
        detached: true
      })
    )
    if (Result.isFailure(started)) {
      return resume(Effect.fail(new CannotStart({ command, problem: String(started.failure) })))
    }
    const child = started.success
    if (child.pid !== undefined) guard.watch(child.pid)
    for (const source of ["stdout", "stderr"] as const) {
      child[source]?.setEncoding("utf8").on("data", (text: string) => onOutput(source, text))
    }
    child.once("error", (error) => resume(Effect.fail(cannot(error))))
    child.once("spawn", () => resume(Effect.succeed(child)))
    child.once("exit", (status, signal) => {
      Deferred.doneUnsafe(ended, Effect.succeed(signal === null ? `with status ${status}` : `by ${signal}`))
    })
  })

  const end = (group: number) => {
    const gone = Effect.repeat(Effect.sync(() => !signal(group, 0)), {
      until: (gone: boolean) => gone,
      schedule: Schedule.spaced("20 millis")
    })
    return Effect.gen(function*() {
      signal(group, "SIGTERM")
      yield* Effect.timeoutOption(gone, grace)
      signal(group, "SIGKILL")
      yield* Deferred.await(ended)
      guard.release(group)
    })
  }
  // What was spawned has a pid.
  const child = yield* Effect.acquireRelease(spawning, ({ pid }) => end(pid!))
  return { pid: child.pid!, endpoint: `127.0.0.1:${port}`, ended: Deferred.await(ended) }
})
