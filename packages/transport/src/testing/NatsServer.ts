/**
 * A `nats-server` process of one's own, for tests, demos and benchmarks.
 *
 * It listens on the loopback interface only, on a free port, can be killed and started again on that port, and ends
 * with the scope it was made in. Waits on the process by the system's clock, so it works under `TestClock`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { binary, missing } from "../internal/natsBinary.ts"
import * as natsProcess from "../internal/natsProcess.ts"

export { binary, missing, skipReason, suiteName } from "../internal/natsBinary.ts"

/**
 * The server did not start, or did not end.
 *
 * @category errors
 * @since 0.1.0
 */
export class NatsServerError extends Schema.TaggedError<NatsServerError>(
  "@kps/transport/testing/NatsServer/NatsServerError"
)("NatsServerError", { problem: Schema.String }) {
  override get message(): string {
    return `nats-server: ${this.problem}`
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Text of a configuration file: accounts, permissions, `max_payload`, TLS. Default: none. */
  readonly config?: string
  /** More arguments of the command line, such as `["--user", "u", "--pass", "p"]`. Default: none. */
  readonly args?: ReadonlyArray<string>
  /** Port on 127.0.0.1. Default: a free one, the same at every restart. */
  readonly port?: number
  /** Turns JetStream on; its files outlive restarts and go with the scope. Default: off. */
  readonly jetstream?: boolean
}

/**
 * @category services
 * @since 0.1.0
 */
export class NatsServer extends Context.Service<NatsServer, {
  /** Such as `nats://127.0.0.1:41234`; stays the same over restarts. */
  readonly url: string
  readonly port: number
  /** Base of the monitoring endpoints (`/connz`, `/subsz`), such as `http://127.0.0.1:41235`. */
  readonly monitorUrl: string
  /** Process id of the server that runs now, or the one that ran last. */
  readonly pid: Effect.Effect<number>
  /**
   * Sends a signal (default `SIGKILL`) and waits until the process has ended; `SIGSTOP`, `SIGCONT` and `SIGHUP` (reload
   * the configuration) are only sent. Does nothing when it has ended already.
   */
  readonly kill: (signal?: NodeJS.Signals) => Effect.Effect<void, NatsServerError>
  /** Starts it again on the same ports, after killing it when it still runs. */
  readonly restart: Effect.Effect<void, NatsServerError>
  /** Kills it, and removes what JetStream has stored: the next restart is one without its disk. */
  readonly loseDisk: Effect.Effect<void, NatsServerError>
  /** Replaces the configuration file; read at the next restart, or at `kill("SIGHUP")`. */
  readonly configure: (config: string) => Effect.Effect<void>
  /** Waits until the process that runs now has ended; succeeds at once when it has. */
  readonly exited: Effect.Effect<void>
  /** The end of what the server that runs now has logged, at most 16 KiB. */
  readonly log: Effect.Effect<string>
}>()("@kps/transport/testing/NatsServer") {}

const start = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<NatsServer["Service"], NatsServerError, Scope.Scope> {
  const file = binary()
  if (file === undefined) return yield* new NatsServerError({ problem: missing() })
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "nats-server-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const configFile = join(folder, "nats.conf")
  writeFileSync(configFile, options.config ?? "")
  const storeFolder = join(folder, "jetstream")
  const jetstream = options.jetstream === true ? ["-js", "-sd", storeFolder] : []
  const launch = (port: number, monitorPort: number) =>
    attempt(() =>
      natsProcess.launch(file, folder, [
        "-a",
        "127.0.0.1",
        "-p",
        `${port}`,
        "-m",
        `${monitorPort}`,
        "--ports_file_dir",
        folder,
        "-c",
        configFile,
        ...jetstream,
        ...(options.args ?? [])
      ])
    )

  let current = yield* launch(options.port ?? -1, -1)
  yield* Effect.addFinalizer(() => Effect.promise(() => current.kill("SIGKILL")))
  const { monitorPort, port } = current
  const kill = (signal: NodeJS.Signals = "SIGKILL") => attempt(() => current.kill(signal))

  return NatsServer.of({
    url: `nats://127.0.0.1:${port}`,
    port,
    monitorUrl: `http://127.0.0.1:${monitorPort}`,
    pid: Effect.sync(() => current.pid),
    kill,
    restart: Effect.uninterruptible(
      Effect.map(Effect.andThen(kill(), launch(port, monitorPort)), (next) => {
        current = next
      })
    ),
    loseDisk: Effect.andThen(
      kill(),
      Effect.sync(() => rmSync(storeFolder, { recursive: true, force: true }))
    ),
    configure: (config) => Effect.sync(() => writeFileSync(configFile, config)),
    exited: Effect.promise(() => current.exited),
    log: Effect.sync(() => current.log())
  })
})

/**
 * Starts a server, and succeeds when it takes connections.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Effect.Effect<NatsServer["Service"], NatsServerError, Scope.Scope> =>
  // a process that was started is known to the finalizer
  Effect.uninterruptible(start(options))

const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, NatsServerError> =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => new NatsServerError({ problem: cause instanceof Error ? cause.message : String(cause) })
  })

/**
 * Layer with a server of its own.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<NatsServer, NatsServerError> =>
  Layer.effect(NatsServer, make(options))
