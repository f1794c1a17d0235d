import { Effect } from "effect"
import { build } from "esbuild"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const source = (name: string) => fileURLToPath(new URL(`../src/${name}.ts`, import.meta.url))

/**
 * The command and the processes that it starts, as they are built, but from the sources; in the scope. A process then
 * starts in a fraction of the time.
 */
export const bundle = Effect.acquireRelease(
  Effect.promise(async () => {
    const folder = mkdtempSync(join(tmpdir(), "kps-soak-program-"))
    writeFileSync(join(folder, "package.json"), `{"type":"module"}`)
    await build({
      entryPoints: [source("main"), source("roles/connector"), source("roles/simulate")],
      outbase: fileURLToPath(new URL("../src", import.meta.url)),
      bundle: true,
      splitting: true,
      platform: "node",
      format: "esm",
      conditions: ["@kps/source"],
      banner: { js: "import { createRequire as __cr } from \"node:module\"; const require = __cr(import.meta.url);" },
      outdir: folder
    })
    return { main: join(folder, "main.js"), connector: join(folder, "roles", "connector.js"), folder }
  }),
  ({ folder }) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)
