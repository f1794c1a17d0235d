/** Commands of other tools, run to their end. */
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

/** The root of the repository. */
export const root = fileURLToPath(new URL("../..", import.meta.url))

// npm and pnpm hand their settings to their children as npm_*; those of one are not meant for another
const inherited = Object.fromEntries(
  Object.entries(process.env).filter(([key]) =>
    !/^npm_(config_(?!registry$|cafile$|https?_proxy$|proxy$)|package|lifecycle|command|execpath|node_execpath)/i.test(
      key
    )
  )
)

/** This process's environment without what npm or pnpm put there, with the commands of the workspace on PATH. */
export const environment: Readonly<Record<string, string | undefined>> = {
  ...inherited,
  PATH: [
    join(root, "ship", "node_modules", ".bin"),
    join(root, "node_modules", ".bin"),
    process.env["PATH"] ?? ""
  ].join(delimiter),
  TURBO_TELEMETRY_DISABLED: "1",
  NO_COLOR: "1"
}

export interface Options {
  /** Default: the root of the repository. */
  readonly cwd?: string
  /** On top of `environment`. Default: nothing. */
  readonly env?: Readonly<Record<string, string>>
}

export interface Ended {
  /** Exit code; -1 when a signal ended it, or it could not be started. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end, whatever that is. Interrupting it kills the command and waits for it. */
export const run = (command: string, args: ReadonlyArray<string>, options: Options = {}): Effect.Effect<Ended> =>
  Effect.callback((resume) => {
    let stdout = ""
    let stderr = ""
    const child = spawn(command, args, {
      cwd: options.cwd ?? root,
      env: { ...environment, ...options.env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    child.stdout.setEncoding("utf8").on("data", (text: string) => void (stdout += text))
    child.stderr.setEncoding("utf8").on("data", (text: string) => void (stderr += text))
    const closed = new Promise<void>((done) => child.once("close", () => done()))
    child.once("error", (error) => resume(Effect.succeed({ code: -1, stdout, stderr: String(error) })))
    child.once("close", (code) => resume(Effect.succeed({ code: code ?? -1, stdout, stderr })))
    return Effect.promise(() => {
      child.kill("SIGKILL")
      return closed
    })
  })

/** `run`, which dies with all the command said when it did not exit with 0. */
export const mustRun = (
  command: string,
  args: ReadonlyArray<string>,
  options: Options = {}
): Effect.Effect<Ended> =>
  Effect.tap(run(command, args, options), ({ code, stderr, stdout }) =>
    code === 0
      ? Effect.void
      : Effect.die(new Error(`${[command, ...args].join(" ")}: exit ${code}\n${stdout}\n${stderr}`)))
