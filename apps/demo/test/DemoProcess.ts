/** The demo as it is shipped: bundled by the packages' own scripts, and run as a process. */
import * as Watchdog from "@kps/transport/testing/Watchdog"
import { Effect } from "effect"
import type { Scope } from "effect"
import { type ChildProcess, exec, spawn, spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { isAlive, until } from "./Waiting.ts"

const root = fileURLToPath(new URL("../../..", import.meta.url))

const bundleApp = async (app: string, file: string, folder: string): Promise<void> => {
  const cwd = join(root, app)
  const outFile = join(folder, app, "dist", file)
  const { scripts } = JSON.parse(readFileSync(join(cwd, "package.json"), "utf8")) as {
    readonly scripts: { readonly build: string }
  }
  mkdirSync(dirname(outFile), { recursive: true })
  await promisify(exec)(scripts.build.replace(`dist/${file}`, outFile), {
    cwd,
    env: { ...process.env, PATH: [join(cwd, "node_modules", ".bin"), process.env["PATH"]].join(delimiter) }
  })
}

/** Bundles all that runs into a folder of this test's own: what is in `dist` may be old, or being written. */
export const bundle = Effect.acquireRelease(
  Effect.promise(async () => {
    const folder = mkdtempSync(join(tmpdir(), "kps-demo-bundle-"))
    writeFileSync(join(folder, "package.json"), "{\"type\":\"module\"}")
    await Promise.all([
      bundleApp("apps/demo", "main.js", folder),
      bundleApp("apps/nats-connector", "main.js", folder),
      bundleApp("packages/cli", "kps.js", folder)
    ])
    cpSync(join(root, "samples"), join(folder, "samples"), { recursive: true, dereference: true })
    return { folder, main: join(folder, "apps", "demo", "dist", "main.js") }
  }),
  ({ folder }) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** A program that runs another on a terminal of its own; standard input: a line of JSON for each thing to do there. */
const terminalProgram = fileURLToPath(new URL("terminal.py", import.meta.url))

/** Why there can be no terminal; undefined: there can. */
export const noTerminal: string | undefined = spawnSync("python3", ["-c", "import pty"]).status === 0
  ? undefined
  : "no python3 with its module pty"

export interface DemoProcess {
  /** The demo itself, or the program that holds its terminal. */
  readonly process: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  /** Waits for a line of its output that matches, and gives back the match. */
  readonly line: (pattern: RegExp) => Effect.Effect<RegExpExecArray>
  /** The pid in its latest line about one of its processes. */
  readonly pid: (name: string) => Effect.Effect<number>
  /** Waits until it has ended; its exit code. */
  readonly ended: Effect.Effect<number | null>
  /** The last line of its output. */
  readonly lastLine: () => string
  /** Pids of its processes that are still there. */
  readonly left: () => ReadonlyArray<number>
  /** On a terminal: types there, gives it another size, or sends the demo a signal. */
  readonly act: (
    action: { readonly type: string } | { readonly resize: readonly [number, number] } | { readonly kill: number }
  ) => void
}

/** Starts the demo; whatever becomes of it, it and all it started are gone when the scope closes. */
export const start = Effect.fnUntraced(function*(
  main: string,
  args: ReadonlyArray<string>,
  options: {
    readonly env?: Readonly<Record<string, string | undefined>>
    /** Runs it on a terminal of this size. */
    readonly terminal?: { readonly columns: number; readonly rows: number }
  } = {}
): Effect.fn.Return<DemoProcess, never, Scope.Scope> {
  let stdout = ""
  let stderr = ""
  const pids = () => [...stdout.matchAll(/^[\w -]+: pid (\d+), port \d+$/gm)].map((match) => Number(match[1]))
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const { INIT_CWD: _, ...env } = process.env
      const { terminal } = options
      const onTerminal = terminal === undefined ? [] : [
        "python3",
        terminalProgram,
        `${terminal.columns}`,
        `${terminal.rows}`
      ]
      const [command = "", ...rest] = [...onTerminal, process.execPath, main, ...args]
      return spawn(command, rest, { env: { ...env, ...options.env } })
    }),
    (child) =>
      Effect.sync(() => {
        child.kill("SIGKILL")
        for (const pid of pids()) if (isAlive(pid)) process.kill(pid, "SIGKILL")
        const logs = /^logs: (.+)$/m.exec(stdout)?.[1]
        if (logs !== undefined) rmSync(logs, { recursive: true, force: true })
      })
  )
  Watchdog.watch(child)
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    // a terminal puts one before each line feed
    stdout += text.replaceAll("\r", "")
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text
  })
  // one that was killed does not read any more
  child.stdin.on("error", () => {})
  let exit: { readonly code: number | null } | undefined
  child.once("close", (code) => {
    exit = { code }
  })
  const told = () => `\n${stdout}\n${stderr}`

  const line = (pattern: RegExp) =>
    until(`${pattern}`, () => pattern.test(stdout) || exit !== undefined, told).pipe(
      Effect.map(() => {
        const match = pattern.exec(stdout)
        if (match === null) throw new Error(`it ended without ${pattern}:${told()}`)
        return match
      })
    )
  return {
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    line,
    pid: (name) =>
      Effect.map(
        line(new RegExp(`^${name}: pid (\\d+), port \\d+$(?![^]*^${name}: pid)`, "m")),
        (match) => Number(match[1])
      ),
    ended: Effect.map(until("its end", () => exit !== undefined, told), () => exit?.code ?? null),
    lastLine: () => stdout.trimEnd().split("\n").at(-1) ?? "",
    left: () => pids().filter(isAlive),
    act: (action) => void child.stdin.write(`${JSON.stringify(action)}\n`)
  }
})
