/** What a release does to versions and changelogs, in a copy of the workspace's manifests. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { cpSync, globSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs"
import { dirname, join } from "node:path"
import { mustRun, root } from "./Command.ts"
import { packages, temporaryFolder } from "./Packed.ts"

const manifests = globSync(["{packages,apps,examples}/*/package.json", "{interop,ship}/package.json"], { cwd: root })

it.live(
  "raises all packages to one version, and tells the users of each what changed in it",
  () =>
    Effect.gen(function*() {
      const copy = yield* temporaryFolder("kps-release-")
      for (const file of ["package.json", "pnpm-workspace.yaml", ...manifests]) {
        mkdirSync(dirname(join(copy, file)), { recursive: true })
        cpSync(join(root, file), join(copy, file))
      }
      cpSync(join(root, ".changeset"), join(copy, ".changeset"), { recursive: true })
      // nothing but what changesets itself is resolved from: a package manager at work here would follow the link
      mkdirSync(join(copy, "node_modules"))
      symlinkSync(join(root, "node_modules", "@changesets"), join(copy, "node_modules", "@changesets"))
      yield* mustRun("git", ["init", "--quiet"], { cwd: copy })
      yield* mustRun(process.execPath, [join(root, "node_modules/@changesets/cli/bin.js"), "version"], {
        cwd: copy,
        env: { PATH: "/usr/bin:/bin" }
      })

      const read = (file: string) => readFileSync(join(copy, file), "utf8")
      const told = readdirSync(join(root, ".changeset")).filter((file) => /^(?!README).*\.md$/.test(file))
      const released = packages.map(({ folder }) => join("packages", folder.split("/").at(-1) ?? ""))
      const versions = released.map((folder) => JSON.parse(read(join(folder, "package.json"))).version)
      assert.lengthOf([...new Set(versions)], 1)
      if (told.length > 0) assert.notStrictEqual(versions[0], packages[0]?.manifest.version)
      for (const file of told) {
        const [, named = "", sentence = ""] = /^---\n(.+)\n---\n\n(.+)\n$/s.exec(
          readFileSync(join(root, ".changeset", file), "utf8")
        ) ?? []
        const about = [...named.matchAll(/^"@kps\/([\w-]+)": \w+$/gm)]
        assert.isNotEmpty(about, `${file} names packages`)
        for (const [, name = ""] of about) assert.include(read(join("packages", name, "CHANGELOG.md")), sentence)
      }
      // apps are no packages: they stay as they are
      for (const file of manifests) {
        if (!file.startsWith("packages/")) assert.strictEqual(read(file), readFileSync(join(root, file), "utf8"))
      }
    }).pipe(Effect.scoped),
  30_000
)
