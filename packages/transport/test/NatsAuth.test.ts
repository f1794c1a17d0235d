import { assert, describe, it } from "@effect/vitest"
import { NatsTransport, Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Layer, Redacted, Stream } from "effect"
import { channelOf, collected, connected, statusWhere, text, transportOf, until } from "./support.ts"

const withPassword = "authorization { user: u, password: \"s3cret:@/\" }"
const permissions = `authorization {
  users: [{
    user: u, password: p,
    permissions: { publish: ["open.>", "_INBOX.>"], subscribe: { allow: ["open.>"], deny: ["open.secret"] } }
  }]
}`

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("NATS, credentials"), () => {
  it.live("connects with a token, with a user and password, and with either in the address", () =>
    Effect.gen(function*() {
      const byToken = yield* NatsServer.make({ config: "authorization { token: \"t@k%n\" }" })
      const byPassword = yield* NatsServer.make({ config: withPassword })
      const transports = [
        yield* transportOf({ servers: [byToken.url], token: Redacted.make("t@k%n") }),
        yield* transportOf({ servers: [`nats://${encodeURIComponent("t@k%n")}@127.0.0.1:${byToken.port}`] }),
        yield* transportOf({ servers: [byPassword.url], user: "u", password: Redacted.make("s3cret:@/") }),
        yield* transportOf({ servers: [`nats://u:${encodeURIComponent("s3cret:@/")}@127.0.0.1:${byPassword.port}`] })
      ]

      for (const transport of transports) assert.strictEqual((yield* transport.status)._tag, "Connected")
    }))

  it.live("says that credentials were refused, never shows them, and connects once the server takes them", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ config: withPassword })
      const transport = yield* transportOf({ servers: [`nats://u:canary@127.0.0.1:${server.port}`] })
      const status = yield* statusWhere(
        transport,
        (status) => status._tag === "Disconnected" && status.cause.reason._tag === "AuthorizationFailed"
      )
      const error = yield* Effect.flip(transport.publish(channelOf("a"), text("a")))
      yield* server.configure("authorization { user: u, password: canary }")
      yield* server.restart
      yield* connected(transport)

      assert(status._tag === "Disconnected")
      assert.strictEqual(status.cause.reason._tag, "AuthorizationFailed")
      assert.isTrue(status.cause.isRetryable)
      assert.match(
        status.cause.message,
        /^credentials refused by 127\.0\.0\.1:\d+ for user "[^"]+": .*Authorization Violation/i
      )
      assert.strictEqual(error.reason._tag, "NotConnected")
      assert.include(error.message, "credentials refused by")
      assert.notInclude(JSON.stringify([status, error, error.stack]), "canary")
    }))

  it.live("goes on trying after many refusals", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ config: withPassword })
      const transport = yield* transportOf({
        servers: [server.url],
        token: Redacted.make("wrong"),
        reconnectDelay: "5 millis",
        maxReconnectDelay: "10 millis"
      })
      yield* until(
        "it was refused ten times",
        Effect.map(server.log, (log) => log.split("authentication error").length > 10)
      )
      yield* server.configure("authorization { token: wrong }")
      yield* server.kill("SIGHUP")

      yield* connected(transport)
    }))

  it.live("says that credentials were taken away, while it was connected", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ config: "authorization { user: u, password: p }" })
      const transport = yield* transportOf({ servers: [server.url], user: "u", password: Redacted.make("p") })
      yield* connected(transport)
      yield* server.configure("authorization { user: u, password: changed }")
      yield* server.kill("SIGHUP")
      const status = yield* statusWhere(
        transport,
        (status) => status._tag === "Disconnected" && status.cause.reason._tag === "AuthorizationFailed"
      )

      assert(status._tag === "Disconnected")
      assert.include(status.cause.message, "credentials refused by")
    }))
})

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("NATS, permissions"), () => {
  const connect = Effect.gen(function*() {
    const server = yield* NatsServer.make({ config: permissions })
    const transport = yield* transportOf({ servers: [server.url], user: "u", password: Redacted.make("p") })
    return { server, transport }
  })

  it.live("fails a subscription that the broker refuses, and no other", () =>
    Effect.gen(function*() {
      const { transport } = yield* connect
      const received = yield* collected(yield* transport.subscription(channelOf("open.a")))
      const errors = [
        yield* Effect.flip(transport.subscription(channelOf("closed.a"))),
        yield* Effect.flip(transport.subscription(channelOf("open.secret"), { queue: "q" })),
        yield* Effect.flip(Stream.runDrain(transport.subscribe(channelOf("closed.b"))))
      ]
      yield* transport.publish(channelOf("open.a"), text("a"))
      yield* until("it is here", Effect.sync(() => received.length === 1))

      assert.deepStrictEqual(errors.map(({ message }) => message), [
        "no permission to subscribe on \"closed.a\"",
        "no permission to subscribe on \"open.secret\"",
        "no permission to subscribe on \"closed.b\""
      ])
      assert.isTrue(errors.every((error) => error.reason._tag === "PermissionDenied" && !error.isRetryable))
    }))

  it.live("fails a running subscription when its permission is gone after a reconnect", () =>
    Effect.gen(function*() {
      const { server, transport } = yield* connect
      const stream = yield* transport.subscription(channelOf("open.b"))
      yield* server.configure(permissions.replace("open.secret", "open.b"))
      yield* server.restart
      const error = yield* Effect.flip(Stream.runDrain(stream))
      yield* connected(transport)

      assert.strictEqual(error.message, "no permission to subscribe on \"open.b\"")
    }))

  it.live("tells a publisher that the broker refuses, at once when it asks for confirmation", () =>
    Effect.gen(function*() {
      const { transport } = yield* connect
      const channel = channelOf("closed.c")
      const confirmed = yield* Effect.flip(transport.publishConfirmed(channel, [text("a")]))
      const after = yield* Effect.flip(transport.publish(channel, text("b")))
      yield* transport.publishConfirmed(channelOf("open.c"), [text("c")])

      assert.strictEqual(confirmed.message, "no permission to publish on \"closed.c\"")
      assert.strictEqual(confirmed.reason._tag, "PermissionDenied")
      assert.strictEqual(after.message, confirmed.message)
      assert.strictEqual((yield* transport.stats).published, 2)
    }))

  it.live("tells a publisher that does not ask with the next publish", () =>
    Effect.gen(function*() {
      const { transport } = yield* connect
      const channel = channelOf("closed.d")
      yield* transport.publish(channel, text("a"))
      yield* transport.flush
      const error = yield* Effect.flip(transport.publish(channel, text("b")))

      assert.strictEqual(error.reason._tag, "PermissionDenied")
    }))
})

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("NATS, limits"), () => {
  it.live("goes by the limit of the server it is connected to", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ config: "max_payload: 1000" })
      const transport = yield* transportOf({ servers: [server.url] })
      const status = yield* transport.status
      // encoded: the timestamp takes 2 bytes, the payload's tag and length 3
      yield* transport.publishConfirmed(channelOf("size"), [text("x".repeat(995))])
      const error = yield* Effect.flip(transport.publish(channelOf("size"), text("x".repeat(996))))
      yield* server.configure("max_payload: 2000")
      yield* server.restart
      yield* statusWhere(transport, (status) => status._tag === "Connected" && status.maxPayloadBytes === 2000)
      yield* transport.publishConfirmed(channelOf("size"), [text("x".repeat(996))])

      assert(status._tag === "Connected")
      assert.strictEqual(status.maxPayloadBytes, 1000)
      assert.strictEqual(error.message, "message of 1001 bytes on \"size\" is over the limit of 1000 bytes")
    }))

  it.live("waits while too much is unconfirmed, and a message larger than the window goes alone", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const transport = yield* transportOf({ servers: [server.url], maxUnconfirmedBytes: 5000 })
      const channel = channelOf("window")
      const received = yield* collected(yield* transport.subscription(channel))
      let most = 0
      const watching = yield* Effect.forkScoped(
        Effect.forever(Effect.andThen(
          Effect.map(transport.stats, ({ unconfirmedBytes }) => most = Math.max(most, unconfirmedBytes)),
          Effect.sleep(0)
        ))
      )
      yield* transport.publishAll(channel, Array.from({ length: 2000 }, () => text("x".repeat(500))))
      yield* transport.publish(channel, text("x".repeat(100_000)))
      yield* transport.flush
      yield* until("all are here", Effect.sync(() => received.length === 2001))

      assert.isUndefined(watching.pollUnsafe())
      assert.isAtMost(most, 100_010)
      assert.isAbove(most, 0)
      assert.strictEqual((yield* transport.stats).unconfirmedBytes, 0)
    }))
})

describe("NatsTransport, options", () => {
  const refused: ReadonlyArray<readonly [string, Partial<NatsTransport.Options>, string]> = [
    ["a token together with a user", { token: Redacted.make("canary"), user: "u" }, "invalid option \"token\": "],
    ["a password without a user", { password: Redacted.make("canary") }, "invalid option \"password\": "],
    [
      "no bytes in flight",
      { maxUnconfirmedBytes: 0 },
      "invalid option \"maxUnconfirmedBytes\": it is 0, want more than 0"
    ],
    ["a buffer of no payloads", { maxBufferedPayloads: -1 }, "invalid option \"maxBufferedPayloads\": it is -1"],
    ["a buffer of no bytes", { maxBufferedBytes: Number.NaN }, "invalid option \"maxBufferedBytes\": it is NaN"],
    ["no time to connect", { connectTimeout: 0 }, "invalid option \"connectTimeout\": it is 0"],
    ["no time between tries", { reconnectDelay: 0 }, "invalid option \"reconnectDelay\": it is 0"],
    ["an endless wait", { maxReconnectDelay: "Infinity" }, "invalid option \"maxReconnectDelay\": it is Infinity"],
    ["no time between pings", { pingInterval: 0 }, "invalid option \"pingInterval\": it is 0"],
    [
      "credentials given twice",
      { servers: ["nats://u:canary@a"], token: Redacted.make("canary") },
      "invalid server \"nats://***@a\": it has user info, and credentials are given apart from it: give them once"
    ]
  ]
  it.effect.each(refused)("refuses %s", ([, options, message]) =>
    Effect.gen(function*() {
      const layer = NatsTransport.layer({ servers: ["127.0.0.1:1"], ...options })
      const error = yield* Effect.flip(Effect.provide(Transport.Transport, Layer.fresh(layer)))

      assert.strictEqual(error.message.slice(0, message.length), message)
      assert.isFalse(error.isRetryable)
      assert.notInclude(JSON.stringify(error), "canary")
    }))
})
