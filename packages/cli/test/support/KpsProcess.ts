/** The command as a process of its own, built from the sources. */
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bundle } from "./bundle.ts"

export interface Done {
  readonly code: number
  readonly out: string
  readonly err: string
}

type Environment = Readonly<Record<string, string | undefined>>

type Run = (...args: ReadonlyArray<string>) => Effect.Effect<Done>

export interface KpsProcess {
  /** Of the test alone: its home for contexts, and a place for files. */
  readonly folder: string
  readonly outfile: string
  readonly env: Environment
  /** To its end: interrupted, the process ends as well. */
  readonly run: Run
  /** The same in another environment, with PATH alone besides. */
  readonly runWith: (env: Environment) => Run
  /** The bytes of its standard output. */
  readonly bytesOf: (...args: ReadonlyArray<string>) => Effect.Effect<Buffer>
  /** Writes a file and gives its path. */
  readonly file: (name: string, text: string) => string
}

/**
 * Ends with the scope, and leaves nothing. `node` are flags of Node; `below` is where its folder is made (default: with
 * the temporary files).
 */
export const make = Effect.fnUntraced(function*(
  env: Environment = {},
  { below = tmpdir(), node = [] }: { readonly below?: string; readonly node?: ReadonlyArray<string> } = {}
) {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(below, "kps-cli-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const outfile = join(folder, "kps.mjs")
  yield* bundle(outfile)
  const all = { PATH: process.env["PATH"], HOME: folder, KPS_HOME: join(folder, "home"), ...env }
  const execute = (env: Environment, args: ReadonlyArray<string>) =>
    Effect.callback<Omit<Done, "out"> & { readonly bytes: Buffer }>((resume) => {
      const child = execFile(
        process.execPath,
        [...node, outfile, ...args],
        { env, cwd: folder, timeout: 60_000, encoding: "buffer" },
        (_, bytes, err) => resume(Effect.succeed({ code: child.exitCode ?? -1, bytes, err: err.toString() }))
      )
      return Effect.sync(() => child.kill("SIGKILL"))
    })
  const runIn = (env: Environment): Run => (...args) =>
    Effect.map(execute(env, args), ({ bytes, code, err }) => ({ code, out: bytes.toString(), err }))
  const made: KpsProcess = {
    folder,
    outfile,
    env: all,
    run: runIn(all),
    runWith: (env) => runIn({ PATH: process.env["PATH"], ...env }),
    bytesOf: (...args) => Effect.map(execute(all, args), ({ bytes }) => bytes),
    file: (name, text) => {
      const path = join(folder, name)
      writeFileSync(path, text)
      return path
    }
  }
  return made
})
