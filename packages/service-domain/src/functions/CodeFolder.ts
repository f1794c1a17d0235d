/**
 * Where the code of a function is until it is loaded: a folder of its own, so that tracebacks have its name and lines.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { NotStarted } from "./Runner.ts"

/** What the file of a function is called, without its extension: its name, with "_" for all but letters and digits. */
export const fileName = (name: string): string => {
  const safe = name.replaceAll(/[^A-Za-z0-9]/g, "_").slice(0, 64)
  return /^[A-Za-z]/.test(safe) ? safe : `f_${safe}`
}

/** Removes it, if it is there. */
export const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true })

/** Makes a folder that only this user can read, with these files. It goes with the scope. */
export const make = (
  files: Readonly<Record<string, string | Uint8Array>>
): Effect.Effect<string, NotStarted, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => mkdtempSync(join(tmpdir(), "kps-function-")),
      catch: (cause) => new NotStarted({ message: `cannot make a folder for its code: ${String(cause)}`, context: "" })
    }),
    (folder) => Effect.sync(() => remove(folder))
  ).pipe(
    Effect.tap((folder) =>
      Effect.try({
        try: () => {
          for (const [name, content] of Object.entries(files)) {
            writeFileSync(join(folder, name), content, { mode: 0o600 })
          }
        },
        catch: (cause) => new NotStarted({ message: `cannot write its code: ${String(cause)}`, context: "" })
      })
    )
  )
