/** What subscribing owes. */
import { assert } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Message } from "../../Channel.ts"
import { Transport } from "../../Transport.ts"
import { freshChannel, type It, joinAll, numbered, read, reader, soon, text } from "./messages.ts"

export const cases = (it: It): void => {
  it.effect("has every message that was published after the subscription was there, read or not", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      yield* transport.publish(channel, text("too early"))
      const stream = yield* transport.subscription(channel)
      yield* transport.publishAll(channel, [text("a"), text("b")])
      yield* transport.flush
      const received = yield* stream.pipe(Stream.take(2), Stream.runCollect)

      assert.deepStrictEqual(received.map(read), ["a", "b"])
    }))

  it.effect("gives every subscriber every message", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const readers = [yield* reader(channel, 100), yield* reader(channel, 100)]
      yield* transport.publishAll(channel, numbered(100))

      for (const received of yield* joinAll(readers)) assert.deepStrictEqual(received, numbered(100).map(read))
    }))

  it.effect("gives a subscriber nothing of other channels", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const received = yield* reader(channel, 1)
      yield* transport.publish(freshChannel(), text("other"))
      yield* transport.publish(channel, text("mine"))

      assert.deepStrictEqual(yield* Fiber.join(received), ["mine"])
    }))

  it.effect("gives each message to one member of a queue group, and to everybody outside it", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const taken: Array<string> = []
      const all = yield* Deferred.make<void>()
      const everybody = yield* reader(channel, 300)
      for (let member = 0; member < 3; member++) {
        const stream = yield* transport.subscription(channel, { queue: "workers" })
        const take = (message: Message) =>
          Effect.suspend(() => taken.push(read(message)) < 300 ? Effect.void : Deferred.succeed(all, undefined))
        yield* Effect.forkScoped(Stream.runForEach(stream, take))
      }
      yield* transport.publishAll(channel, numbered(300))
      yield* Fiber.join(everybody)
      // members may be behind those outside
      yield* Deferred.await(all)
      yield* transport.flush
      yield* Effect.yieldNow

      assert.deepStrictEqual(taken.map(Number).toSorted((a, b) => a - b), Array.from({ length: 300 }, (_, i) => i))
    }))

  it.effect("gives nothing to a member that left its queue group", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const scope = yield* Scope.make()
      const _leaving = yield* transport.subscription(channel, { queue: "workers" }).pipe(Scope.provide(scope))
      const rest = yield* reader(channel, 50, { queue: "workers" })
      yield* Scope.close(scope, Exit.void)
      yield* transport.flush
      yield* transport.publishAll(channel, numbered(50))

      assert.deepStrictEqual(yield* Fiber.join(rest), numbered(50).map(read))
    }))

  it.effect("ends the stream when its scope is closed", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const scope = yield* Scope.make()
      const stream = yield* transport.subscription(channel).pipe(Scope.provide(scope))
      const first = yield* Deferred.make<void>()
      const reading = yield* stream.pipe(
        Stream.tap(() => Deferred.succeed(first, undefined)),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* transport.publish(channel, text("a"))
      // a flush says that it is stored or sent, not that it has come
      yield* Deferred.await(first)
      yield* Scope.close(scope, Exit.void)
      yield* transport.publish(channel, text("b"))

      assert.deepStrictEqual((yield* Fiber.join(reading)).map(read), ["a"])
    }))

  it.effect("unsubscribes when enough was taken, and when the reader is interrupted", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const taking = yield* transport.subscribe(channel).pipe(
        Stream.take(1),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      let came = 0
      const endless = yield* transport.subscribe(channel).pipe(
        Stream.runForEach(() => Effect.sync(() => came++)),
        Effect.forkChild({ startImmediately: true })
      )
      // they say nowhere that they are there, but by what they take
      const bothTook = Effect.sync(() => came > 0 && taking.pollUnsafe() !== undefined)
      const isSo = yield* soon(Effect.andThen(transport.publish(channel, text("a")), bothTook))
      assert.isTrue(isSo, `the endless one took ${came}`)
      const taken = yield* Fiber.join(taking)
      yield* Fiber.interrupt(endless)
      yield* transport.flush
      const before = yield* transport.stats
      yield* transport.publishAll(channel, numbered(100))
      yield* transport.flush
      const after = yield* transport.stats

      assert.deepStrictEqual(taken.map(read), ["a"])
      assert.strictEqual(after.received, before.received)
      assert.strictEqual(after.dropped, before.dropped)
    }))

  it.effect("can be read once, and says so", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const stream = yield* transport.subscription(channel)
      yield* transport.publish(channel, text("a"))
      yield* Stream.runHead(stream)
      const error = yield* Effect.flip(Stream.runHead(stream))

      assert.strictEqual(error.reason._tag, "AlreadyRun")
      assert.include(error.message, `"${channel}"`)
    }))

  it.effect("ends after everything that came, when it is told to drain", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const enough = yield* Deferred.make<void>()
      const stream = yield* transport.subscription(channel, { drainWhen: Deferred.await(enough) })
      yield* transport.publishAll(channel, numbered(500))
      yield* transport.flush
      yield* Deferred.succeed(enough, undefined)
      const received = yield* Stream.runCollect(stream)
      yield* transport.publish(channel, text("too late"))

      assert.deepStrictEqual(received.map(read), numbered(500).map(read))
    }))

  it.effect("ends a stream that waits, when it is told to drain", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const enough = yield* Deferred.make<void>()
      const reading = yield* transport.subscribe(freshChannel(), { drainWhen: Deferred.await(enough) }).pipe(
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* transport.flush
      yield* Deferred.succeed(enough, undefined)

      assert.deepStrictEqual(yield* Fiber.join(reading), [])
    }))
}
