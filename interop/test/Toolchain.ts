/** The Go toolchain: whether it is here, and building the peer with it. */
import { Effect, Schema } from "effect"
import { execFile, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const wanted = [1, 26] as const

/** Where the module of the peer is. */
export const moduleFolder = fileURLToPath(new URL("../go", import.meta.url))

// the toolchain that is here is the one that is used: none is fetched
const environment = { ...process.env, GOTOOLCHAIN: "local" }

const missing = (() => {
  const { error, status, stdout } = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8", env: environment })
  if (error !== undefined || status !== 0) return `no Go ${wanted.join(".")} or later on PATH`
  const [, major = "0", minor = "0"] = /^go(\d+)\.(\d+)/.exec(stdout) ?? []
  const enough = Number(major) > wanted[0] || (Number(major) === wanted[0] && Number(minor) >= wanted[1])
  return enough ? undefined : `Go on PATH is ${stdout.trim()}, want ${wanted.join(".")} or later`
})()

/** Why a suite that needs Go is to be skipped; `undefined` when it is to be run. */
export const skipReason = (): string | undefined => missing

/** Name of a suite that needs Go: says why where it is skipped. */
export const suiteName = (name: string): string => missing === undefined ? name : `${name} (skipped: ${missing})`

/** Fetching the modules of the peer, or building it, failed. */
export class BuildFailed extends Schema.TaggedError<BuildFailed>("interop/Toolchain/BuildFailed")("BuildFailed", {
  command: Schema.String,
  output: Schema.String
}) {
  override get message(): string {
    return `${this.command} failed: ${this.output.trim()}`
  }
}

/** How long fetching and building may take, with nothing in Go's caches. */
export const buildTimeout = "5 minutes"

/**
 * Builds the program of a module, by default the peer, and gives the path of the binary, which goes with the scope.
 *
 * **Details**
 *
 * Modules and compiled packages stay in Go's own caches: the next build takes about a second. `go.mod` and `go.sum` are
 * not changed; where they do not fit what is fetched, this fails.
 */
export const build = Effect.fnUntraced(function*(module: string = moduleFolder) {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "kps-interop-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const binary = join(folder, "peer")
  const args = ["build", "-mod=readonly", "-buildvcs=false", "-ldflags=-s -w", "-o", binary, "."]
  yield* Effect.callback<void, BuildFailed>((resume) => {
    const go = execFile("go", args, { cwd: module, env: environment }, (error, _, stderr) => {
      if (error === null) return resume(Effect.void)
      const output = stderr === "" ? error.message : stderr.slice(-4000)
      resume(new BuildFailed({ command: `go ${args.join(" ")}`, output }))
    })
    return Effect.sync(() => go.kill("SIGKILL"))
  })
  return binary
})
