import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import { Transport, TransportError } from "@kps/transport"
import * as TransportTest from "@kps/transport/testing/TransportTest"
import { Effect, Fiber, Latch, Random, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as EgressSubscription from "../src/EgressSubscription.ts"
import {
  alertOf,
  alerts,
  apply,
  Brief,
  bytes,
  channel,
  Denied,
  egress,
  type Fault,
  type Hooks,
  layer,
  Lost,
  Poison,
  publish,
  settle,
  stateOf,
  statsOf,
  statuses,
  text,
  told,
  until
} from "./streams.ts"

const lost = new Lost({ message: "gone" })
const poison = new Poison({ message: "cannot be read" })
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`)
const texts = (batch: ReadonlyArray<Delivery.Outgoing>) => batch.map(({ payload }) => text(payload))

const broken = new TransportError.TransportError({
  reason: new TransportError.PermissionDenied({ channel: "ch.1", operation: "subscribe" })
})

const sink = (
  deliver: (batch: ReadonlyArray<Delivery.Outgoing>) => Effect.Effect<Delivery.Outcome<Fault>, Fault>,
  check?: Effect.Effect<void, Fault>
): Hooks => ({
  egress: () =>
    Effect.succeed(
      Delivery.sinkPartial<Fault, never>({ idempotent: false, deliver, ...(check === undefined ? {} : { check }) })
    )
})

const steady = Random.Random.of({ nextIntUnsafe: () => 0, nextDoubleUnsafe: () => 0.5 })

const pass = (millis: number) => Effect.repeat(Effect.andThen(TestClock.adjust(50), settle), { times: millis / 50 - 1 })

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

  it.effect("gives up when an item failed for longer than maxElapsed, and does not go on behind it", () => {
    const calls: Array<string> = []
    let opened = 0
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a", "b"])
      yield* pass(30_000)
      assert.strictEqual(yield* stateOf("1"), "Halted")
      assert.deepStrictEqual(calls, ["a+b", ...Array.from({ length: 6 }, () => "a")])
      assert.deepInclude(yield* statsOf("1"), { delivered: 1, failed: 7, dropped: 1 })
      assert.deepStrictEqual(yield* statuses, ["1 streamHalted"])
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
                  calls.push(texts(batch).join("+"))
                  return Delivery.failed([{ index: 0, error: new Brief({ message: "busy" }) }])
                })
            })
          })
      })),
      Effect.provideService(Random.Random, steady)
    )
  })

  it.effect("gives up an item where the table says so: counted, a critical alert, and those behind it flow", () => {
    const delivered: Array<string> = []
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a", "bad", "b", "bad", "c"])
      yield* until("the others", () => delivered.length === 3)

      assert.deepStrictEqual(delivered, ["a", "b", "c"])
      assert.deepInclude(yield* statsOf("1"), { received: 5, delivered: 3, failed: 2, dropped: 0, deadLettered: 2 })
      assert.deepStrictEqual(yield* alerts, ["messageDeadLettered of 1 (CRITICAL)"])
      assert.include((yield* alertOf("messageDeadLettered", "1"))?.ErrorMessage, "cannot be read")
      assert.strictEqual(yield* stateOf("1"), "Running")
      assert.deepStrictEqual(yield* statuses, ["1 streamHealthy"])
    }).pipe(Effect.provide(layer(sink((batch) =>
      Effect.sync(() => {
        delivered.push(...texts(batch).filter((one) => one !== "bad"))
        return Delivery.failed(texts(batch).flatMap((one, index) => one === "bad" ? [{ index, error: poison }] : []))
      })
    ))))
  })

  it.effect("gives up only the item at fault of a batch that failed as a whole", () => {
    const calls: Array<string> = []
    let opened = 0
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a", "b", "bad", "c"])
      yield* settle
      yield* publish("ch.1", ["d", "e"])
      yield* settle

      assert.deepStrictEqual(calls, ["a+b+bad+c", "a", "b", "bad", "c", "d+e"])
      assert.deepInclude(yield* statsOf("1"), { received: 6, delivered: 5, dropped: 0, deadLettered: 1 })
      assert.strictEqual(opened, 1)
    }).pipe(Effect.provide(layer({
      egress: () =>
        Effect.sync(() => {
          opened++
          return Delivery.sink({
            idempotent: true,
            deliver: (batch) =>
              Effect.suspend(() => {
                calls.push(texts(batch).join("+"))
                return texts(batch).includes("bad") ? Effect.fail(poison) : Effect.void
              })
          })
        })
    })))
  })

  it.effect("opens a sink again that failed as a whole, and gives it the same batch; nothing is lost meanwhile", () => {
    const calls: Array<string> = []
    const log: Array<string> = []
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a", "b"])
      yield* settle
      assert.deepStrictEqual(log, ["open", "close"])
      yield* publish("ch.1", ["c"])
      yield* pass(1_000)

      assert.deepStrictEqual(calls, ["a1 b1", "a2 b2", "c1"])
      assert.deepStrictEqual(log, ["open", "close", "open"])
      assert.deepInclude(yield* statsOf("1"), { received: 3, delivered: 3, failed: 2, dropped: 0 })
    }).pipe(Effect.provide(layer({
      egress: () =>
        Effect.as(
          Effect.acquireRelease(Effect.sync(() => log.push("open")), () => Effect.sync(() => log.push("close"))),
          Delivery.sink({
            idempotent: true,
            deliver: (batch) =>
              Effect.suspend(() => {
                calls.push(batch.map(({ attempt, payload }) => text(payload) + attempt).join(" "))
                return calls.length === 1 ? Effect.fail(lost) : Effect.void
              })
          })
        )
    })))
  })

  it.effect("delivers what had come though the broker is away meanwhile, also by a sink that is opened again", () => {
    const delivered: Array<string> = []
    let calls = 0
    return Effect.gen(function*() {
      const broker = yield* TransportTest.TransportTest
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a", "b"])
      yield* settle
      yield* broker.disconnect
      yield* pass(1_000)
      assert.deepStrictEqual(delivered, ["a", "b"])
      assert.strictEqual(yield* stateOf("1"), "Retrying")
    }).pipe(Effect.provide(layer({
      egress: () =>
        Effect.succeed(Delivery.sink({
          idempotent: true,
          deliver: (batch) =>
            Effect.suspend(() => {
              if (++calls === 1) return Effect.fail(lost)
              delivered.push(...texts(batch))
              return Effect.void
            })
        }))
    })))
  })

  it.effect("halts where the table says so, unsubscribes, and counts what it had as dropped", () => {
    const calls: Array<string> = []
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a", "b", "c"])
      yield* settle
      assert.strictEqual(yield* stateOf("1"), "Halted")
      assert.deepInclude(yield* statsOf("1"), { received: 3, delivered: 1, dropped: 2 })
      yield* publish("ch.1", ["d"])
      yield* settle
      assert.deepInclude(yield* statsOf("1"), { received: 3 })
      assert.deepStrictEqual(calls, ["a+b+c"])
      assert.deepStrictEqual(yield* alerts, ["streamFailed of 1 (CRITICAL)"])
    }).pipe(Effect.provide(layer(sink((batch) =>
      Effect.sync(() => {
        calls.push(texts(batch).join("+"))
        return Delivery.failed<Fault>([{ index: 1, error: new Denied({ message: "no" }) }, {
          index: 2,
          error: lost
        }])
      })
    ))))
  })

  it.effect("whose sink throws, or names what it was not given, hurts no other and is tried again", () => {
    const delivered: Array<string> = []
    let calls = 0
    return Effect.gen(function*() {
      yield* apply([egress("throws"), egress("fine")])
      yield* publish("ch.throws", ["a"])
      yield* publish("ch.fine", ["b"])
      yield* until("the other", () => delivered.includes("b"))
      yield* settle
      assert.strictEqual(yield* stateOf("fine"), "Running")
      const [outcome] = yield* apply([egress("throws"), egress("fine")])
      assert(outcome?._tag === "Failed")
      assert.strictEqual(outcome.failure.tag, "Defect")
      yield* pass(2_000)
      assert.deepStrictEqual(delivered, ["b", "a"])
      assert.strictEqual(calls, 3)
      assert.deepInclude(yield* statsOf("throws"), { delivered: 1, failed: 2 })
    }).pipe(
      Effect.provide(layer({
        egress: ({ id }) =>
          Effect.succeed(Delivery.sinkPartial<Fault, never>({
            idempotent: true,
            deliver: (batch) => {
              if (id === "throws" && ++calls === 1) throw new Error("no")
              if (id === "throws" && calls === 2) return Effect.succeed(Delivery.failed([{ index: 7, error: lost }]))
              delivered.push(...texts(batch))
              return Effect.succeed(Delivery.delivered)
            }
          }))
      })),
      Effect.provideService(Random.Random, steady)
    )
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

describe("The queue group of a stream", () => {
  it("tells instances and streams apart, whatever their ids are, and fits a subject token", () => {
    const ids = [
      "a",
      "a.b",
      "a b",
      "*",
      "a*",
      ">",
      "ü",
      "a%2Eb",
      "",
      "x".repeat(1_000),
      `${"x".repeat(1_000)}y`,
      "\ud800"
    ]
    const groups = ids.flatMap((a) => ids.map((b) => EgressSubscription.queueGroup(a, b)))

    assert.strictEqual(new Set(groups).size, ids.length ** 2)
    assert.isTrue(groups.every((group) => /^[\w%.-]{1,420}$/.test(group)), groups.join("\n"))
  })
})

describe("A sink that can be asked", () => {
  it.effect("is asked each second while nothing is delivered, and never together with deliver", () => {
    let checks = 0
    let running = 0
    let overlaps = 0
    const open = Latch.makeUnsafe(true)
    const exclusive = <A>(effect: Effect.Effect<A>) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          if (++running > 1) overlaps++
        }),
        () => effect,
        () => Effect.sync(() => running--)
      )
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* pass(3_000)
      assert.strictEqual(checks, 3)
      yield* open.close
      yield* publish("ch.1", ["a"])
      yield* pass(5_000)
      assert.strictEqual(checks, 3)
      yield* open.open
      yield* pass(3_000)
      assert.isAtLeast(checks, 5)
      assert.strictEqual(overlaps, 0)
    }).pipe(Effect.provide(layer(sink(
      () => exclusive(Effect.as(open.await, Delivery.delivered)),
      exclusive(Effect.sync(() => void checks++))
    ))))
  })

  it.effect("is not asked in a second in which something was delivered, nor between the tries of an item", () => {
    let checks = 0
    let fails = false
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      for (let i = 0; i < 5; i++) {
        yield* publish("ch.1", ["a"])
        yield* pass(950)
      }
      fails = true
      yield* publish("ch.1", ["a"])
      yield* pass(5_000)
      assert.strictEqual(checks, 0)
    }).pipe(Effect.provide(layer(sink(
      () => Effect.sync(() => fails ? Delivery.failed([{ index: 0, error: lost }]) : Delivery.delivered),
      Effect.sync(() => void checks++)
    ))))
  })

  it.effect("gets what arrives while it is asked afterwards", () => {
    const delivered: Array<string> = []
    const answer = Latch.makeUnsafe()
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* pass(1_000)
      yield* publish("ch.1", ["a"])
      yield* settle
      assert.deepStrictEqual(delivered, [])
      yield* answer.open
      yield* until("delivered", () => delivered.length === 1)
    }).pipe(Effect.provide(layer(sink(
      (batch) => Effect.sync(() => (delivered.push(...texts(batch)), Delivery.delivered)),
      answer.await
    ))))
  })

  it.effect("shows by a failure that outside is lost though nothing flows, and is opened again", () => {
    let away = false
    let opened = 0
    const delivered: Array<string> = []
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* pass(2_000)
      assert.strictEqual(yield* stateOf("1"), "Running")
      away = true
      yield* pass(1_100)
      assert.strictEqual(yield* stateOf("1"), "Retrying")
      assert.deepStrictEqual(yield* statuses, ["1 streamUnhealthy"])
      yield* publish("ch.1", ["a", "b"])
      away = false
      yield* pass(3_000)
      assert.strictEqual(yield* stateOf("1"), "Running")
      assert.deepStrictEqual(yield* statuses, ["1 streamHealthy"])
      assert.deepStrictEqual(delivered, ["a", "b"])
      assert.strictEqual(opened, 2)
    }).pipe(Effect.provide(layer({
      egress: () =>
        Effect.sync(() => {
          opened++
          return Delivery.sink<Fault, never>({
            idempotent: true,
            deliver: (batch) => Effect.sync(() => void delivered.push(...texts(batch))),
            check: Effect.suspend(() => away ? Effect.fail(lost) : Effect.void)
          })
        })
    })))
  })
})
