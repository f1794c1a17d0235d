/** Programs that are run as a process of their own, from the sources. */
import { Effect } from "effect"
import { execFile } from "node:child_process"

/** The path of a module of this app, as it is written in an import. */
export const module = (name: string): string => JSON.stringify(new URL(`../src/${name}.ts`, import.meta.url).pathname)

/** Arguments of `node` for a program. */
export const args = (program: string): ReadonlyArray<string> => [
  "--conditions=@kps/source",
  "--input-type=module",
  "-e",
  program
]

/** A folder from which the packages that this app depends on are found. */
export const cwd = new URL("..", import.meta.url).pathname

/** Runs it to its end. */
export const run = (program: string) =>
  Effect.callback<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>((resume) => {
    const child = execFile(process.execPath, args(program), { cwd, timeout: 15_000 }, (_, stdout, stderr) => {
      resume(Effect.succeed({ code: child.exitCode, stdout, stderr }))
    })
  })
