import { assert, describe, it } from "@effect/vitest"
import { NatsTransport, Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { ConfigProvider, Context, Effect, Layer, Redacted, References } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as natsJwt from "./natsJwt.ts"
import { channelOf, connected, statusWhere, text, transportOf } from "./support.ts"

const quick = { reconnectDelay: "20 millis", maxReconnectDelay: "50 millis" } as const

/** A file whose content can be replaced. */
const file = (content?: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "kps-credentials-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    ),
    (folder) => {
      const path = join(folder, "secret")
      const write = (content: string) => writeFileSync(path, content)
      if (content !== undefined) write(content)
      return { path, write }
    }
  )

const saying = (transport: Transport.Transport["Service"], problem: string | RegExp) =>
  statusWhere(
    transport,
    (status) =>
      status._tag === "Disconnected"
      && (typeof problem === "string" ? status.cause.message === problem : problem.test(status.cause.message)),
    "5 seconds"
  )

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("NATS, NKeys and creds"), () => {
  it.live("proves that it has an NKey, and never sends its seed", () =>
    Effect.gen(function*() {
      const { seed, user } = natsJwt.nkey()
      const server = yield* NatsServer.make({
        config: `authorization { users: [{ nkey: ${user} }] }\ntrace: true, debug: true`
      })
      const { path } = yield* file(`${seed}\n`)
      for (const nkeySeed of [Redacted.make(seed), { file: path }]) {
        yield* connected(yield* transportOf({ servers: [server.url], nkeySeed }), "3 seconds")
      }
      const other = yield* transportOf({ servers: [server.url], nkeySeed: Redacted.make(natsJwt.nkey().seed) })
      const refused = yield* saying(other, /^credentials refused by/)

      assert(refused._tag === "Disconnected")
      assert.strictEqual(refused.cause.reason._tag, "AuthorizationFailed")
      assert.include(yield* server.log, user)
      assert.notInclude(yield* server.log, seed)
    }))

  it.live("connects with a creds file where an operator is trusted, and is told what its JWT denies", () =>
    Effect.gen(function*() {
      const trust = natsJwt.trust()
      const server = yield* NatsServer.make({ config: trust.config })
      const creds = trust.creds({ denied: "closed" })
      const { path } = yield* file(creds)
      for (const options of [{ creds: Redacted.make(creds) }, { creds: { file: path } }]) {
        const transport = yield* transportOf({ servers: [server.url], ...options })
        yield* connected(transport, "3 seconds")
        yield* transport.publishConfirmed(channelOf("open"), [text("a")])
        const denied = yield* Effect.flip(transport.publishConfirmed(channelOf("closed"), [text("a")]))

        assert.strictEqual(denied.reason._tag, "PermissionDenied")
      }
      const stranger = yield* transportOf({
        servers: [server.url],
        creds: Redacted.make(natsJwt.trust().creds())
      })
      const refused = yield* saying(stranger, /^credentials refused by/)
      assert(refused._tag === "Disconnected")
      assert.strictEqual(refused.cause.reason._tag, "AuthorizationFailed")
    }))

  it.live("says that a JWT has expired while connected, and goes on with the one that replaces it", () =>
    Effect.gen(function*() {
      const trust = natsJwt.trust()
      const server = yield* NatsServer.make({ config: trust.config })
      const { path, write } = yield* file(trust.creds({ expiresIn: 2 }))
      const transport = yield* transportOf({ ...quick, servers: [server.url], creds: { file: path } })
      yield* connected(transport, "3 seconds")
      const expired = yield* saying(transport, /^credentials refused by/)
      write(trust.creds())
      yield* connected(transport, "5 seconds")

      assert(expired._tag === "Disconnected")
      assert.strictEqual(expired.cause.reason._tag, "AuthorizationFailed")
    }))
})

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("NATS, files with secrets"), () => {
  it.live("reads a token and a password anew for each connection", () =>
    Effect.gen(function*() {
      const { path, write } = yield* file("first\r\n")
      for (
        const [config, options] of [
          [(secret: string) => `authorization { token: ${secret} }`, { token: { file: path } }],
          [
            (secret: string) => `authorization { user: u, password: ${secret} }`,
            { user: "u", password: { file: path } }
          ]
        ] as const
      ) {
        write("first\r\n")
        const server = yield* NatsServer.make({ config: config("first") })
        const transport = yield* transportOf({ ...quick, servers: [server.url], ...options })
        yield* connected(transport, "3 seconds")
        yield* server.configure(config("second"))
        yield* server.restart
        yield* saying(transport, /^credentials refused by/)
        write("second")

        yield* connected(transport, "3 seconds")
      }
    }))

  it.live("says what is wrong with a file, not what is in it, and connects once it is right", () =>
    Effect.gen(function*() {
      const { seed, user } = natsJwt.nkey()
      const trust = natsJwt.trust()
      const byKey = yield* NatsServer.make({ config: `authorization { users: [{ nkey: ${user} }] }` })
      const byOperator = yield* NatsServer.make({ config: trust.config })
      const creds = trust.creds()
      const table = [
        ["nkeySeed", byKey, seed, [
          ["", "it is empty"],
          ["canary", "it is no NKey seed"],
          [`${seed}canary`, "it is no NKey seed"],
          [natsJwt.accountSeed(), "it is an NKey seed, and not that of a user"]
        ]],
        ["creds", byOperator, creds, [
          ["canary", "it does not hold a JWT and a seed"],
          [creds.slice(0, creds.indexOf("-----BEGIN USER")), "it does not hold a JWT and a seed"],
          [creds.replace(/\nSU/, "\nSUcanary"), "it is no NKey seed"]
        ]]
      ] as const
      for (const [option, server, right, wrong] of table) {
        const { path, write } = yield* file()
        const transport = yield* transportOf({ ...quick, servers: [server.url], [option]: { file: path } })
        yield* saying(transport, `cannot use "${option}" of "${path}": ENOENT`)
        for (const [content, problem] of wrong) {
          write(content)
          const status = yield* saying(transport, `cannot use "${option}" of "${path}": ${problem}`)
          const error = yield* Effect.flip(transport.publish(channelOf("a"), text("a")))
          assert.notMatch(JSON.stringify([status, error, error.message, error.stack]), /canary|"SU|"SA/)
        }
        write(right)
        yield* connected(transport, "3 seconds")
      }
    }))

  it.live("has an environment variable for each", () =>
    Effect.gen(function*() {
      const { seed, user } = natsJwt.nkey()
      const trust = natsJwt.trust()
      const [nkey, creds, secret] = [yield* file(seed), yield* file(trust.creds()), yield* file("s")]
      for (
        const [config, env] of [
          [`authorization { users: [{ nkey: ${user} }] }`, { NATS_NKEY_SEED_FILE: nkey.path }],
          [trust.config, { NATS_CREDS_FILE: creds.path }],
          ["authorization { token: s }", { NATS_TOKEN_FILE: secret.path }],
          ["authorization { user: u, password: s }", { NATS_USER: "u", NATS_PASSWORD_FILE: secret.path }]
        ] as const
      ) {
        const server = yield* NatsServer.make({ config })
        const context = yield* Layer.build(
          Layer.fresh(NatsTransport.layerEnv).pipe(
            Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { NATS_BROKER: server.url, ...env } })))
          )
        ).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
        yield* connected(Context.get(context, Transport.Transport), "3 seconds")
      }
    }))
})

describe("NatsTransport, credentials that cannot be right", () => {
  const canary = Redacted.make("canary")
  const refused: ReadonlyArray<readonly [string, Partial<NatsTransport.Options>, string]> = [
    [
      "a token and an NKey",
      { token: canary, nkeySeed: { file: "a" } },
      "\"token\": it is given together with \"nkeySeed\""
    ],
    ["a user and creds", { user: "u", creds: { file: "a" } }, "\"user\": it is given together with \"creds\""],
    ["an NKey and creds", { nkeySeed: { file: "a" }, creds: { file: "a" } }, "\"nkeySeed\": it is given together with"],
    ["a password file without a user", { password: { file: "a" } }, "\"password\": it is given without a user"],
    ["a file without a name", { token: { file: "" } }, "\"token\": the name of its file is empty"],
    ["an empty token", { token: Redacted.make("") }, "\"token\": it is empty"],
    ["a seed that is none", { nkeySeed: canary }, "\"nkeySeed\": it is no NKey seed"],
    ["creds that are none", { creds: canary }, "\"creds\": it does not hold a JWT and a seed"],
    ["an authority that is none", { tls: { ca: "canary" } }, "\"tls.ca\": it holds nothing in PEM"],
    ["a certificate without its key", { tls: { cert: { file: "a" } } }, "\"tls.cert\": it is given without its key"],
    ["a key without its certificate", { tls: { key: canary } }, "\"tls.key\": it is given without its certificate"]
  ]
  it.effect.each(refused)("refuses %s", ([, options, problem]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(NatsTransport.make({ servers: ["127.0.0.1:1"], ...options })))

      assert(error.reason._tag === "InvalidOption")
      assert.include(error.message, `invalid option ${problem}`)
      assert.notInclude(JSON.stringify(error), "canary")
    }))

  it.effect("refuses an address with user info beside an NKey, and a variable beside its file", () =>
    Effect.gen(function*() {
      const twice = yield* Effect.flip(Effect.scoped(
        NatsTransport.make({ servers: ["nats://u:canary@a"], nkeySeed: { file: "a" } })
      ))
      const env = { NATS_BROKER: "a", NATS_TOKEN: "canary", NATS_TOKEN_FILE: "/a" }
      const both = yield* Effect.flip(Effect.scoped(Layer.build(
        Layer.fresh(NatsTransport.layerEnv).pipe(
          Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
        )
      )))

      assert.include(twice.message, "it has user info, and credentials are given apart from it")
      assert.strictEqual(both.message, "invalid option \"NATS_TOKEN\": it is given together with \"NATS_TOKEN_FILE\"")
    }))
})
