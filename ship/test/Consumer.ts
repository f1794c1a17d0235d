/** A folder in which somebody else uses the packages: npm, TypeScript and nothing of this workspace. */
import { Effect, Scope } from "effect"
import { spawnSync } from "node:child_process"
import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { type Ended, environment, mustRun, run } from "./Command.ts"
import { fromCatalog, temporaryFolder } from "./Packed.ts"

// asked once, when a test file is loaded: whether the registry that npm is set up with can be reached
const missing = (() => {
  const { error, status } = spawnSync("npm", ["view", fromCatalog("effect"), "version", "--fetch-retries=0"], {
    env: environment,
    stdio: "ignore",
    timeout: 20_000
  })
  if (error !== undefined && "code" in error && error.code === "ENOENT") return "no npm on PATH"
  return status === 0 ? undefined : "npm cannot fetch packages: the registry does not answer"
})()

/** Why what needs packages of others is skipped; `undefined` when it is run. */
export const skipReason = (): string | undefined => missing

/** Name of a suite that needs packages of others: says why where it is skipped. */
export const suiteName = (name: string): string => missing === undefined ? name : `${name} (skipped: ${missing})`

export interface Consumer {
  readonly folder: string
  readonly write: (file: string, text: string) => void
  readonly run: (command: string, args: ReadonlyArray<string>, env?: Readonly<Record<string, string>>) => Effect.Effect<
    Ended
  >
  /** Versions of every copy of a package in `node_modules`, by folder. */
  readonly copies: (name: string) => Readonly<Record<string, string>>
}

/** An empty folder with packages installed by npm: names with versions, and paths of tarballs. */
export const make = Effect.fnUntraced(function*(
  specifiers: ReadonlyArray<string>
): Effect.fn.Return<Consumer, never, Scope.Scope> {
  const folder = yield* temporaryFolder("kps-consumer-")
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  write("package.json", JSON.stringify({ name: "consumer", private: true, type: "module" }))
  yield* mustRun(
    "npm",
    ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--loglevel=error", ...specifiers],
    { cwd: folder }
  )
  return {
    folder,
    write,
    run: (command, args, env = {}) => run(command, args, { cwd: folder, env }),
    copies: (name) =>
      Object.fromEntries(
        globSync(`**/node_modules/${name}/package.json`, { cwd: folder }).map((file) => [
          dirname(file),
          JSON.parse(readFileSync(join(folder, file), "utf8")).version
        ])
      )
  }
})
