import { Effect } from "effect"
import { build, type BuildOptions } from "esbuild"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const source = (name: string) => fileURLToPath(new URL(`../../${name}.ts`, import.meta.url))

/** The programs are built as they are shipped, but from the sources, into a folder of the scope. */
const bundleOf = (entries: Readonly<Record<string, string>>, options: BuildOptions) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const folder = mkdtempSync(join(tmpdir(), "kps-soak-program-"))
      writeFileSync(join(folder, "package.json"), `{"type":"module"}`)
      await build({
        entryPoints: Object.entries(entries).map(([out, name]) => ({ in: source(name), out })),
        bundle: true,
        platform: "node",
        format: "esm",
        conditions: ["@kps/source"],
        banner: { js: "import { createRequire as __cr } from \"node:module\"; const require = __cr(import.meta.url);" },
        outdir: folder,
        ...options
      })
      return folder
    }),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )

/** The command and the processes that it starts, which then start in a fraction of the time. */
export const bundle = Effect.map(
  bundleOf({
    main: "soak/src/main",
    "roles/connector": "soak/src/roles/connector",
    "roles/simulate": "soak/src/roles/simulate"
  }, { splitting: true }),
  (folder) => ({ main: join(folder, "main.js"), connector: join(folder, "roles", "connector.js"), folder })
)

/** The nats-connector, and the command that asks it. */
export const natsBundle = Effect.map(
  bundleOf({ connector: "apps/nats-connector/src/main", kps: "packages/cli/src/main" }, { minify: true }),
  (folder) => ({ connector: join(folder, "connector.js"), kps: join(folder, "kps.js") })
)
