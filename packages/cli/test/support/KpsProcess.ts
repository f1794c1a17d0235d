/** The command as a process of its own, built from the sources. */
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bundle } from "./bundle.ts"

export interface Done {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface KpsProcess {
  /** Of the test alone: its home for contexts, and a place for files. */
  readonly folder: string
  readonly outfile: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly run: (...args: ReadonlyArray<string>) => Effect.Effect<Done>
}

export const runWith = (
  outfile: string,
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
  args: ReadonlyArray<string>
): Effect.Effect<Done> =>
  Effect.callback<Done>((resume) => {
    const child = execFile(
      process.execPath,
      [outfile, ...args],
      { env, cwd: folder, timeout: 60_000 },
      (_, out, err) => resume(Effect.succeed({ code: child.exitCode ?? -1, out, err }))
    )
  })

/** Ends with the scope, and leaves nothing. */
export const make = Effect.fnUntraced(function*(env: Readonly<Record<string, string>> = {}) {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "kps-cli-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const outfile = join(folder, "kps.mjs")
  yield* bundle(outfile)
  const all = { PATH: process.env["PATH"], HOME: folder, KPS_HOME: join(folder, "home"), ...env }
  const made: KpsProcess = {
    folder,
    outfile,
    env: all,
    run: (...args) => runWith(outfile, folder, all, args)
  }
  return made
})
