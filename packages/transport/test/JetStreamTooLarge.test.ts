import { assert, describe, it } from "@effect/vitest"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Fiber } from "effect"
import { jetStreamOf, named, onlooker, proxyOf, texts } from "./jetstream.ts"
import { channelOf, until } from "./support.ts"

const channel = channelOf("plant.line-1")
const stream = "KPS_plant_line-1"

const reasonOf = (error: { readonly reason: { readonly _tag: string } }) => error.reason._tag

/** A stream with one message, that since takes messages of up to 2000 bytes. */
const lowered = Effect.gen(function*() {
  const server = yield* NatsServer.make({ jetstream: true })
  const { transport } = yield* jetStreamOf({ servers: [server.url], ackTimeout: "60 seconds" })
  const look = yield* onlooker(server)
  yield* transport.publishConfirmed(channel, texts("a", 1))
  yield* Effect.promise(() => look.manager.streams.update(stream, { max_msg_size: 2000 }))
  return { look, transport }
})

const ofBytes = (count: number) => ({ timestampNanos: 1n, payloads: [new Uint8Array(count)] })

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("JetStream, too large"), () => {
  it.live("gives back what the next server takes no more, and goes on with what its caller publishes then", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const proxy = yield* proxyOf(server)
      const { transport } = yield* jetStreamOf({ servers: [proxy.url], ackTimeout: "60 seconds" })
      const large = { timestampNanos: 1n, payloads: [new Uint8Array(50_000)] }
      yield* transport.publishConfirmed(channel, texts("a", 1))
      yield* proxy.hold("everything")
      const sent = yield* transport.publishConfirmed(channel, [large]).pipe(
        Effect.flip,
        Effect.tap(() => transport.publishConfirmed(channel, texts("after", 2))),
        Effect.forkScoped
      )
      yield* until("it is taken", Effect.map(transport.stats, ({ published }) => published === 2))
      yield* server.configure("max_payload: 10000")
      yield* server.kill()
      yield* proxy.forget
      yield* server.restart
      const error = yield* Effect.timeout(Fiber.join(sent), "15 seconds")
      const { textsIn } = yield* onlooker(server)

      assert.strictEqual(reasonOf(error), "MessageTooLarge")
      assert.deepStrictEqual(yield* textsIn(stream), ["a0", ...named("after", 2)])
    }))

  it.live("takes nothing of a call with a message that its stream does not take, until it does", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { transport } = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      yield* Effect.promise(() => look.manager.streams.add({ name: stream, subjects: [channel], max_msg_size: 2000 }))
      const calls = [transport.publishConfirmed, transport.publishAll] as const
      for (const publish of calls) {
        const error = yield* Effect.flip(publish(channel, [...texts("a", 1), ofBytes(3000), ...texts("b", 1)]))
        assert.strictEqual(reasonOf(error), "MessageTooLarge")
      }
      yield* transport.publishConfirmed(channel, texts("c", 2))
      const before = yield* look.textsIn(stream)
      yield* Effect.promise(() => look.manager.streams.update(stream, { max_msg_size: -1 }))
      yield* transport.publishConfirmed(channel, [ofBytes(3000)])

      assert.deepStrictEqual(before, named("c", 2))
      assert.strictEqual((yield* transport.stats).publishErrors, 6)
      assert.strictEqual(yield* look.lastSequence(stream), 3)
    }))

  it.live("gives up what its stream takes no more, and stores the rest in order", () =>
    Effect.gen(function*() {
      const { look, transport } = yield* lowered
      let told = 0
      yield* transport.publishAll(channel, [...texts("b", 5), ofBytes(3000), ...texts("c", 5)], {
        onUncertain: (count) => void (told += count)
      })
      yield* Effect.timeout(transport.flush, "15 seconds")
      yield* transport.publishConfirmed(channel, texts("d", 1)).pipe(Effect.timeout("15 seconds"))

      assert.deepStrictEqual(yield* look.textsIn(stream), ["a0", ...named("b", 5), ...named("c", 5), "d0"])
      assert.strictEqual(told, 1)
      assert.strictEqual((yield* transport.stats).publishErrors, 1)
    }))

  it.live("gives a caller that waits back what comes after it, so that nothing of that is stored before it", () =>
    Effect.gen(function*() {
      const { look, transport } = yield* lowered
      const error = yield* transport.publishConfirmed(channel, [...texts("b", 5), ofBytes(3000), ...texts("c", 5)])
        .pipe(
          Effect.flip,
          Effect.timeout("15 seconds")
        )
      yield* transport.publishConfirmed(channel, texts("d", 1))

      assert.strictEqual(reasonOf(error), "MessageTooLarge")
      assert.deepStrictEqual(yield* look.textsIn(stream), ["a0", ...named("b", 5), "d0"])
      assert.strictEqual((yield* transport.stats).publishErrors, 6)
    }))
})
