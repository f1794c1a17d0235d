/** A command that goes on, as a process of its own: `kps serve`, `kps up`. */
import * as Watchdog from "@kps/transport/testing/Watchdog"
import { Effect, Schedule } from "effect"
import { spawn } from "node:child_process"
import type { KpsProcess } from "./KpsProcess.ts"

export interface KpsServer {
  readonly pid: number
  /** What it wrote until now, on both outputs. */
  readonly text: () => string
  /** Waits until it has written this. */
  readonly said: (wanted: RegExp) => Effect.Effect<string>
  /** Ends it, and waits until it has ended. */
  readonly end: (signal?: NodeJS.Signals) => Effect.Effect<void>
}

/** Ends with the scope. */
export const start = (
  { env, folder, outfile }: KpsProcess,
  args: ReadonlyArray<string>,
  more: Readonly<Record<string, string>> = {}
) =>
  Effect.acquireRelease(
    Effect.sync((): KpsServer => {
      const child = spawn(process.execPath, [outfile, ...args], {
        cwd: folder,
        env: { ...env, ...more },
        stdio: ["ignore", "pipe", "pipe"]
      })
      Watchdog.watch(child)
      let text = ""
      for (const output of [child.stdout, child.stderr]) {
        output.setEncoding("utf8").on("data", (more: string) => {
          text += more
        })
      }
      return {
        pid: child.pid ?? 0,
        text: () => text,
        said: (wanted) =>
          Effect.suspend(() => wanted.test(text) ? Effect.succeed(text) : Effect.fail(text)).pipe(
            Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.upTo({ duration: "60 seconds" }))),
            Effect.catch((last) => Effect.die(new Error(`never ${wanted}: ${last}`)))
          ),
        end: (signal = "SIGTERM") =>
          Effect.callback<void>((resume) => {
            if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
            child.once("exit", () => resume(Effect.void))
            child.kill(signal)
          })
      }
    }),
    (server) => server.end()
  )
