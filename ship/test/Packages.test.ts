/** The packages as a consumer gets them: tarballs, installed by npm where nothing of this workspace is. */
import { assert, describe, layer } from "@effect/vitest"
import { binary, make as natsServer, suiteName as natsSuiteName } from "@kps/transport/testing/NatsServer"
import { Context, Effect, Layer } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import { environment, root, run } from "./Command.ts"
import * as Consumer from "./Consumer.ts"
import { catalog, fromCatalog, layer as packedLayer, packages, Packed } from "./Packed.ts"
import * as Program from "./Program.ts"

const names = packages.map(({ manifest }) => manifest.name)
const libraries = packages.filter(({ manifest }) => manifest.exports !== undefined).map(({ manifest }) => manifest.name)

/** The first connector of the README, and what acts as the platform for it. */
const connector = join(root, "examples", "first-connector", "src")
const drivers = join(root, "ship", "consumer")

/** Code blocks of a text in Markdown, in order. */
const codeBlocks = (markdown: string): ReadonlyArray<string> =>
  [...markdown.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = ""]) => code)

class Installed extends Context.Service<Installed, Consumer.Consumer>()("ship/Installed") {}

const installed = Layer.effect(
  Installed,
  Effect.gen(function*() {
    const { tarball } = yield* Packed
    const consumer = yield* Consumer.make([
      ...names.map(tarball),
      ...["effect", "@effect/platform-node", "typescript", "@types/node"].map(fromCatalog)
    ])
    for (const folder of [connector, drivers]) {
      for (const file of readdirSync(folder)) consumer.write(`src/${file}`, readFileSync(join(folder, file), "utf8"))
    }
    for (const { folder, manifest: { name } } of packages) {
      const blocks = codeBlocks(readFileSync(join(folder, "README.md"), "utf8"))
      blocks.forEach((code, i) => consumer.write(`src/readme/${name.replace("@kps/", "")}-${i + 1}.ts`, code))
    }
    consumer.write(
      "tsconfig.json",
      JSON.stringify({
        include: ["src"],
        compilerOptions: {
          target: "ES2024",
          lib: ["ES2024", "ESNext.Disposable"],
          module: "NodeNext",
          types: ["node"],
          strict: true,
          exactOptionalPropertyTypes: true,
          skipLibCheck: false,
          allowImportingTsExtensions: true,
          noEmit: true
        }
      })
    )
    return consumer
  })
)

const missing = Consumer.skipReason()

layer(packedLayer, { excludeTestServices: true, timeout: "120 seconds" })("every package, packed", (it) => {
  it.effect("has the name of its folder, the version of the others, licence, readme and the Node it needs", () =>
    Effect.gen(function*() {
      const { tarball } = yield* Packed
      for (const { folder, manifest: { name } } of packages) assert.strictEqual(name, `@kps/${basename(folder)}`)
      assert.strictEqual(new Set(packages.map(({ manifest }) => manifest.version)).size, 1)
      for (const { manifest: { name } } of packages) {
        const listed = yield* run("tar", ["-tzf", tarball(name)])
        const files = listed.stdout.trimEnd().split("\n").map((file) => file.replace("package/", ""))
        for (const wanted of ["LICENSE", "README.md", "package.json"]) assert.include(files, wanted, name)
        const alien = files.filter((file) =>
          !/^(LICENSE|README\.md|package\.json|dist\/.*\.(js|d\.ts)(\.map)?|src\/.*\.ts)$/.test(file)
        )
        assert.deepStrictEqual(alien, [], name)
        const { stdout } = yield* run("tar", ["-xzOf", tarball(name), "package/package.json"])
        const manifest = JSON.parse(stdout)
        assert.strictEqual(manifest.license, "Apache-2.0", name)
        assert.strictEqual(manifest.engines.node, ">=22.19", name)
        assert.strictEqual(manifest.publishConfig.access, "public", name)
        assert.isNotEmpty(manifest.description, name)
        // a consumer resolves neither our sources nor our workspace
        assert.notMatch(JSON.stringify([manifest.exports, manifest.dependencies]), /@kps\/source|workspace:|catalog:/)
        assert.notProperty(manifest.dependencies ?? {}, "effect", name)
      }
    }))

  it.effect("has nothing that publint objects to", () =>
    Effect.gen(function*() {
      const { tarball } = yield* Packed
      for (const name of names) {
        const bytes = readFileSync(tarball(name))
        const { messages, pkg } = yield* Effect.promise(() =>
          publint({
            strict: true,
            pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) }
          })
        )
        assert.deepStrictEqual(messages.map((message) => formatMessage(message, pkg, { color: false })), [], name)
      }
    }))

  it.effect(
    "has types that are right for every ECMAScript importer",
    () =>
      Effect.gen(function*() {
        const { tarball } = yield* Packed
        // the command line package has nothing to import
        yield* Effect.forEach(libraries, (name) =>
          Effect.map(
            run("attw", [tarball(name), "--profile", "esm-only", "--no-color", "--no-emoji"]),
            ({ code, stderr, stdout }) => assert.strictEqual(code, 0, `${name}: ${stdout}${stderr}`)
          ), { concurrency: 2 })
      }),
    60_000
  )

  describe.skipIf(missing !== undefined)(Consumer.suiteName("packages, installed by npm"), () => {
    it.layer(installed, { timeout: "120 seconds" })("all of them in one folder", (it) => {
      it.effect("share one effect", () =>
        Effect.gen(function*() {
          const { copies } = yield* Installed
          assert.deepStrictEqual(copies("effect"), { "node_modules/effect": catalog["effect"]! })
          for (const name of names) assert.lengthOf(Object.keys(copies(name)), 1, name)
        }))

      it.effect(
        "type-check with the README's first connector and every example of the packages' readmes",
        () =>
          Effect.gen(function*() {
            const { folder, run } = yield* Installed
            for (const name of libraries) {
              const { folder } = packages.find(({ manifest }) => manifest.name === name)!
              assert.isNotEmpty(codeBlocks(readFileSync(join(folder, "README.md"), "utf8")), `${name}: no example`)
            }
            const { stderr, stdout } = yield* run(join(folder, "node_modules/.bin/tsc"), ["--listFiles"])
            assert.strictEqual(stderr, "")
            const lines = stdout.split("\n")
            for (const name of libraries) assert.isTrue(lines.some((line) => line.includes(`/${name}/dist/`)), name)
            // declarations of libraries that are not ours want DOM types, or do not hold under every strict option
            const ours = lines.filter((line) => /: error TS/.test(line) && !/^node_modules\/(?!@kps\/)/.test(line))
            assert.deepStrictEqual(ours, [])
          }),
        60_000
      )

      it.effect("have a kps command that runs", () =>
        Effect.gen(function*() {
          const { run } = yield* Installed
          const version = yield* run("npx", ["--no-install", "kps", "--version"])
          assert.include(version.stdout, packages[0]!.manifest.version)
          assert.strictEqual(version.code, 0, version.stderr)
          const help = yield* run("npx", ["--no-install", "kps", "--help"])
          assert.match(help.stdout, /stream/)
          assert.strictEqual(help.code, 0, help.stderr)
        }))

      describe.skipIf(binary() === undefined)(natsSuiteName("beside a nats-server"), () => {
        it.effect(
          "run the README's first connector: a reading arrives on the channel that SetPayload named",
          () =>
            Effect.gen(function*() {
              const { folder, run, write } = yield* Installed
              const nats = yield* natsServer()
              const env = { CONNECTOR_INSTANCE_ID: "sensor-1", NATS_BROKER: nats.url }
              write("temp", "48213\n")
              const connector = yield* Program.start(process.execPath, [
                "--import",
                "./src/loopback.mjs",
                "src/main.ts"
              ], {
                cwd: folder,
                env: { ...environment, ...env }
              })
              const port = yield* connector.find("its port", (stderr) => /^listening on (\d+)/m.exec(stderr)?.[1])
              const driven = yield* run(
                process.execPath,
                ["src/drive.ts", `127.0.0.1:${port}`, join(folder, "temp")],
                env
              )
              assert.strictEqual(driven.stderr, "")
              assert.deepStrictEqual(driven.stdout.trimEnd().split("\n"), [
                "reading: 48213",
                "",
                "stream: {\"id\":\"sensor\",\"subscribed\":true,\"discovered\":false}"
              ])
              assert.strictEqual(driven.code, 0)
              assert.strictEqual(yield* connector.stop, 0)
            }),
          30_000
        )
      })
    })

    describe("alone with what it depends on", () => {
      for (const name of ["@kps/idl", "@kps/transport", "@kps/events", "@kps/server"]) {
        it.effect(
          `${name} can be imported`,
          () =>
            Effect.gen(function*() {
              const { closure } = yield* Packed
              const tarballs = closure(name)
              const { copies, run, write } = yield* Consumer.make([...tarballs, fromCatalog("effect")])
              const present = names.filter((name) => Object.keys(copies(name)).length > 0)
              assert.lengthOf(present, tarballs.length)
              assert.lengthOf(Object.keys(copies("effect")), 1)
              write("import.mjs", `console.log(Object.keys(await import("${name}")).length)\n`)
              const { code, stderr, stdout } = yield* run(process.execPath, ["import.mjs"])
              assert.strictEqual(stderr, "")
              assert.strictEqual(code, 0)
              assert.isAbove(Number(stdout), 0)
            }),
          60_000
        )
      }
    })
  })
})
