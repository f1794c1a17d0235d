/** The packages as they are published: built, and packed into tarballs. */
import { Context, Effect, Layer } from "effect"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parse } from "yaml"
import { mustRun, root } from "./Command.ts"

/** What of a package.json is looked at here. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly description?: string
  readonly license?: string
  readonly private?: boolean
  readonly exports?: object
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly engines?: Readonly<Record<string, string>>
  readonly publishConfig?: { readonly access?: string }
}

const readJson = (file: string) => JSON.parse(readFileSync(file, "utf8"))

/** Folder and manifest of every package under `packages/` that is published. */
export const packages: ReadonlyArray<{ readonly folder: string; readonly manifest: Manifest }> = readdirSync(
  join(root, "packages")
)
  .map((name) => join(root, "packages", name))
  .filter((folder) => readdirSync(folder).includes("package.json"))
  .map((folder) => ({ folder, manifest: readJson(join(folder, "package.json")) as Manifest }))
  .filter(({ manifest }) => manifest.private !== true)

/** Versions that the whole workspace uses, from pnpm's catalog. */
export const catalog: Readonly<Record<string, string>> =
  parse(readFileSync(join(root, "pnpm-workspace.yaml"), "utf8")).catalog

/** `name@version`, as the catalog has it. */
export const fromCatalog = (name: string): string => {
  const version = catalog[name]
  if (version === undefined) throw new Error(`"${name}" is not in the catalog of pnpm-workspace.yaml`)
  return `${name}@${version}`
}

/** A folder that goes with the scope, under the system's temporary one if not under another. */
export const temporaryFolder = (prefix: string, parent: string = tmpdir()) =>
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(parent, prefix))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )

export class Packed extends Context.Service<Packed, {
  /** Path of the tarball of a package. */
  readonly tarball: (name: string) => string
  /** Tarballs of a package and of all that it depends on among ours. */
  readonly closure: (name: string) => ReadonlyArray<string>
}>()("ship/Packed") {}

const dependenciesOf = (name: string): ReadonlyArray<string> => {
  const found = packages.find(({ manifest }) => manifest.name === name)
  if (found === undefined) throw new Error(`"${name}" is not published`)
  return Object.keys(found.manifest.dependencies ?? {}).filter((dependency) => dependency.startsWith("@kps/"))
}

/** Builds what is not built, and packs. */
export const layer: Layer.Layer<Packed> = Layer.effect(
  Packed,
  Effect.gen(function*() {
    const folder = yield* temporaryFolder("kps-packed-")
    yield* mustRun("turbo", ["run", "build", "--filter=./packages/*", "--output-logs=errors-only"])
    const files = new Map<string, string>()
    yield* Effect.forEach(
      packages,
      ({ folder: cwd, manifest: { name } }) =>
        Effect.map(
          mustRun("pnpm", ["pack", "--json", "--pack-destination", folder], { cwd }),
          ({ stdout }) => void files.set(name, JSON.parse(stdout.slice(stdout.indexOf("{"))).filename)
        ),
      { concurrency: 2 }
    )
    const tarball = (name: string): string => {
      const file = files.get(name)
      if (file === undefined) throw new Error(`"${name}" was not packed`)
      return file
    }
    const names = (name: string): ReadonlyArray<string> => [
      name,
      ...dependenciesOf(name).flatMap((dependency) => names(dependency))
    ]
    return { tarball, closure: (name) => [...new Set(names(name))].map(tarball) }
  })
)
