import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted } from "effect"
import { TestClock } from "effect/testing"
import * as Access from "../src/rest/Access.ts"

const account: Access.Account = { email: "admin@plant", password: Redacted.make("a password") }

const options: Access.Options = { token: Redacted.make("a-token-of-the-tests"), accounts: [account] }

/** As one process has it that was started with these options. */
const access = (given: Partial<Access.Options> = {}) =>
  Effect.provide(Access.Access, Layer.fresh(Access.layer({ ...options, ...given })))

const login = Effect.gen(function*() {
  const { login } = yield* access()
  const session = yield* login(account.email, account.password)
  return Redacted.make(Option.getOrThrow(session).token)
})

describe("Access", () => {
  it.effect("takes the token of a login for its time to live", () =>
    Effect.gen(function*() {
      const token = yield* login
      const { allows } = yield* access()

      yield* TestClock.adjust("86399 seconds")
      assert.isTrue(yield* allows(token))
      yield* TestClock.adjust("1 seconds")
      assert.isFalse(yield* allows(token))
    }))

  it.effect("takes no token of an account that is removed, or has another password since, or of another domain", () =>
    Effect.gen(function*() {
      const token = yield* login
      const others: ReadonlyArray<readonly [string, Partial<Access.Options>]> = [
        ["removed", { accounts: [] }],
        ["another password", { accounts: [{ ...account, password: Redacted.make("a new one") }] }],
        ["another domain", { token: Redacted.make("a-token-of-another") }]
      ]

      for (const [what, given] of others) {
        const { allows } = yield* access(given)
        assert.isFalse(yield* allows(token), what)
      }
      assert.isTrue(yield* Effect.flatMap(access(), ({ allows }) => allows(token)))
    }))

  it.effect("takes no token with other claims than those that were signed, and none that is no token", () =>
    Effect.gen(function*() {
      const token = Redacted.value(yield* login)
      const { allows } = yield* access()
      const [head = "", payload = "", signature = ""] = token.split(".")
      const claims = JSON.parse(Buffer.from(payload, "base64url").toString())
      const payloadOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
      const bad = [
        `${head}.${payloadOf({ ...claims, exp: claims.exp + 1 })}.${signature}`,
        `${head}.${payloadOf({ ...claims, sub: "somebody@plant" })}.${signature}`,
        `${head}.${payloadOf({ exp: claims.exp })}.${signature}`,
        `${head}.${payloadOf(null)}.${signature}`,
        `${head}.no base64!.${signature}`,
        `${payload}.${signature}`,
        `${head}.${payload}.`,
        ".."
      ]

      for (const text of bad) assert.isFalse(yield* allows(Redacted.make(text)), text)
      assert.isTrue(yield* allows(Redacted.make(token)))
    }))
})
