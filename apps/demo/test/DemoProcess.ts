/** The demo as it is shipped: bundled by the packages' own scripts, and run as a process. */
import { Effect } from "effect"
import type { Scope } from "effect"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { isAlive, until } from "./Waiting.ts"

const apps = fileURLToPath(new URL("../..", import.meta.url))

/** Bundles both apps into a folder of this test's own: what is in `dist` may be old, or being written. */
export const bundle = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "kps-demo-bundle-"))
    writeFileSync(join(folder, "package.json"), "{\"type\":\"module\"}")
    for (const app of ["demo", "nats-connector"]) {
      const cwd = join(apps, app)
      const outFile = join(folder, "apps", app, "dist", "main.js")
      const { scripts } = JSON.parse(readFileSync(join(cwd, "package.json"), "utf8")) as {
        readonly scripts: { readonly build: string }
      }
      mkdirSync(join(folder, "apps", app, "dist"), { recursive: true })
      const { status, stderr } = spawnSync(scripts.build.replace("dist/main.js", outFile), {
        cwd,
        shell: true,
        encoding: "utf8",
        env: { ...process.env, PATH: [join(cwd, "node_modules", ".bin"), process.env["PATH"]].join(delimiter) }
      })
      if (status !== 0) throw new Error(`cannot bundle ${app}: ${stderr}`)
    }
    return { folder, main: join(folder, "apps", "demo", "dist", "main.js") }
  }),
  ({ folder }) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

export interface DemoProcess {
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
}

/** Starts the demo; whatever becomes of it, it and all it started are gone when the scope closes. */
export const start = Effect.fnUntraced(function*(
  main: string,
  args: ReadonlyArray<string>,
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {}
): Effect.fn.Return<DemoProcess, never, Scope.Scope> {
  let stdout = ""
  let stderr = ""
  const pids = () => [...stdout.matchAll(/^[\w -]+: pid (\d+), port \d+$/gm)].map((match) => Number(match[1]))
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const { INIT_CWD: _, ...env } = process.env
      return spawn(process.execPath, [main, ...args], { ...options, env: { ...env, ...options.env } })
    }),
    (child) =>
      Effect.sync(() => {
        child.kill("SIGKILL")
        for (const pid of pids()) if (isAlive(pid)) process.kill(pid, "SIGKILL")
        const logs = /^logs: (.+)$/m.exec(stdout)?.[1]
        if (logs !== undefined) rmSync(logs, { recursive: true, force: true })
      })
  )
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text
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
    left: () => pids().filter(isAlive)
  }
})
