import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import { Transport, TransportError } from "@kps/transport"
import * as TransportTest from "@kps/transport/testing/TransportTest"
import { Effect, Fiber, Latch, Random, Stream } from "effect"
import { TestClock } from "effect/testing"
import { lost, pass, range, sink, texts } from "./sinks.ts"
import { steady } from "./steady.ts"
import {
  alertOf,
  alerts,
  apply,
  bytes,
  channel,
  egress,
  type Fault,
  layer,
  publish,
  settle,
  stateOf,
  statsOf,
  statuses,
  text,
  told,
  until
} from "./streams.ts"

const broken = new TransportError.TransportError({
  reason: new TransportError.PermissionDenied({ channel: "ch.1", operation: "subscribe" })
})

describe("An egress stream", () => {
  it.effect("delivers what is published after it was answered for, in order, in batches of at most 512", () => {
    const batches: Array<ReadonlyArray<string>> = []
    return Effect.gen(function*() {
      assert.deepStrictEqual(told(yield* apply([egress("1")])), ["1 running"])
      yield* publish("ch.1", range(0, 2_000))
      yield* until("all", () => batches.flat().length === 2_000)

      assert.deepStrictEqual(batches.flat(), range(0, 2_000))
      assert.isAtMost(Math.max(...batches.map((batch) => batch.length)), 512)
      assert.isAtMost(batches.length, 8)
      assert.deepInclude(yield* statsOf("1"), { received: 2_000, delivered: 2_000, failed: 0, dropped: 0 })
      assert.deepStrictEqual(yield* statuses, ["1 streamHealthy"])
    }).pipe(Effect.provide(layer(sink((batch) =>
      Effect.sync(() => {
        batches.push(texts(batch))
        return Delivery.delivered
      })
    ))))
  })

  it.effect("gives each payload with its own id, its producer's timestamp and the first attempt", () => {
    const items: Array<Delivery.Outgoing> = []
    return Effect.gen(function*() {
      const transport = yield* Transport.Transport
      yield* apply([egress("1")])
      yield* transport.publishAll(channel("ch.1"), [
        { payloads: range(0, 700).map(bytes), timestampNanos: 1_700_000_000_123_456_789n },
        { payloads: [], timestampNanos: 1n },
        { payloads: [bytes("700")], timestampNanos: 2n }
      ])
      yield* until("all", () => items.length === 701)

      assert.deepStrictEqual(texts(items), range(0, 701))
      assert.strictEqual(new Set(items.map(({ id }) => id)).size, 701)
      assert.strictEqual(items[699]!.timestamp, 1_700_000_000_123_456_789n)
      assert.strictEqual(items[700]!.timestamp, 2n)
      assert.isTrue(items.every(({ attempt }) => attempt === 1))
    }).pipe(Effect.provide(layer(sink((batch) =>
      Effect.sync(() => {
        items.push(...batch)
        return Delivery.delivered
      })
    ))))
  })

  it.effect("calls the sink for one batch at a time", () => {
    let running = 0
    let most = 0
    let delivered = 0
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      for (let i = 0; i < 20; i++) {
        yield* publish("ch.1", range(0, 100))
        yield* settle
      }
      yield* until("all", () => delivered === 2_000)
      assert.strictEqual(most, 1)
    }).pipe(Effect.provide(layer(sink((batch) =>
      Effect.gen(function*() {
        most = Math.max(most, ++running)
        yield* Effect.repeat(Effect.yieldNow, { times: 5 })
        running--
        delivered += batch.length
        return Delivery.delivered
      })
    ))))
  })

  it.effect("tries the items again that the sink named, with the same ids, those behind them waiting", () => {
    const calls: Array<ReadonlyArray<string>> = []
    const ids = new Map<string, Set<string>>()
    let opened = 0
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a", "b", "c", "d"])
      yield* settle
      yield* publish("ch.1", ["e"])
      yield* settle
      assert.deepStrictEqual(calls, [["a1", "b1", "c1", "d1"]])
      assert.strictEqual(yield* stateOf("1"), "Retrying")
      assert.deepStrictEqual(yield* alerts, ["streamFailed of 1 (WARNING)"])

      yield* pass(1_000)
      assert.deepStrictEqual(calls, [["a1", "b1", "c1", "d1"], ["b2", "d2"], ["b3"], ["e1"]])
      assert.isTrue(Array.from(ids.values()).every((same) => same.size === 1))
      assert.deepInclude(yield* statsOf("1"), { received: 5, delivered: 5, failed: 3, dropped: 0 })
      assert.strictEqual(yield* stateOf("1"), "Running")
      assert.deepStrictEqual(yield* alerts, [])
      assert.strictEqual(opened, 1)
    }).pipe(
      Effect.provide(layer({
        egress: () =>
          Effect.sync(() => {
            opened++
            return Delivery.sinkPartial<Fault, never>({
              idempotent: true,
              deliver: (batch) =>
                Effect.sync(() => {
                  calls.push(batch.map(({ attempt, payload }) => text(payload) + attempt))
                  for (const { id, payload } of batch) {
                    ids.set(text(payload), (ids.get(text(payload)) ?? new Set()).add(id))
                  }
                  const fails = (item: string) => item === "b" ? 2 : item === "d" ? 1 : 0
                  return Delivery.failed(
                    batch.flatMap((item, index) =>
                      item.attempt <= fails(text(item.payload)) ? [{ index, error: lost }] : []
                    ).toReversed()
                  )
                })
            })
          })
      })),
      Effect.provideService(Random.Random, steady)
    )
  })

  it.effect("waits between tries of an item as between tries of a stream", () => {
    const at: Array<number> = []
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a"])
      yield* pass(8_000)
      assert.deepStrictEqual(at, [0, 250, 750, 1_750, 3_750, 7_750])
    }).pipe(
      Effect.provide(layer(sink(() =>
        Effect.clockWith((clock) => {
          at.push(clock.currentTimeMillisUnsafe())
          return Effect.succeed(Delivery.failed([{ index: 0, error: lost }]))
        })
      ))),
      Effect.provideService(Random.Random, steady)
    )
  })

  it.effect("leaves nothing of a subscription that the broker refused", () => {
    let open = 0
    let made = 0
    return Effect.gen(function*() {
      assert.deepStrictEqual(told(yield* apply([egress("1")])), ["1 PERMISSION_DENIED PermissionDenied"])
      yield* pass(2_000)
      assert.isAbove(made, 2)
      assert.strictEqual(open, 0)
    }).pipe(Effect.provide(layer({}, {
      over: () => ({
        subscription: () =>
          Effect.acquireRelease(Effect.sync(() => open++), () => Effect.sync(() => open--)).pipe(
            Effect.andThen(Effect.suspend(() => {
              made++
              return Effect.fail(broken)
            }))
          )
      })
    })))
  })

  it.effect("does not count as running again while it waits in place for the next try", () => {
    let calls = 0
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a"])
      // fails as a whole at 0, is open again at 250, fails in place at 250 and 750
      yield* pass(1_300)
      assert.strictEqual(calls, 3)
      assert.strictEqual(yield* stateOf("1"), "Retrying")
      assert.deepStrictEqual(yield* statuses, ["1 streamUnhealthy"])
    }).pipe(
      Effect.provide(
        layer(
          sink(() =>
            Effect.suspend(() =>
              ++calls === 1 ? Effect.fail(lost) : Effect.succeed(Delivery.failed([{ index: 0, error: lost }]))
            )
          )
        )
      ),
      Effect.provideService(Random.Random, steady)
    )
  })

  it.effect("subscribes again when its subscription fails, after it delivered what had come", () => {
    const delivered: Array<string> = []
    let open = 0
    let made = 0
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* settle
      assert.deepStrictEqual(delivered, ["a"])
      const [outcome] = yield* apply([egress("1")])
      assert.deepStrictEqual(told([outcome!]), ["1 PERMISSION_DENIED PermissionDenied"])
      assert.deepStrictEqual(yield* alerts, ["transportSubscribeFailed of 1 (CRITICAL)"])
      assert.strictEqual(open, 0)
      yield* pass(1_500)
      yield* publish("ch.1", ["b"])
      yield* settle
      assert.deepStrictEqual(delivered, ["a", "b"])
      assert.deepStrictEqual([open, made], [1, 2])
      assert.deepStrictEqual(yield* alerts, [])
    }).pipe(Effect.provide(layer(
      sink((batch) => Effect.sync(() => (delivered.push(...texts(batch)), Delivery.delivered))),
      {
        over: (transport) => ({
          subscription: (channel, options) =>
            Effect.andThen(
              Effect.acquireRelease(Effect.sync(() => open++), () => Effect.sync(() => open--)),
              Effect.suspend(() =>
                ++made === 1
                  ? Effect.succeed(
                    Stream.concat(Stream.make({ payloads: [bytes("a")], timestampNanos: 1n }), Stream.fail(broken))
                  )
                  : transport.subscription(channel, options)
              )
            )
        })
      }
    )))
  })

  it.effect("that is stopped is unsubscribed at once and delivers nothing more, though its sink cannot be interrupted", () => {
    const calls: Array<string> = []
    const release = Latch.makeUnsafe()
    let subscribed = 0
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a"])
      yield* settle
      yield* publish("ch.1", ["b"])
      yield* settle
      assert.strictEqual(subscribed, 1)
      const stopped = yield* Effect.forkChild(apply([]))
      yield* settle
      assert.strictEqual(subscribed, 0)
      assert.isUndefined(stopped.pollUnsafe())
      yield* release.open
      assert.deepStrictEqual(told(yield* Fiber.join(stopped)), [])
      yield* settle
      assert.deepStrictEqual(calls, ["a"])
    }).pipe(Effect.provide(layer(
      sink((batch) =>
        Effect.suspend(() => {
          calls.push(texts(batch).join())
          return Effect.as(Effect.exit(Effect.uninterruptible(release.await)), Delivery.delivered)
        })
      ),
      {
        over: (transport) => ({
          subscription: (channel, options) =>
            Effect.andThen(
              Effect.acquireRelease(Effect.sync(() => subscribed++), () => Effect.sync(() => subscribed--)),
              transport.subscription(channel, options)
            )
        })
      }
    )))
  })

  it.effect("counts all it had as dropped when it is stopped, also the rest of a message", () =>
    Effect.gen(function*() {
      const transport = yield* Transport.Transport
      yield* apply([egress("1")])
      yield* transport.publishAll(channel("ch.1"), [
        { payloads: range(0, 700).map(bytes), timestampNanos: 1n },
        { payloads: [bytes("a"), bytes("b")], timestampNanos: 1n }
      ])
      yield* settle
      yield* apply([egress("1", { name: "b" })])
      assert.deepInclude(yield* statsOf("1"), { received: 702, delivered: 0, dropped: 702 })
    }).pipe(Effect.provide(layer(sink(() => Effect.never)))))

  it.effect("counts as dropped also what had come and it had not taken", () =>
    Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a", "b"])
      yield* settle
      yield* publish("ch.1", ["c", "d", "e"])
      yield* settle
      yield* publish("ch.1", ["f"])
      yield* settle
      yield* apply([egress("1", { name: "b" })])
      assert.deepInclude(yield* statsOf("1"), { received: 6, delivered: 0, dropped: 6 })
    }).pipe(Effect.provide(layer(sink(() => Effect.never)))))

  it.effect("counts malformed frames and goes on, with an alert that is told once a second", () =>
    Effect.gen(function*() {
      const broker = yield* TransportTest.TransportTest
      yield* apply([egress("1")])
      for (let i = 0; i < 50; i++) yield* broker.inject(channel("ch.1"))
      yield* publish("ch.1", ["a"])
      yield* settle
      assert.deepInclude(yield* statsOf("1"), { received: 1, delivered: 1, malformed: 50 })
      assert.deepStrictEqual(yield* alerts, ["malformedFrame of 1 (WARNING)", "messageDeadLettered of 1 (CRITICAL)"])
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.deepInclude((yield* alertOf("malformedFrame", "1"))?.ExtraMessage, { count: 50 })
    }).pipe(Effect.provide(layer({}))))

  it.effect("that is saturated holds only so much, counts what the transport dropped, and goes on when it can", () => {
    let delivered = 0
    const open = Latch.makeUnsafe()
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      for (let i = 0; i < 80; i++) {
        yield* publish("ch.1", range(0, 1_000))
        yield* settle
      }
      const stats = yield* statsOf("1")
      assert.isAtMost(stats.received, 5_000)
      assert.isAbove(stats.overflowed, 0)
      assert.deepStrictEqual(yield* alerts, ["slowConsumer of 1 (CRITICAL)"])

      yield* open.open
      yield* until("the rest", () => delivered + stats.overflowed === 80_000)
      assert.deepInclude(yield* statsOf("1"), { delivered, overflowed: 80_000 - delivered })
    }).pipe(Effect.provide(layer(sink((batch) =>
      Effect.as(
        Effect.andThen(open.await, Effect.sync(() => (delivered += batch.length))),
        Delivery.delivered
      )
    ))))
  }, 20_000)

  it.effect("of two replicas each message is handled by one", () => {
    const replicas: [Array<string>, Array<string>] = [[], []]
    const one = (delivered: Array<string>) =>
      sink((batch) => Effect.sync(() => (delivered.push(...texts(batch)), Delivery.delivered)))
    const queues: Array<string | undefined> = []
    return Effect.gen(function*() {
      const transport = yield* Transport.Transport
      for (const delivered of replicas) {
        const replica = layer(one(delivered), {
          connectorId: "c-1",
          over: () => ({
            ...transport,
            subscription: (channel, options) => {
              queues.push(options?.queue)
              return transport.subscription(channel, options)
            }
          })
        })
        yield* Effect.forkScoped(Effect.provide(Effect.andThen(apply([egress("1")]), Effect.never), replica))
      }
      yield* settle
      yield* publish("ch.1", range(0, 1_000))
      yield* until("all", () => replicas[0].length + replicas[1].length === 1_000)
      yield* settle

      assert.deepStrictEqual(replicas.flat().map(Number).toSorted((a, b) => a - b), range(0, 1_000).map(Number))
      assert.isAbove(replicas[0].length, 0)
      assert.isAbove(replicas[1].length, 0)
      assert.deepStrictEqual(queues, ["kps.c-1.1", "kps.c-1.1"])
    }).pipe(Effect.provide(Transport.layerMemory))
  })
})
