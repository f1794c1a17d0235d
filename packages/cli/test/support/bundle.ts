import { Effect } from "effect"
import { build } from "esbuild"
import { fileURLToPath } from "node:url"

/** Makes the command one file, as it is published, from the sources. */
export const bundle = (outfile: string) =>
  Effect.promise(() =>
    build({
      entryPoints: [fileURLToPath(new URL("../../src/main.ts", import.meta.url))],
      bundle: true,
      platform: "node",
      format: "esm",
      conditions: ["@kps/source"],
      banner: { js: "import { createRequire as __cr } from \"node:module\"; const require = __cr(import.meta.url);" },
      outfile
    })
  )
