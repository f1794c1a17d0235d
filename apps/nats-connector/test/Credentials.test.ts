import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Credentials from "../src/Credentials.ts"

const file = (content: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "credentials-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    ),
    (folder) => {
      const path = join(folder, "brokers.json")
      writeFileSync(path, content)
      return path
    }
  )

const of = (broker: string) => Credentials.Credentials.use((credentials) => credentials.of(broker))

describe("Credentials", () => {
  it.effect("gives each broker its own, and a broker without any none", () =>
    Effect.gen(function*() {
      const path = yield* file(JSON.stringify({
        "nats://plant": { user: "u", password: "p" },
        "tls://cloud:4443": { token: "t" }
      }))
      yield* Effect.gen(function*() {
        assert.deepStrictEqual(Credentials.toOptions(yield* of("nats://plant:4222")), { user: "u", pass: "p" })
        assert.deepStrictEqual(Credentials.toOptions(yield* of("tls://cloud:4443")), { token: "t" })
        for (const other of ["tls://plant:4222", "nats://cloud:4443", "nats://elsewhere"]) {
          assert.deepStrictEqual(Credentials.toOptions(yield* of(other)), {})
        }
      }).pipe(Effect.provide(Credentials.layerFile(path)))
    }))

  it.effect("reads what the file says now", () =>
    Effect.gen(function*() {
      const path = yield* file("{}")
      yield* Effect.gen(function*() {
        assert.isTrue(Option.isNone(yield* of("nats://plant")))
        writeFileSync(path, JSON.stringify({ "nats://plant": { token: "t" } }))
        assert.isTrue(Option.isSome(yield* of("nats://plant")))
        writeFileSync(path, "{")
        assert.strictEqual((yield* Effect.flip(of("nats://plant")))._tag, "CredentialsUnreadable")
      }).pipe(Effect.provide(Credentials.layerFile(path)))
    }))

  it.effect("names the file that cannot be used when it starts, and never what is in it", () =>
    Effect.gen(function*() {
      for (
        const content of [
          "canary",
          "[\"canary\"]",
          JSON.stringify({ "nats://plant": { user: "u", pasword: "canary" } }),
          JSON.stringify({ "nats://plant": { token: "canary", user: "u" } }),
          JSON.stringify({ "nats//plant-canary": { token: "t" } }),
          JSON.stringify({ "nats://plant": { token: "" } })
        ]
      ) {
        const path = yield* file(content)
        const error = yield* Effect.flip(Effect.provide(of("nats://plant"), Credentials.layerFile(path)))
        assert.strictEqual(error._tag, "CredentialsUnreadable")
        assert.include(error.message, `cannot read the credentials in "${path}": want a JSON object`)
        assert.notInclude(error.message, "canary")
      }
      const missing = yield* Effect.flip(Effect.provide(of("nats://plant"), Credentials.layerFile("/no/such/file")))
      assert.strictEqual(missing.message, "cannot read the credentials in \"/no/such/file\": ENOENT")
    }))

  it("shows no secret when it is printed", () => {
    const known: Credentials.BrokerCredentials = { user: "u", password: Redacted.make("canary") }
    assert.notInclude(JSON.stringify(known), "canary")
  })
})
