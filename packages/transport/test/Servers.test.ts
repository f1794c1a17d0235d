import { assert, describe, it } from "@effect/vitest"
import { NatsTransport, Transport } from "@kps/transport"
import { Effect, References } from "effect"

const want = "want nats://host:port or tls://host:port"
const refused: ReadonlyArray<readonly [server: string, problem: string]> = [
  ["", "it is empty"],
  ["  ", "it is empty"],
  ["nats//host", `it has a path, or its scheme is misspelt, ${want}`],
  ["nats:/host", `it has a path, or its scheme is misspelt, ${want}`],
  ["nats:host", "its port is not a number from 1 to 65535"],
  ["http://host", `its scheme is "http", ${want}`],
  ["HTTP://host:80", `its scheme is "HTTP", ${want}`],
  ["ws://host", `its scheme is "ws", ${want}`],
  ["nast://host:4222", `its scheme is "nast", ${want}`],
  ["nats://", `it has no host, ${want}`],
  ["nats://:4222", `it has no host, ${want}`],
  ["nats://*:4222", "it contains a wildcard"],
  ["nats://a.>:4222", "it contains a wildcard"],
  ["nats://host:", "its port is not a number from 1 to 65535"],
  ["nats://host:0", "its port is not a number from 1 to 65535"],
  ["nats://host:65536", "its port is not a number from 1 to 65535"],
  ["nats://host:4222x", "its port is not a number from 1 to 65535"],
  ["nats://host:-1", "its port is not a number from 1 to 65535"],
  ["nats://ho st:4222", "it contains white space or a control character"],
  ["nats://host\u0000:4222", "it contains white space or a control character"],
  ["nats://host:4222/path", `it has a path, or its scheme is misspelt, ${want}`],
  ["nats://host:4222?tls=true", `it has a path, or its scheme is misspelt, ${want}`],
  ["nats://host#a", `it has a path, or its scheme is misspelt, ${want}`],
  ["nats://a..b", "its host is no host name"],
  ["nats://-a", "its host is no host name"],
  ["nats://h\u00f6st", "its host is no host name"],
  ["nats://127.0.0", "\"127.0.0\" is no IPv4 address"],
  ["nats://999.0.0.1:4222", "\"999.0.0.1\" is no IPv4 address"],
  ["nats://::1:4222", "an IPv6 address has to be in brackets"],
  ["nats://[::1", "its host is no host name"],
  ["nats://[zz]:4222", "what is in brackets is no IPv6 address"],
  ["nats://@host", "its user info has no user"],
  ["nats://:p@host", "its user info has no user"],
  ["nats://u:%zz@host", "its user info is not percent-encoded correctly"]
]

const currentStatus = Effect.flatMap(Transport.Transport, ({ status }) => status)
const errorOf = (servers: ReadonlyArray<string>) => Effect.flip(Effect.scoped(NatsTransport.make({ servers })))

describe("server addresses", () => {
  it.effect.each(refused)("%j is refused, before anything is sent: %s", ([server, problem]) =>
    Effect.gen(function*() {
      const error = yield* errorOf(["nats://127.0.0.1:1", server])

      assert(error.reason._tag === "InvalidServer")
      assert.strictEqual(error.reason.problem, problem)
      assert.isFalse(error.isRetryable)
    }))

  it.effect("names the server and the problem", () =>
    Effect.gen(function*() {
      const error = yield* errorOf(["nats//host"])

      assert.strictEqual(
        error.message,
        `invalid server "nats//host": it has a path, or its scheme is misspelt, ${want}`
      )
    }))

  it.effect("needs at least one server", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* errorOf([])).message, "invalid server \"\": no server is given")
    }))

  it.effect("never shows user info, whatever else is wrong", () =>
    Effect.gen(function*() {
      const secret = [
        ["nats://canary:canary@host:x"],
        ["nats://canary@"],
        ["canary:canary@host:x"],
        ["nats//canary:canary@host"],
        ["nats:/canary@host"],
        ["http://canary:canary@host"],
        ["nats://user:canary%zz@host"],
        // a comma in a password cuts the address in two
        "nats://user:canary,canary@host".split(","),
        "user:canary,canary@host:x".split(",")
      ]
      for (const servers of secret) {
        const error = yield* errorOf(servers)

        assert.strictEqual(error.reason._tag, "InvalidServer")
        assert.notInclude(JSON.stringify([error, error.message]), "canary", servers.join())
      }
    }))

  it.live("takes the forms of the documentation, and says where it cannot connect to", () =>
    Effect.gen(function*() {
      const accepted = {
        "nats://127.0.0.1:1": "127.0.0.1:1",
        "127.0.0.1:1": "127.0.0.1:1",
        " NATS://localhost:1/ ": "localhost:1",
        "tls://127.0.0.1:1": "tls://127.0.0.1:1",
        "nats://[::1]:1": "[::1]:1",
        "nats://no_such-host.invalid.": "no_such-host.invalid.:4222",
        "nats://user:pass@127.0.0.1:1": "127.0.0.1:1"
      }
      for (const [server, name] of Object.entries(accepted)) {
        const status = yield* NatsTransport.make({ servers: [server] }).pipe(
          Effect.flatMap((context) => Effect.provideContext(currentStatus, context)),
          Effect.scoped,
          Effect.provideService(References.MinimumLogLevel, "None")
        )

        assert(status._tag === "Disconnected", server)
        assert.match(status.cause.message, /^cannot connect to /)
        assert.include(status.cause.message, name)
      }
    }), 20_000)
})
