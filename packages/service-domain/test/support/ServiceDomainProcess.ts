/** Starts `serve.ts`, and kills it. */
import * as Watchdog from "@kps/transport/testing/Watchdog"
import { Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import type { Options } from "../../src/ServiceDomain.ts"
import { caller, type Rest, token } from "./Rest.ts"

const script = fileURLToPath(new URL("serve.ts", import.meta.url))

export interface ServiceDomainProcess {
  readonly url: string
  readonly call: Rest["call"]
  /** Sends SIGKILL, and waits until it has ended. */
  readonly kill: Effect.Effect<void>
}

/** Succeeds when it serves. Ends with the scope. */
export const start = (
  options: Omit<Options, "access" | "rest">
): Effect.Effect<ServiceDomainProcess, never, Scope.Scope> =>
  Effect.gen(function*() {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, ["--conditions=@kps/source", script, JSON.stringify({ ...options, token })], {
          stdio: ["ignore", "pipe", "inherit"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    Watchdog.watch(child)
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()))
    const url = yield* Effect.callback<string>((resume) => {
      createInterface({ input: child.stdout }).on("line", (line) => {
        if (line.startsWith("{\"url\"")) resume(Effect.succeed(JSON.parse(line).url))
      })
      child.once("exit", (code) => resume(Effect.die(new Error(`the service domain has ended with ${code}`))))
    })
    return {
      url,
      call: caller(url),
      kill: Effect.andThen(Effect.sync(() => child.kill("SIGKILL")), Effect.promise(() => ended))
    }
  })
