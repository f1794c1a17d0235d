/** One replica of a connector, as a process behind a proxy of its own. */
import { Command } from "@kps/testing"
import type * as Proxy from "@kps/transport/testing/Proxy"
import { Effect, Result, type Scope } from "effect"
import { createInterface } from "node:readline"
import type { Subject } from "./Subject.ts"
import { until } from "./Until.ts"

export interface Options {
  readonly subject: Subject
  readonly env: Readonly<Record<string, string>>
  readonly replica: string
  readonly proxy: Proxy.Proxy
}

export interface Child {
  readonly replica: string
  readonly proxy: Proxy.Proxy
  /** Starts it, and waits until it serves: gives the port. */
  readonly start: Effect.Effect<number>
  /** Where it serves, or did last. */
  readonly port: () => number
  /** Ends it as a power cut would, and waits until it has ended. */
  readonly kill: Effect.Effect<void>
  readonly signal: (signal: "SIGSTOP" | "SIGCONT" | "SIGTERM") => Effect.Effect<void>
  readonly isRunning: () => boolean
  /** The end of what it said on standard error, all of its lives. */
  readonly said: () => string
}

/** On a machine that is busy a process takes its time. */
const startsWithin = "90 seconds"
const mostSaid = 8_192

export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Child, never, Scope.Scope> {
  const { env, proxy, replica, subject: { portOf, program } } = options
  let current: Command.Running | undefined
  let said = ""
  let port: number | undefined

  const launch = Effect.sync(() => {
    port = undefined
    const running = Command.launch(
      `exec ${JSON.stringify(process.execPath)} ${JSON.stringify(program)}`,
      { ...env, REPLICA: replica, NATS_BROKER: proxy.url },
      ["ignore", "pipe", "pipe"]
    )
    current = running
    running.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-mostSaid)
    })
    for (const output of [running.child.stdout, running.child.stderr]) {
      if (output !== null) createInterface({ input: output }).on("line", (line) => void (port ??= portOf(line)))
    }
  })
  const kill = Effect.suspend(() => {
    current?.kill("SIGKILL")
    return current === undefined ? Effect.void : Effect.asVoid(current.exit)
  })
  yield* Effect.addFinalizer(() => kill)
  return {
    replica,
    proxy,
    start: Effect.andThen(
      launch,
      Effect.map(
        until(
          () => `replica ${replica} serves; it said: ${said.slice(-1_000)}`,
          () => port !== undefined || current?.ended() === true,
          startsWithin
        ),
        () => {
          if (port === undefined) throw new Error(`replica ${replica} has ended at its start: ${said.slice(-1_000)}`)
          return port
        }
      )
    ),
    port: () => port ?? 0,
    kill,
    signal: (signal) =>
      Effect.sync(() => {
        const pid = current?.child.pid
        if (pid !== undefined) Result.try(() => process.kill(pid, signal))
      }),
    isRunning: () => current !== undefined && !current.ended(),
    said: () => said
  }
})
