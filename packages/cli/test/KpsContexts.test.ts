import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as KpsProcess from "./support/KpsProcess.ts"

class Kps extends Context.Service<Kps, KpsProcess.KpsProcess>()("test/Kps") {}

const kps = Layer.effect(Kps, KpsProcess.make())

/** Each command is a process of its own. */
const patience = 120_000

/** Where nothing listens: a port of the discard service on loopback. */
const nowhere = "http://127.0.0.1:9"

layer(kps, { excludeTestServices: true, timeout: "60 seconds" })("contexts", (it) => {
  it.effect("are not made for a service domain that cannot have its name", () =>
    Effect.gen(function*() {
      const { run } = yield* Kps
      const { code, err, out } = yield* run("serve", "--port", "0", "--svcdomain", "Plant 1")

      assert.deepStrictEqual([code, out], [2, ""])
      assert.match(
        err,
        /^kps: 1 violation in service domain "Plant 1":\n {2}name: expected a name of lower-case letters/
      )
    }), patience)

  it.effect("are named by commands, and by them alone", () =>
    Effect.gen(function*() {
      const { folder, run } = yield* Kps
      const none = yield* run("get", "category")
      assert.deepStrictEqual([none.code, none.out], [2, ""])
      assert.match(
        none.err,
        /which service domain\? run kps serve here, or make a context with kps config create-context/
      )

      mkdirSync(join(folder, "home"), { recursive: true })
      const file = join(folder, "home", "contexts.json")
      const entry = (url: string) => ({ url, email: "a@b.c", token: "s3cret-token" })
      writeFileSync(
        file,
        JSON.stringify({ current: "a", contexts: { a: entry(nowhere), b: entry("http://127.0.0.1:7") } })
      )

      const listed = yield* run("config", "get-contexts")
      assert.match(listed.out, /^CURRENT +NAME +URL +EMAIL\n\* +a +http:\/\/127\.0\.0\.1:9 +a@b\.c\n +b +/)
      const used = yield* run("config", "use-context", "b")
      assert.deepStrictEqual([used.code, used.err], [0, ""])
      assert.strictEqual(JSON.parse(readFileSync(file, "utf8")).current, "b")
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)

      const unknown = yield* run("config", "use-context", "c")
      assert.deepStrictEqual([unknown.code, unknown.err], [2, "kps: no context \"c\" (known: a, b)\n"])
      const gone = yield* run("config", "delete-context", "b")
      assert.strictEqual(gone.code, 0)
      assert.deepStrictEqual(Object.keys(JSON.parse(readFileSync(file, "utf8")).contexts), ["a"])

      const json = yield* run("config", "get-contexts", "-o", "json")
      for (const { err, out } of [listed, used, unknown, gone, json]) assert.notInclude(out + err, "s3cret")

      const away = yield* run("get", "category", "--context", "a")
      assert.strictEqual(away.code, 3)
      assert.match(away.err, /^kps: no service domain answers at http:\/\/127\.0\.0\.1:9\n +does it run \(kps serve\)/)

      writeFileSync(file, "{\"contexts\": {\"a\": {\"token\": \"s3cret-token\"}}}")
      const bad = yield* run("get", "category")
      assert.strictEqual(bad.code, 2)
      assert.match(bad.err, /contexts\.json" is no file of contexts: mend or remove it/)
      assert.notInclude(bad.err, "s3cret")
    }), patience)

  it.effect(
    "are not lost when several are taken away at once, and are in the home folder where KPS_HOME is empty",
    () =>
      Effect.gen(function*() {
        const { env, folder, runWith } = yield* Kps
        const run = runWith({ ...env, KPS_HOME: "" })
        mkdirSync(join(folder, ".kps"), { recursive: true })
        const file = join(folder, ".kps", "contexts.json")
        const names = ["a", "b", "c", "d", "kept"]
        const contexts = Object.fromEntries(names.map((name) => [name, { url: nowhere, token: "s3cret-token" }]))
        writeFileSync(file, JSON.stringify({ contexts }), { mode: 0o600 })

        const gone = yield* Effect.forEach(["a", "b", "c", "d"], (name) => run("config", "delete-context", name), {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(gone.map(({ code, err }) => [code, err]), gone.map(() => [0, ""]))
        assert.deepStrictEqual(Object.keys(JSON.parse(readFileSync(file, "utf8")).contexts), ["kept"])
        assert.deepStrictEqual(readdirSync(join(folder, ".kps")), ["contexts.json"])
      }),
    patience
  )

  it.effect("are not made of a login that fails", () =>
    Effect.gen(function*() {
      const { run } = yield* Kps
      const failed = yield* run(
        "config",
        "create-context",
        "x",
        "--email",
        "a@b.c",
        "--password",
        "hunter22",
        "-u",
        nowhere
      )
      assert.strictEqual(failed.code, 3)
      assert.notInclude(failed.out + failed.err, "hunter22")
    }), patience)

  it.effect("have nothing to do with what is wrong on the command line", () =>
    Effect.gen(function*() {
      const { run } = yield* Kps
      const bogus = yield* run("get", "catalogue")
      assert.strictEqual(bogus.code, 2)
      assert.match(bogus.err, /want a kind of document \(category, .*connectorinstancestatus\), got "catalogue"/)
      const missing = yield* run("delete", "category")
      assert.deepStrictEqual([missing.code, missing.err], [2, "kps: say what to delete: a kind and names, or --file\n"])
      const alien = yield* run("get", "category", "-i", "x")
      assert.deepStrictEqual([alien.code, alien.err], [2, "kps: --instance is for alerts and statuses alone\n"])
    }), patience)

  it.effect("are completed by a shell", () =>
    Effect.gen(function*() {
      const { run } = yield* Kps
      for (const shell of ["bash", "zsh", "fish"]) {
        const { code, out } = yield* run("completion", shell)
        assert.strictEqual(code, 0)
        for (const word of ["create-context", "apply", "tap"]) assert.include(out, word, shell)
      }
    }), patience)
})
