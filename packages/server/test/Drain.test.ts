import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import * as TransportTest from "@kps/transport/testing/TransportTest"
import { type Cause, Effect, Fiber, Latch, Logger, Queue, References, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as RunningStreams from "../src/RunningStreams.ts"
import {
  apply,
  bytes,
  collect,
  egress,
  idle,
  layer,
  list,
  Lost,
  publish,
  settle,
  spec,
  statsOf,
  text,
  told,
  until
} from "./streams.ts"

const drain = (timeout: "10 seconds" | "1 hour" = "1 hour") =>
  RunningStreams.RunningStreams.use((streams) => streams.drain({ timeout }))

const states = Effect.map(list, (all) => all.map(({ state }) => state._tag))

describe("Draining", () => {
  it.effect("reads a source that can be drained to its end, and publishes all it holds", () => {
    const held = Effect.runSync(Queue.unbounded<string, Cause.Done>())
    let drains = 0
    return Effect.gen(function*() {
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* Queue.offerAll(held, ["a", "b", "c"])
      yield* drain()

      yield* settle
      assert.deepStrictEqual(seen, ["a", "b", "c"])
      assert.strictEqual(drains, 1)
      assert.deepInclude(yield* statsOf("1"), { received: 3, published: 3, dropped: 0 })
      assert.deepStrictEqual(yield* states, ["Done"])
    }).pipe(Effect.provide(layer({
      ingress: () =>
        Effect.succeed(Delivery.lossy(Stream.map(Stream.rechunk(Stream.fromQueue(held), 1), bytes), {
          drain: Effect.andThen(Effect.sync(() => (drains += 1)), Queue.end(held))
        }))
    })))
  })

  it.effect("waits no longer than it was given for a source that does not end when drained", () =>
    Effect.gen(function*() {
      yield* apply([spec("1")])
      const drained = yield* Effect.forkChild(drain("10 seconds"))
      yield* TestClock.adjust("9 seconds")
      assert.isUndefined(drained.pollUnsafe())

      yield* TestClock.adjust("1 second")
      yield* Fiber.join(drained)
    }).pipe(Effect.provide(layer({
      ingress: () => Effect.succeed(Delivery.lossy(Stream.never, { drain: Effect.void }))
    }))))

  it.effect("reads no more, and publishes the array in hand before it ends", () => {
    const room = Latch.makeUnsafe()
    const queue = Effect.runSync(Queue.unbounded<string>())
    let closed = false
    return Effect.gen(function*() {
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* Queue.offerAll(queue, ["a", "b"])
      yield* settle
      const drained = yield* Effect.forkChild(drain())
      yield* settle
      yield* Queue.offerAll(queue, ["c", "d"])
      yield* settle
      assert.isUndefined(drained.pollUnsafe())
      assert.isFalse(closed)

      yield* room.open
      yield* Fiber.join(drained)
      yield* settle
      assert.deepStrictEqual(seen, ["a", "b"])
      assert.isTrue(closed)
      assert.deepStrictEqual(yield* Queue.takeAll(queue), ["c", "d"])
      assert.deepInclude(yield* statsOf("1"), { received: 2, published: 2, dropped: 0 })
      assert.deepStrictEqual(yield* states, ["Done"])
    }).pipe(Effect.provide(layer({
      ingress: () =>
        Effect.as(
          Effect.addFinalizer(() => Effect.sync(() => (closed = true))),
          Delivery.lossy(Stream.map(Stream.fromQueue(queue), bytes))
        )
    }, {
      over: (transport) => ({
        publishAll: (channel, messages) => Effect.andThen(room.await, transport.publishAll(channel, messages))
      })
    })))
  })

  it.effect("reads no further array of a source that always has one", () => {
    const room = Latch.makeUnsafe()
    let read = 0
    let published = 0
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* settle
      const drained = yield* Effect.forkChild(drain())
      yield* settle
      yield* room.open
      yield* Fiber.join(drained)
      assert.deepStrictEqual([read, published], [1, 1])
    }).pipe(Effect.provide(layer({
      ingress: () =>
        Effect.succeed(
          Delivery.lossy(Stream.fromPull(Effect.succeed(Effect.sync(() => (read++, [bytes("a")] as const)))))
        )
    }, {
      over: () => ({ publishAll: () => Effect.andThen(room.await, Effect.sync(() => void published++)) })
    })))
  })

  it.effect("ends a source that waits, at once", () =>
    Effect.gen(function*() {
      yield* apply([spec("1"), egress("2")])
      yield* drain()
      assert.deepStrictEqual(yield* states, ["Done", "Done"])
    }).pipe(Effect.provide(layer({}))))

  it.effect("acknowledges what was read, after the broker has it", () => {
    const confirmed = Latch.makeUnsafe()
    const log: Array<string> = []
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* settle
      const drained = yield* Effect.forkChild(drain())
      yield* settle
      assert.isUndefined(drained.pollUnsafe())
      assert.deepStrictEqual(log, [])
      yield* confirmed.open
      yield* Fiber.join(drained)
      assert.deepStrictEqual(log, ["ack", "close"])
    }).pipe(Effect.provide(layer({
      ingress: () =>
        Effect.as(
          Effect.addFinalizer(() => Effect.sync(() => log.push("close"))),
          Delivery.acknowledged(Stream.concat(
            Stream.make({
              payloads: [bytes("a")] as const,
              ack: Effect.sync(() => void log.push("ack")),
              nack: Effect.sync(() => void log.push("nack"))
            }),
            Stream.never
          ))
        )
    }, { over: () => ({ publishConfirmed: () => confirmed.await }) })))
  })

  it.effect("gives back what is not settled when its time is over", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* settle
      const drained = yield* Effect.forkChild(drain("10 seconds"))
      yield* settle
      yield* TestClock.adjust("9999 millis")
      assert.deepStrictEqual(log, [])
      assert.isUndefined(drained.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(drained)
      yield* settle
      assert.deepStrictEqual(log, ["nack"])
    }).pipe(Effect.provide(layer({
      ingress: () =>
        Effect.succeed(
          Delivery.acknowledged(Stream.concat(
            Stream.make({
              payloads: [bytes("a")] as const,
              ack: Effect.void,
              nack: Effect.sync(() => void log.push("nack"))
            }),
            Stream.never
          ))
        )
    }, { over: () => ({ publishConfirmed: () => Effect.never }) })))
  })

  it.effect("delivers what had come, and takes nothing that comes later", () => {
    const delivered: Array<string> = []
    const open = Latch.makeUnsafe()
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a", "b"])
      yield* settle
      yield* publish("ch.1", ["c", "d"])
      const drained = yield* Effect.forkChild(drain())
      yield* settle
      yield* publish("ch.1", ["e"])
      yield* open.open
      yield* Fiber.join(drained)
      assert.deepStrictEqual(delivered, ["a", "b", "c", "d"])
      assert.deepInclude(yield* statsOf("1"), { received: 4, delivered: 4, dropped: 0 })
    }).pipe(Effect.provide(layer({
      egress: () =>
        Effect.succeed(Delivery.sink({
          idempotent: true,
          deliver: (batch) =>
            Effect.andThen(
              open.await,
              Effect.sync(() => void delivered.push(...batch.map(({ payload }) => text(payload))))
            )
        }))
    })))
  })

  it.effect("goes on trying to deliver what had come, as long as it may", () => {
    const delivered: Array<string> = []
    let away = true
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a"])
      yield* settle
      const drained = yield* Effect.forkChild(drain())
      yield* settle
      assert.isUndefined(drained.pollUnsafe())
      away = false
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(drained)
      assert.deepStrictEqual(delivered, ["a"])
    }).pipe(Effect.provide(layer({
      egress: () =>
        Effect.succeed(Delivery.sink({
          idempotent: true,
          deliver: (batch) =>
            Effect.suspend(() => {
              if (away) return Effect.fail(new Lost({ message: "away" }))
              delivered.push(...batch.map(({ payload }) => text(payload)))
              return Effect.void
            })
        }))
    })))
  })

  it.effect("does not wait for an outside that is away when everything that had come was delivered", () => {
    let opened = 0
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* states, ["Retrying"])
      const drained = yield* Effect.forkChild(drain())
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(drained)
      assert.deepStrictEqual(yield* states, ["Done"])
    }).pipe(Effect.provide(layer({
      egress: () =>
        opened++ > 0
          ? Effect.fail(new Lost({ message: "away" }))
          : Effect.succeed(Delivery.sink({
            idempotent: true,
            deliver: () => Effect.void,
            check: Effect.fail(new Lost({ message: "gone" }))
          }))
    })))
  })

  it.effect("publishes what was read as soon as the broker is back, if that is in time", () =>
    Effect.gen(function*() {
      const broker = yield* TransportTest.TransportTest
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* broker.disconnect
      yield* settle
      yield* TestClock.adjust("1 second")
      const drained = yield* Effect.forkChild(drain())
      yield* settle
      yield* TestClock.adjust("1 second")
      assert.isUndefined(drained.pollUnsafe())
      yield* broker.reconnect
      yield* Fiber.join(drained)
      yield* settle
      assert.isAbove(seen.length, 0)
      assert.deepInclude(yield* statsOf("1"), { published: seen.length, received: seen.length, dropped: 0 })
    }).pipe(Effect.provide(layer({
      ingress: () => Effect.succeed(Delivery.lossy(Stream.fromEffectRepeat(Effect.as(Effect.yieldNow, bytes("a")))))
    }))))

  it.effect("stops at once what has taken nothing: an opening, a wait for the next try", () =>
    Effect.gen(function*() {
      const answer = yield* Effect.forkChild(apply([spec("opens"), spec("waits"), spec("ran")]))
      yield* settle
      yield* drain()
      yield* Fiber.join(answer)
      yield* TestClock.adjust("1 hour")
    }).pipe(Effect.provide(layer({
      ingress: ({ id }) => {
        const lost = new Lost({ message: "away" })
        return id === "opens"
          ? Effect.never
          : id === "waits"
          ? Effect.fail(lost)
          : Effect.succeed(Delivery.lossy(Stream.fail(lost)))
      }
    }))))

  it.effect("lets an apply that waits answer at once, and a later one start nothing", () => {
    let opened = 0
    return Effect.gen(function*() {
      const answer = yield* Effect.forkChild(apply([spec("1"), spec("2")]))
      yield* until("both opened", () => opened === 2)
      yield* drain()
      assert.deepStrictEqual(told(yield* Fiber.join(answer)).at(0), "1 UNAVAILABLE Stopping")
      assert.deepStrictEqual(told(yield* apply([spec("3")])), ["3 UNAVAILABLE Stopping"])
      yield* settle
      assert.strictEqual(opened, 2)
    }).pipe(Effect.provide(layer({
      ingress: ({ id }) => Effect.andThen(Effect.sync(() => opened++), id === "1" ? Effect.never : Effect.succeed(idle))
    })))
  })

  it.effect("lets an apply that waits for a stop answer at once", () => {
    const release = Latch.makeUnsafe()
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      const answer = yield* Effect.forkChild(apply([]))
      yield* settle
      assert.isUndefined(answer.pollUnsafe())
      yield* drain()
      assert.deepStrictEqual(told(yield* Fiber.join(answer)), ["1 DEADLINE_EXCEEDED StopTimeout"])
      yield* release.open
    }).pipe(Effect.provide(layer({
      ingress: () => Effect.as(Effect.addFinalizer(() => release.await), idle)
    })))
  })

  it.effect("opens nothing again whose settling fails", () => {
    let opened = 0
    const confirmed = Latch.makeUnsafe()
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* settle
      const drained = yield* Effect.forkChild(drain())
      yield* settle
      yield* confirmed.open
      yield* Fiber.join(drained)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(opened, 1)
    }).pipe(Effect.provide(layer({
      ingress: () =>
        Effect.sync(() => {
          opened++
          const lost = Effect.fail(new Lost({ message: "gone" }))
          return Delivery.acknowledged(
            Stream.concat(Stream.make({ payloads: [bytes("a")] as const, ack: lost }), Stream.never)
          )
        })
    }, { over: () => ({ publishConfirmed: () => confirmed.await }) })))
  })

  it.effect("logs how many payloads it could not finish, of each stream that had some", () => {
    const lines: Array<unknown> = []
    const logger = Logger.make<unknown, void>(({ fiber, message }) =>
      void lines.push([message, fiber.getRef(References.CurrentLogAnnotations)])
    )
    return Effect.gen(function*() {
      yield* Effect.gen(function*() {
        yield* apply([egress("1"), egress("2")])
        yield* publish("ch.1", ["a", "b", "c"])
        yield* settle
        const drained = yield* Effect.forkChild(drain("10 seconds"))
        yield* settle
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(drained)
      }).pipe(Effect.provide(layer({
        egress: () => Effect.succeed(Delivery.sink({ idempotent: true, deliver: () => Effect.never }))
      })))

      assert.deepStrictEqual(lines, [
        [["payloads that were taken end with the stream"], { streamId: "1", dropped: 3 }]
      ])
    }).pipe(Effect.provide(Logger.layer([logger])))
  })

  it.effect("does not sleep away the time in which outside may come back", () => {
    const got: Array<string> = []
    let away = true
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a"])
      // far into the back-off: the next try is up to 30 seconds away
      yield* TestClock.adjust("2 minutes")
      away = false
      const drained = yield* Effect.forkChild(drain("10 seconds"))
      yield* TestClock.adjust("1 second")
      yield* settle

      assert.deepStrictEqual(got, ["a"])
      yield* TestClock.adjust("9 seconds")
      yield* Fiber.join(drained)
    }).pipe(Effect.provide(layer({
      egress: () =>
        Effect.succeed(Delivery.sink({
          idempotent: true,
          deliver: (batch) =>
            away
              ? Effect.fail(new Lost({ message: "gone" }))
              : Effect.sync(() => void got.push(...batch.map(({ payload }) => text(payload))))
        }))
    })))
  })

  it.effect("ends within its time though a finalizer hangs", () =>
    Effect.gen(function*() {
      yield* apply([spec("1")])
      const drained = yield* Effect.forkChild(drain("10 seconds"))
      yield* settle
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(drained)
    }).pipe(Effect.provide(layer({
      ingress: () => Effect.as(Effect.addFinalizer(() => Effect.never), idle)
    }, { stopTimeout: 0 }))))
})
