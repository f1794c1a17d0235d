import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import * as Credentials from "../src/Credentials.ts"
import { CredentialsName } from "../src/Parameters.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "secrets-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const write = (folder: string, files: Readonly<Record<string, string>>) => {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
}

/** A folder with one named `secrets` in it. */
const secrets = (files: Readonly<Record<string, string>>) =>
  Effect.map(temporary, (outside) => {
    const folder = join(outside, "secrets")
    mkdirSync(folder)
    write(folder, files)
    return { outside, folder }
  })

const plant = "nats://plant:4222"

const of = (folder: string, name: string, broker = plant) =>
  Credentials.Credentials.use((credentials) => credentials.of(name, broker)).pipe(
    Effect.provide(Credentials.layer(folder))
  )

const problem = (folder: string, name: string, broker = plant) =>
  Effect.map(Effect.flip(of(folder, name, broker)), ({ message }) => message)

/** Neither a folder of this name nor keys of it. */
const noSuch = (name: string) => `cannot read the credentials "${name}": there is no secret of this name`

describe("Credentials", () => {
  it.effect("finds a secret that is a folder, and one that is keys with its name before them", () =>
    Effect.gen(function*() {
      const { folder } = yield* secrets({
        "plant/username": "u\n",
        "plant/password": "p",
        "plant/other": "x",
        "cloud.creds": "c",
        "cloud.ca.crt": "ca",
        "cloud.tls.crt": "crt",
        "cloud.tls.key": "key",
        "cloud-2.nkey": "n"
      })
      const none = { user: undefined, password: undefined, token: undefined, nkeySeed: undefined, creds: undefined }
      const file = (name: string) => ({ file: join(folder, name) })

      assert.deepStrictEqual(yield* of(folder, "plant"), {
        credentials: { ...none, user: "u", password: file("plant/password") },
        tls: undefined
      })
      assert.deepStrictEqual(yield* of(folder, "cloud"), {
        credentials: { ...none, creds: file("cloud.creds") },
        tls: { ca: file("cloud.ca.crt"), cert: file("cloud.tls.crt"), key: file("cloud.tls.key") }
      })
      assert.deepStrictEqual((yield* of(folder, "cloud-2")).credentials, { ...none, nkeySeed: file("cloud-2.nkey") })
    }))

  it.effect("finds what Kubernetes mounts, and what it mounts in its place", () =>
    Effect.gen(function*() {
      // the kubelet writes a folder for each version, and a link to the one in force
      const mount = (folder: string, version: string, files: Readonly<Record<string, string>>) => {
        write(join(folder, `..${version}`), files)
        symlinkSync(`..${version}`, join(folder, "..data_tmp"))
        renameSync(join(folder, "..data_tmp"), join(folder, "..data"))
        for (const name of Object.keys(files)) {
          rmSync(join(folder, name), { force: true })
          symlinkSync(`..data/${name}`, join(folder, name))
        }
      }
      const { folder } = yield* secrets({})
      mkdirSync(join(folder, "own"))
      for (const version of ["2026_1", "2026_2"]) {
        mount(folder, version, { "flat.token": version })
        mount(join(folder, "own"), version, { token: version })
        const token = (name: string) => Effect.map(of(folder, name), ({ credentials }) => credentials.token)
        assert.deepStrictEqual(yield* token("flat"), { file: join(folder, `..${version}`, "flat.token") })
        assert.deepStrictEqual(yield* token("own"), { file: join(folder, "own", `..${version}`, "token") })
      }
    }))

  it.effect("names the secret that is not there, empty, or of the wrong shape, and no path", () =>
    Effect.gen(function*() {
      const { folder } = yield* secrets({
        "empty/other": "canary",
        "file": "canary",
        "large/token": "x".repeat(1_048_577)
      })
      mkdirSync(join(folder, "folders/token"), { recursive: true })

      assert.strictEqual(yield* problem(folder, "plant"), noSuch("plant"))
      assert.strictEqual(yield* problem("/no/such/folder", "plant"), noSuch("plant"))
      for (const name of ["empty", "file"]) {
        assert.strictEqual(
          yield* problem(folder, name),
          `cannot read the credentials "${name}": it has none of the keys brokers, username, password, token, nkey, creds, ca.crt, tls.crt, tls.key`
        )
      }
      assert.include(yield* problem(folder, "folders"), "\"token\" is no file")
      assert.include(yield* problem(folder, "large"), "\"token\" is over the limit of 1048576 bytes")
    }))

  it.effect("does not wait for what is no file", () =>
    Effect.gen(function*() {
      const { folder } = yield* secrets({})
      mkdirSync(join(folder, "pipe"))
      execFileSync("mkfifo", [join(folder, "pipe/token")])

      assert.include(yield* problem(folder, "pipe"), "\"token\" is no file")
    }))

  it.effect("reads nothing outside of the folder, by a name or by a link", () =>
    Effect.gen(function*() {
      const { folder, outside } = yield* secrets({ "a/b/token": "canary", "a/b.token": "canary" })
      write(outside, { "x/token": "canary", "x.token": "canary", "secrets-2/x/token": "canary" })
      mkdirSync(join(folder, "linked-key"))
      symlinkSync(join(outside, "x/token"), join(folder, "linked-key/token"))
      symlinkSync(join(outside, "x"), join(folder, "linked-folder"))
      symlinkSync("../x", join(folder, "relative"))
      // a sibling whose name begins like the folder's
      symlinkSync("../secrets-2/x", join(folder, "sibling"))
      symlinkSync(join(outside, "x.token"), join(folder, "flat.token"))
      mkdirSync(join(folder, "data"))
      symlinkSync(join(outside, "x"), join(folder, "data/..data"))

      for (const name of ["linked-key", "linked-folder", "relative", "sibling", "flat", "data"]) {
        assert.strictEqual(
          yield* problem(folder, name),
          `cannot read the credentials "${name}": "token" is a link that leaves the folder of the secrets`
        )
      }
      for (const name of names) {
        assert.include(yield* problem(folder, name), "it is not the name of a secret")
      }
    }))

  it.effect("shows a secret only to the brokers that it is for, where it says so", () =>
    Effect.gen(function*() {
      const { folder } = yield* secrets({
        "plant/token": "t",
        "plant/brokers": "nats://plant, tls://cloud:4443\n",
        "typo/token": "t",
        "typo/brokers": "plant:4222",
        "none/token": "t",
        "none/brokers": "\n"
      })

      for (const broker of [plant, "NATS://Plant", "tls://cloud:4443"]) yield* of(folder, "plant", broker)
      for (const broker of ["tls://plant:4222", "nats://cloud:4443", "nats://elsewhere"]) {
        assert.strictEqual(
          yield* problem(folder, "plant", broker),
          `cannot read the credentials "plant": it is not for ${broker}`
        )
      }
      for (const name of ["typo", "none"]) {
        assert.include(yield* problem(folder, name), "\"brokers\" does not hold broker addresses")
      }
    }))
})

const paths = [
  "",
  ".",
  "..",
  "../x",
  "../secrets/a",
  "/etc",
  "a/b",
  "a\\b",
  "a.b",
  "..data",
  "./a",
  "a/",
  "~",
  "%2e%2e"
]
const names = [
  ...paths,
  "A",
  "a_b",
  "-a",
  "a-",
  " a",
  "a ",
  "a\n",
  "a\u0000",
  "\u00e4",
  "a".repeat(64),
  "a".repeat(100_000)
]

describe("the name of credentials", () => {
  it("is one that Kubernetes takes for a label, so no path", () => {
    const isName = Schema.is(CredentialsName)
    for (const name of ["a", "0", "plant-broker-1", "a".repeat(63)]) assert.isTrue(isName(name), name)
    for (const name of names) assert.isFalse(isName(name), JSON.stringify(name.slice(0, 80)))
  })
})
