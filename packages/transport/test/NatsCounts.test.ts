/** What the transport counts, against what really happened. */
import { assert, describe, it } from "@effect/vitest"
import { Packing, type Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Fiber, Option } from "effect"
import { channelOf, connected, disconnected, text, transportOf, until } from "./support.ts"

/** Stops the server as it is: the signal takes effect some time after it was sent. */
const stop = Effect.fnUntraced(function*(
  server: NatsServer.NatsServer["Service"],
  transport: Transport.Transport["Service"]
) {
  yield* server.kill("SIGSTOP")
  yield* until(
    "it gives no answer",
    Effect.map(Effect.timeoutOption(transport.flush, "100 millis"), Option.isNone)
  )
})

const many = (count: number) => Array.from({ length: count }, (_, i) => text(`${i}`))

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("NATS, counts"), () => {
  it.live("tells each publisher which of its messages were not confirmed when the connection broke", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const transport = yield* transportOf({ servers: [server.url] })
      const told = { a: 0, b: 0, c: 0 }
      const account = (name: keyof typeof told) => ({ onUncertain: (count: number) => void (told[name] += count) })
      const [a, b, c] = [account("a"), account("b"), account("c")]
      yield* transport.publishConfirmed(channelOf("count.a"), many(100), a)
      yield* transport.publishAll(channelOf("count.b"), many(50), b)
      yield* transport.flush
      yield* stop(server, transport)
      yield* transport.publishAll(channelOf("count.a"), many(7), a)
      yield* transport.publishAll(channelOf("count.b"), many(20), b)
      yield* transport.publishAll(channelOf("count.a"), many(3), a)
      yield* transport.publishAll(channelOf("count.b"), many(2))
      const confirming = yield* Effect.forkScoped(
        Effect.flip(transport.publishConfirmed(channelOf("count.c"), many(4), c))
      )
      yield* until("all are handed over", Effect.map(transport.stats, ({ published }) => published === 186))
      assert.deepStrictEqual(told, { a: 0, b: 0, c: 0 })
      yield* server.kill()
      yield* disconnected(transport)
      yield* Fiber.join(confirming)

      assert.deepStrictEqual(told, { a: 10, b: 20, c: 4 })
      const { publishErrors, uncertain } = yield* transport.stats
      // two had nobody to tell
      assert.strictEqual(uncertain, 36)
      assert.strictEqual(publishErrors, 0)
    }))

  it.live("tells how many payloads they have, whichever of a call's messages the broker has confirmed", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const transport = yield* transportOf({ servers: [server.url] })
      const told: Array<readonly [number, number]> = []
      const onUncertain = (messages: number, payloads: number) => void told.push([messages, payloads])
      const packed = (count: number, each: number) =>
        Packing.pack(Array.from({ length: count }, (_, i) => new Uint8Array([i])), 1n, {
          ...Packing.defaults,
          maxPayloads: each
        })
      yield* transport.publishConfirmed(channelOf("count.a"), packed(640, 64), { onUncertain })
      yield* stop(server, transport)
      yield* transport.publishAll(channelOf("count.a"), packed(10, 4), { onUncertain })
      yield* transport.publishAll(channelOf("count.a"), packed(1, 4), { onUncertain })
      yield* server.kill()
      yield* disconnected(transport)

      assert.deepStrictEqual(told, [[4, 11]])
      assert.strictEqual((yield* transport.stats).uncertain, 4)
    }))

  it.live("bounds messages without a byte of their own, too", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const transport = yield* transportOf({ servers: [server.url], maxUnconfirmedBytes: 32_000 })
      yield* stop(server, transport)
      const empty = Array.from({ length: 5000 }, () => ({ timestampNanos: 0n, payloads: [] }))
      const publishing = yield* Effect.forkScoped(transport.publishAll(channelOf("empty"), empty))
      yield* until("some are handed over", Effect.map(transport.stats, ({ published }) => published > 0))
      yield* Effect.sleep("50 millis")

      assert.strictEqual((yield* transport.stats).published, 1000)
      yield* server.kill("SIGCONT")
      yield* Fiber.join(publishing)
      yield* transport.flush
      assert.strictEqual((yield* transport.stats).unconfirmedBytes, 0)
    }))

  it.live("counts each try at each server that could not be connected to", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const other = yield* NatsServer.make()
      yield* server.kill()
      yield* other.kill()
      const transport = yield* transportOf({ servers: [server.url, other.url], reconnectDelay: "1 second" })
      const first = (yield* transport.stats).connectErrors
      yield* until("the second round", Effect.map(transport.stats, ({ connectErrors }) => connectErrors === 4))
      yield* server.restart
      yield* connected(transport)
      const { connectErrors, disconnects } = yield* transport.stats

      assert.strictEqual(first, 2)
      assert.isAtLeast(connectErrors, 4)
      assert.strictEqual(disconnects, 0)
      yield* server.kill()
      yield* disconnected(transport)
      assert.strictEqual((yield* transport.stats).disconnects, 1)
    }))

  it.live("counts messages that could not be handed over, at every try, and those that the broker refused", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({
        config: "authorization { default_permissions: { publish: { deny: \"closed.>\" } }, "
          + "users: [{ user: u, password: p }] }, no_auth_user: u"
      })
      const transport = yield* transportOf({ servers: [server.url], maxUnconfirmedBytes: 100 })
      const errors = Effect.map(transport.stats, ({ publishErrors }) => publishErrors)
      // not known yet to be refused: handed over, and each is answered
      yield* Effect.flip(transport.publishConfirmed(channelOf("closed.a"), many(3)))
      yield* until("all refusals are here", Effect.map(errors, (count) => count === 3))
      // known by now
      yield* Effect.flip(transport.publishAll(channelOf("closed.a"), many(5)))
      assert.strictEqual(yield* errors, 8)

      // the window takes one of these
      yield* stop(server, transport)
      const stuck = yield* Effect.forkScoped(
        Effect.flip(transport.publishAll(channelOf("open"), Array.from({ length: 10 }, () => text("x".repeat(90)))))
      )
      yield* until("one is handed over", Effect.map(transport.stats, ({ published }) => published === 4))
      yield* server.kill()
      const error = yield* Fiber.join(stuck)
      assert(error.reason._tag === "NotConnected")
      assert.strictEqual(error.reason.handedOver, 1)
      assert.strictEqual(yield* errors, 17)
      yield* disconnected(transport)
      yield* Effect.flip(transport.publishAll(channelOf("open"), many(2)))
      yield* Effect.flip(transport.publishConfirmed(channelOf("open"), many(2)))
      assert.strictEqual(yield* errors, 21)
    }))
})
