import { assert, describe, it } from "@effect/vitest"
import type { Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Deferred, Effect, Exit, Fiber, Queue, Scope, Stream } from "effect"
import { jetStreamOf, named, onlooker, proxyOf, textOf, texts } from "./jetstream.ts"
import { channelOf, collected, connected, disconnected, until } from "./support.ts"

const channel = channelOf("plant.line-1")
const stream = "KPS_plant_line-1"

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("JetStream, subscriptions"), () => {
  it.live("has what was published while its connection was broken, once and in order", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const proxy = yield* proxyOf(server)
      const { transport } = yield* jetStreamOf({ servers: [proxy.url] })
      const writer = yield* jetStreamOf({ servers: [server.url] })
      const received = yield* collected(yield* transport.subscription(channel))
      for (let round = 0; round < 4; round++) {
        yield* writer.transport.publishConfirmed(channel, texts("a", 500, round * 1000))
        // some of it is on its way
        yield* proxy.hold("answers")
        yield* writer.transport.publishConfirmed(channel, texts("a", 500, round * 1000 + 500))
        yield* proxy.forget
        if (round === 2) {
          yield* server.kill()
          yield* disconnected(transport)
          yield* server.restart
          yield* connected(writer.transport)
        } else {
          yield* proxy.cut
          yield* disconnected(transport)
        }
        yield* connected(transport)
      }
      yield* until("everything came", Effect.sync(() => received.length >= 4000))

      assert.deepStrictEqual(received, named("a", 4000))
      assert.strictEqual((yield* transport.stats).dropped, 0)
    }), 30_000)

  it.live("goes on when somebody deletes its consumer", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { transport } = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      const received = yield* collected(yield* transport.subscription(channel))
      yield* transport.publishConfirmed(channel, texts("a", 10))
      yield* until("they came", Effect.sync(() => received.length === 10))
      const consumers = yield* Effect.promise(() => look.manager.consumers.list(stream).next())
      yield* look.deleteConsumer(stream, consumers[0]?.name ?? "")
      yield* transport.publishConfirmed(channel, texts("b", 10))
      yield* until("the others came", Effect.sync(() => received.length >= 20))

      assert.strictEqual(consumers.length, 1)
      assert.deepStrictEqual(received, [...named("a", 10), ...named("b", 10)])
    }))

  it.live("leaves no consumer behind, and no subscription", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { transport } = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      for (let i = 0; i < 20; i++) yield* Effect.asVoid(Effect.scoped(transport.subscription(channel)))
      yield* until(
        "its consumers are gone",
        Effect.promise(async () => (await look.manager.streams.info(stream)).state.consumer_count === 0)
      )
    }))

  it.live("of a queue group goes on where the group was when its last member left", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { transport } = yield* jetStreamOf({ servers: [server.url] })
      const scope = yield* Scope.make()
      const first = yield* transport.subscription(channel, { queue: "kps.c-1.s-1" }).pipe(Scope.provide(scope))
      yield* transport.publishConfirmed(channel, texts("a", 3))
      const read: Array<string> = []
      // what was read is handled when it comes for more
      yield* first.pipe(
        Stream.runForEach((message) => Effect.sync(() => void read.push(textOf(message)))),
        Effect.forkScoped
      )
      yield* until("they are read", Effect.sync(() => read.length === 3))
      yield* Scope.close(scope, Exit.void)
      yield* transport.publishConfirmed(channel, texts("b", 3))
      const next = yield* collected(yield* transport.subscription(channel, { queue: "kps.c-1.s-1" }))
      yield* until("the rest is read", Effect.sync(() => next.length >= 3))

      assert.deepStrictEqual(read, named("a", 3))
      assert.deepStrictEqual(next, named("b", 3))
    }))

  it.live("of a queue group has again what a member read last and did not come back from", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { transport } = yield* jetStreamOf({ servers: [server.url] })
      const scope = yield* Scope.make()
      const first = yield* transport.subscription(channel, { queue: "workers" }).pipe(Scope.provide(scope))
      yield* transport.publishConfirmed(channel, texts("a", 3))
      const read = yield* Deferred.make<void>()
      yield* first.pipe(
        Stream.runForEachArray(() => Effect.andThen(Deferred.succeed(read, undefined), Effect.never)),
        Effect.forkIn(scope)
      )
      yield* Deferred.await(read)
      yield* Scope.close(scope, Exit.void)
      const next = yield* collected(yield* transport.subscription(channel, { queue: "workers" }))
      yield* until("they come again", Effect.sync(() => next.length >= 3))

      assert.deepStrictEqual(next, named("a", 3))
    }))

  it.live("of a queue group acknowledges a frame that is no message when its handler is done, and not before", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { transport } = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      const scope = yield* Scope.make()
      const told = yield* Queue.unbounded<Transport.StoredFrame>()
      const onMalformed: Transport.SubscribeOptions["onMalformed"] = (_, frame, stored) =>
        stored === undefined || frame.length !== 2 ? Effect.void : Queue.offer(told, stored)
      const first = yield* transport.subscription(channel, {
        queue: "workers",
        onMalformed: (...frame) => Effect.andThen(onMalformed(...frame), Effect.never)
      }).pipe(Scope.provide(scope))
      yield* Effect.forkIn(Stream.runDrain(first), scope)
      look.client.publish(channel, Uint8Array.of(0x1a, 0x10))
      const interrupted = yield* Queue.take(told)
      // as when its process is killed while the frame is being kept
      yield* Scope.close(scope, Exit.void)
      const next = yield* transport.subscription(channel, { queue: "workers", onMalformed })
      yield* Effect.forkScoped(Stream.runDrain(next))
      const again = yield* Queue.take(told)
      const consumer = Effect.promise(() => look.manager.consumers.info(stream, "workers"))
      yield* until("it is acknowledged", Effect.map(consumer, ({ ack_floor }) => ack_floor.stream_seq === 1))

      assert.strictEqual(interrupted.sequence, 1)
      assert.deepStrictEqual(again, interrupted)
    }))

  it.live("fails when the transport is closed", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const scope = yield* Scope.make()
      const { transport } = yield* jetStreamOf({ servers: [server.url] }).pipe(Scope.provide(scope))
      const messages = yield* transport.subscription(channel)
      const reading = yield* Effect.forkScoped(Effect.flip(Stream.runDrain(messages)))
      yield* Scope.close(scope, Exit.void)
      const error = yield* Fiber.join(reading)

      assert.strictEqual(error.reason._tag, "Closed")
    }))
})
