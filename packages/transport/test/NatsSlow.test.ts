import { assert, describe, it } from "@effect/vitest"
import { Channel, type TransportError } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { connect } from "@nats-io/transport-node"
import { Deferred, Effect, Latch, References, Stream } from "effect"
import { channelOf, collected, connected, read, text, transportOf, until } from "./support.ts"

/** A client that knows nothing of this package. */
const rawClient = (server: NatsServer.NatsServer["Service"]) =>
  Effect.acquireRelease(
    Effect.promise(() => connect({ servers: server.url })),
    (client) => Effect.promise(() => client.close())
  )

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("NATS, slow subscribers"), () => {
  it.live(
    "holds no more than its bounds for a subscriber that stands still, and counts the rest",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make()
        const transport = yield* transportOf({ servers: [server.url], maxBufferedPayloads: 5000 })
        const publisher = yield* transportOf({ servers: [server.url] })
        const channel = channelOf("slow")
        const told: Array<number> = []
        const stream = yield* transport.subscription(channel, {
          onDropped: (count) => Effect.sync(() => void told.push(count))
        })
        const brisk = yield* collected(yield* transport.subscription(channel))
        const messages = Array.from({ length: 100_000 }, (_, index) => text(`${index}`))
        yield* publisher.publishAll(channel, messages)
        yield* publisher.flush
        yield* until("the other subscriber has all", Effect.sync(() => brisk.length === 100_000), "15 seconds")
        const stats = yield* transport.stats
        const kept = yield* stream.pipe(Stream.take(100_000 - stats.dropped), Stream.runCollect)
        yield* until("it was told", Effect.sync(() => told.reduce((sum, count) => sum + count, 0) === stats.dropped))

        assert.isAtLeast(stats.dropped, 95_000)
        assert.isBelow(stats.dropped, 100_000)
        assert.deepStrictEqual(kept.map(read), messages.slice(0, kept.length).map(read))
        assert.strictEqual((yield* transport.stats).disconnects, 0)
        assert.strictEqual((yield* transport.status)._tag, "Connected")
      }),
    30_000
  )

  it.live("bounds bytes too, whatever the messages are", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const transport = yield* transportOf({ servers: [server.url], maxBufferedBytes: 1_000_000 })
      const channel = channelOf("big")
      const stream = yield* transport.subscription(channel)
      yield* transport.publishAll(channel, Array.from({ length: 100 }, () => text("x".repeat(100_000))))
      yield* transport.flush
      const { dropped } = yield* transport.stats
      const kept = yield* stream.pipe(Stream.take(100 - dropped), Stream.runCollect)

      // the one that fills the buffer is still taken
      assert.strictEqual(kept.length, 10)
      assert.isTrue(kept.every((message) => Channel.byteLength(message) === 100_000))
    }), 15_000)

  it.live("loses nothing for a subscriber that stands still for a second", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const transport = yield* transportOf({ servers: [server.url], maxBufferedBytes: 1_000_000 })
      const publisher = yield* transportOf({ servers: [server.url] })
      const channel = channelOf("hiccup")
      const latch = yield* Latch.make(false)
      let count = 0
      yield* (yield* transport.subscription(channel)).pipe(
        Stream.runForEachArray((messages) =>
          Effect.andThen(latch.await, Effect.sync(() => void (count += messages.length)))
        ),
        Effect.forkScoped
      )
      // some 6 MB in less than a second: more than it may hold, so only a pause can keep them
      const batch = Array.from({ length: 100 }, () => text("x".repeat(100)))
      for (let sent = 0; sent < 60_000; sent += batch.length) {
        yield* publisher.publishAll(channel, batch)
        yield* Effect.sleep(1)
      }
      yield* publisher.flush
      const behind = yield* transport.stats
      yield* latch.open
      yield* until("all came", Effect.sync(() => count === 60_000))

      assert.isBelow(behind.received, 60_000)
      assert.strictEqual((yield* transport.stats).dropped, 0)
    }), 15_000)

  it.live(
    "is not cut off by a producer that is faster for long: it drops, counts, and lets others through",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make()
        const transport = yield* transportOf({ servers: [server.url] })
        const publisher = yield* transportOf({ servers: [server.url] })
        const slow = yield* transport.subscription(channelOf("flood"))
        let taken = 0
        yield* slow.pipe(
          Stream.runForEachArray((messages) =>
            Effect.andThen(Effect.sleep("200 millis"), Effect.sync(() => void (taken += messages.length)))
          ),
          Effect.forkScoped
        )
        const others = yield* collected(yield* transport.subscription(channelOf("other")))
        const batch = Array.from({ length: 500 }, () => text("x".repeat(1000)))
        const end = performance.now() + 6000
        let sent = 0
        let pings = 0
        yield* Effect.whileLoop({
          while: () => performance.now() < end,
          body: () =>
            Effect.andThen(
              publisher.publishAll(channelOf("flood"), batch),
              publisher.publish(channelOf("other"), text("ping"))
            ),
          step: () => {
            sent += batch.length
            pings++
          }
        })
        yield* publisher.flush
        yield* until("the others are here", Effect.sync(() => others.length === pings), "20 seconds")
        yield* until("what was kept is read", Effect.map(transport.stats, ({ dropped }) => taken + dropped === sent))
        const stats = yield* transport.stats

        assert.strictEqual(stats.disconnects, 0)
        assert.strictEqual(others.length, pings)
        assert.isAbove(stats.dropped, 0)
        assert.strictEqual(taken + stats.dropped, sent)
      }),
    60_000
  )
})

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("NATS, malformed frames"), () => {
  it.live("counts, tells and skips them, and delivers what is around them", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const transport = yield* transportOf({ servers: [server.url] })
      const raw = yield* rawClient(server)
      const channel = channelOf("malformed")
      const told: Array<TransportError.TransportError> = []
      const received = yield* collected(
        yield* transport.subscription(channel, { onMalformed: (error) => Effect.sync(() => void told.push(error)) })
      )
      const publish = (bytes: Iterable<number>) =>
        Effect.promise(() => {
          raw.publish(channel, Uint8Array.from(bytes))
          return raw.flush()
        })
      yield* transport.publishConfirmed(channel, [text("before")])
      yield* publish([0x1a, 0x05, 1, 2])
      yield* publish([0x08])
      yield* publish(new TextEncoder().encode("{\"json\": true}"))
      // no error: unknown fields, and nothing at all
      yield* publish([0x12, 0x01, 0x00])
      yield* publish([])
      yield* transport.publishConfirmed(channel, [text("after")])
      yield* until("all came", Effect.sync(() => received.length === 4))
      yield* until("all was told", Effect.sync(() => told.length === 3))

      assert.deepStrictEqual(received, ["before", "", "", "after"])
      assert.strictEqual((yield* transport.stats).malformed, 3)
      assert(told[0]?.reason._tag === "MalformedFrame")
      assert.match(told[0].message, /^frame of 4 bytes on "malformed" is no TransportMessage: /)
      assert.strictEqual(told[2]?.reason._tag, "MalformedFrame")
    }))

  it.live("goes on when a handler throws", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const transport = yield* transportOf({ servers: [server.url] })
      const raw = yield* rawClient(server)
      const channel = channelOf("thrown")
      let calls = 0
      const received = yield* collected(
        yield* transport.subscription(channel, {
          onMalformed: () =>
            Effect.sync(() => {
              calls++
              throw new Error("ours")
            })
        })
      )
      for (let i = 0; i < 2; i++) raw.publish(channel, Uint8Array.of(0x08))
      yield* Effect.promise(() => raw.flush())
      yield* transport.publish(channel, text("after"))
      yield* until("all was told", Effect.sync(() => calls === 2))
      yield* until("the rest came", Effect.sync(() => received.length === 1))

      assert.deepStrictEqual(received, ["after"])
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None")))

  it.live("reads what the original writes: one payload, and the timestamp after it", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const transport = yield* transportOf({ servers: [server.url] })
      const raw = yield* rawClient(server)
      const channel = channelOf("original")
      const stream = yield* transport.subscription(channel)
      raw.publish(channel, Uint8Array.of(0x1a, 0x02, 0x68, 0x69, 0x08, 0x2a))
      const [message] = yield* stream.pipe(Stream.take(1), Stream.runCollect)

      assert(message !== undefined)
      assert.strictEqual(message.timestampNanos, 42n)
      assert.strictEqual(read(message), "hi")
    }))

  it.live("writes what the original reads: never more than one message in a frame", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const transport = yield* transportOf({ servers: [server.url] })
      const raw = yield* rawClient(server)
      const frames: Array<Array<number>> = []
      raw.subscribe("frames", { callback: (_, { data }) => void frames.push([...data]) })
      yield* Effect.promise(() => raw.flush())
      yield* transport.publishAll(channelOf("frames"), [text("a"), text("b")])
      yield* transport.publish(channelOf("frames"), {
        timestampNanos: 42n,
        payloads: [Uint8Array.of(1), Uint8Array.of()]
      })
      yield* until("all came", Effect.sync(() => frames.length === 3))

      assert.deepStrictEqual(frames, [[8, 1, 26, 1, 97], [8, 1, 26, 1, 98], [8, 42, 26, 1, 1, 26, 0]])
    }))
})

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("NATS, draining"), () => {
  it.live("gives a draining subscriber what was on its way, and ends; so does one whose broker is away", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const transport = yield* transportOf({ servers: [server.url] })
      const publisher = yield* transportOf({ servers: [server.url] })
      const channel = channelOf("drain")
      const enough = yield* Deferred.make<void>()
      const away = yield* Deferred.make<void>()
      const stream = yield* transport.subscription(channel, { drainWhen: Deferred.await(enough) })
      const other = yield* transport.subscription(channelOf("away"), { drainWhen: Deferred.await(away) })
      yield* publisher.publishAll(channel, Array.from({ length: 50_000 }, () => text("x")))
      yield* publisher.flush
      yield* Deferred.succeed(enough, undefined)
      const received = yield* Stream.runCollect(stream)
      yield* server.kill()
      yield* Deferred.succeed(away, undefined)
      const nothing = yield* Stream.runCollect(other)
      yield* server.restart
      yield* connected(transport)

      assert.strictEqual(received.length, 50_000)
      assert.deepStrictEqual(nothing, [])
    }))
})
