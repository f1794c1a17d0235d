import { assert, describe, it } from "@effect/vitest"
import { Transport, type TransportError } from "@kps/transport"
import * as TransportConformance from "@kps/transport/testing/TransportConformance"
import * as TransportTest from "@kps/transport/testing/TransportTest"
import { Effect, Exit, Fiber, Layer, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { channelOf, read, text } from "./support.ts"

TransportConformance.suite("memory with a hand on it", TransportTest.layer)

describe("TransportTest", () => {
  it.effect("sends the broker away and brings it back", () =>
    Effect.gen(function*() {
      const { disconnect, reconnect } = yield* TransportTest.TransportTest
      const transport = yield* Transport.Transport
      const channel = channelOf("a")
      const changes = yield* transport.statusChanges.pipe(
        Stream.map(({ _tag }) => _tag),
        Stream.take(3),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      const stream = yield* transport.subscription(channel)
      yield* TestClock.setTime(5000)
      yield* disconnect
      yield* disconnect
      const status = yield* transport.status
      const errors = [
        yield* Effect.flip(transport.publish(channel, text("lost"))),
        yield* Effect.flip(transport.publishConfirmed(channel, [text("lost")])),
        yield* Effect.flip(transport.flush),
        yield* Effect.flip(transport.subscription(channel)),
        yield* Effect.flip(Stream.runDrain(transport.subscribe(channel)))
      ]
      yield* reconnect
      yield* transport.publish(channel, text("back"))
      const received = yield* stream.pipe(Stream.take(1), Stream.runCollect)
      const order = yield* Fiber.join(changes)

      assert(status._tag === "Disconnected")
      assert.strictEqual(status.since, 5000)
      assert.isTrue(status.cause.isRetryable)
      for (const error of errors) assert.strictEqual(error.reason._tag, "NotConnected")
      assert.strictEqual(errors[0]?.message.split(":")[0], "not connected to memory")
      assert.deepStrictEqual(order, ["Connected", "Disconnected", "Connected"])
      assert.deepStrictEqual(received.map(read), ["back"])
      assert.strictEqual((yield* transport.stats).disconnects, 1)
      assert.strictEqual((yield* transport.stats).published, 1)
    }).pipe(Effect.provide(TransportTest.layer)))

  it.effect("says how many messages of a call were handed over when the broker goes in the middle", () =>
    Effect.gen(function*() {
      const { disconnect } = yield* TransportTest.TransportTest
      const transport = yield* Transport.Transport
      const publishing = yield* transport.publishAll(channelOf("a"), Array.from({ length: 5000 }, () => text("a")))
        .pipe(
          Effect.flip,
          Effect.forkChild({ startImmediately: true })
        )
      yield* disconnect
      const error = yield* Fiber.join(publishing)

      assert(error.reason._tag === "NotConnected")
      assert.isAbove(error.reason.handedOver, 0)
      assert.strictEqual(error.reason.handedOver, (yield* transport.stats).published)
    }).pipe(Effect.provide(TransportTest.layer)))

  it.effect("puts frames on a channel that are no messages", () =>
    Effect.gen(function*() {
      const { inject } = yield* TransportTest.TransportTest
      const transport = yield* Transport.Transport
      const channel = channelOf("a")
      const told: Array<TransportError.TransportError> = []
      const stream = yield* transport.subscription(channel, {
        onMalformed: (error) => Effect.sync(() => void told.push(error))
      })
      yield* inject(channel)
      yield* inject(channel, Uint8Array.of(0x08))
      yield* inject(channel, Uint8Array.of(0x1a, 0x01, 0x61))
      const received = yield* stream.pipe(Stream.take(1), Stream.runCollect)
      yield* Effect.yieldNow

      assert.deepStrictEqual(received.map(read), ["a"])
      assert.deepStrictEqual(told.map(({ reason }) => reason._tag), ["MalformedFrame", "MalformedFrame"])
      assert.match(told[0]!.message, /^frame of 2 bytes on "a" is no TransportMessage: /)
      assert.strictEqual((yield* transport.stats).malformed, 2)
    }).pipe(Effect.provide(TransportTest.layer)))

  it.effect("ends what is still running when its layer is gone", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(Layer.fresh(Transport.layerMemory), scope)
      const transport = yield* Effect.provideContext(Transport.Transport, context)
      const stream = yield* transport.subscription(channelOf("a"))
      const reading = yield* Effect.forkChild(Effect.flip(Stream.runDrain(stream)), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      const errors = [yield* Fiber.join(reading), yield* Effect.flip(transport.publish(channelOf("a"), text("a")))]

      assert.deepStrictEqual(errors.map(({ message }) => message), Array(2).fill("the transport is closed"))
      assert.strictEqual((yield* transport.status)._tag, "Closed")
    }))
})
