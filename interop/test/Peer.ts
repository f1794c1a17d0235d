/** The Go program in `../go`, built once for a suite and started as often as needed. */
import { Cause, Context, Deferred, Effect, Layer, Queue, Schema, type Scope } from "effect"
import { spawn } from "node:child_process"
import { build, type BuildFailed, buildTimeout } from "./Toolchain.ts"

/** The peer ended, or did not say in time what was waited for. */
export class PeerFailed extends Schema.TaggedError<PeerFailed>("interop/Peer/PeerFailed")("PeerFailed", {
  command: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `peer ${this.command}: ${this.problem}`
  }
}

/** How a process ended. */
export interface Ended {
  /** Null when a signal ended it. */
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A subcommand that runs. */
export interface Running {
  /** The next line of this event; those of other events before it are passed over. Waits at most a minute. */
  readonly next: <A>(event: string, schema: Schema.Codec<A, unknown>) => Effect.Effect<A, PeerFailed>
  /** Writes one line of JSON to its stdin. */
  readonly write: (line: object) => Effect.Effect<void>
  /** Closes its stdin: it comes to its end. */
  readonly endInput: Effect.Effect<void>
  /** Waits for its end, at most a minute. */
  readonly ended: Effect.Effect<Ended, PeerFailed>
}

/** Starts subcommands of the peer. */
export class Peer extends Context.Service<Peer, {
  /**
   * Starts a subcommand; it ends with the scope. The broker, if given, is that of the SDK's environment.
   */
  readonly start: (
    args: ReadonlyArray<string>,
    broker?: string
  ) => Effect.Effect<Running, PeerFailed, Scope.Scope>
}>()("interop/Peer") {}

const patience = "1 minute"

interface Line {
  readonly event: string
}
const Line = Schema.fromJsonString(Schema.Struct({ event: Schema.String }))

const start = (binary: string) =>
  Effect.fnUntraced(function*(
    args: ReadonlyArray<string>,
    broker?: string
  ): Effect.fn.Return<Running, PeerFailed, Scope.Scope> {
    const command = args.join(" ")
    const failed = (problem: string) => new PeerFailed({ command, problem })
    const lines = yield* Queue.unbounded<string, PeerFailed>()
    const ended = yield* Deferred.make<Ended, PeerFailed>()
    const child = spawn(binary, args, {
      env: { ...process.env, NATS_BROKER: broker ?? "nats://127.0.0.1:1", NATS_NAME: "kps-interop", PUSH_GW: "" },
      stdio: ["pipe", "pipe", "pipe"]
    })
    let stdout = ""
    let stderr = ""
    let rest = ""
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text
      const parts = (rest + text).split("\n")
      rest = parts.pop() ?? ""
      for (const line of parts) Queue.offerUnsafe(lines, line)
    })
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-8000)
    })
    // it may end before it has read everything
    child.stdin.on("error", () => {})
    const settle = (exit: Effect.Effect<Ended, PeerFailed>, problem: string) => {
      Deferred.doneUnsafe(ended, exit)
      Queue.failCauseUnsafe(lines, Cause.fail(failed(problem)))
    }
    child.once("error", (error) => settle(Effect.fail(failed(error.message)), error.message))
    child.once("close", (status, signal) => {
      settle(Effect.succeed({ status, stdout, stderr }), `ended by ${signal ?? `status ${status}`}: ${stderr.trim()}`)
    })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => child.stdin.end()).pipe(
        Effect.andThen(Deferred.await(ended)),
        Effect.timeoutOrElse({
          duration: "5 seconds",
          orElse: () => Effect.andThen(Effect.sync(() => child.kill("SIGKILL")), Deferred.await(ended))
        }),
        Effect.ignore
      )
    )

    const within = <A>(effect: Effect.Effect<A, PeerFailed>, what: string) =>
      Effect.timeoutOrElse(effect, {
        duration: patience,
        orElse: () => Effect.fail(failed(`no ${what} within ${patience}; stderr: ${stderr.trim()}`))
      })
    return {
      next: (event, schema) =>
        Effect.gen(function*() {
          for (;;) {
            const line = yield* Queue.take(lines)
            // the SDK writes lines of its own
            if (!line.startsWith("{")) continue
            if ((yield* Schema.decodeEffect(Line)(line)).event !== event) continue
            return yield* Schema.decodeEffect(Schema.fromJsonString(schema))(line)
          }
        }).pipe(
          Effect.catchTag("SchemaError", (error) => Effect.fail(failed(error.message))),
          (effect) => within(effect, `"${event}"`)
        ),
      write: (line) => Effect.sync(() => child.stdin.write(`${JSON.stringify(line)}\n`)),
      endInput: Effect.sync(() => child.stdin.end()),
      ended: within(Deferred.await(ended), "end")
    }
  })

/** Builds the peer. */
export const layer: Layer.Layer<Peer, BuildFailed | Cause.TimeoutError> = Layer.effect(
  Peer,
  Effect.map(Effect.timeout(build(), buildTimeout), (binary) => Peer.of({ start: start(binary) }))
)
