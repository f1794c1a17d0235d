import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import { Channel, Transport } from "@kps/transport"
import * as TransportTest from "@kps/transport/testing/TransportTest"
import { Deferred, Effect, Fiber, Latch, Stream } from "effect"
import { TestClock } from "effect/testing"
import { acknowledged, forever, lossy, lost, range } from "./sources.ts"
import {
  alertOf,
  alerts,
  apply,
  bytes,
  channel,
  collect,
  Denied,
  layer,
  notConnected,
  settle,
  spec,
  stateOf,
  statsOf,
  statuses,
  text,
  told,
  until
} from "./streams.ts"

describe("A lossy source", () => {
  it.effect("becomes one message per payload, in order, each array stamped with one instant of the clock", () => {
    const messages: Array<Channel.Message> = []
    return Effect.gen(function*() {
      const transport = yield* Transport.Transport
      const subscription = yield* transport.subscription(channel("ch.1"))
      yield* Effect.forkScoped(Stream.runForEach(subscription, (message) => Effect.sync(() => messages.push(message))))
      yield* TestClock.setTime(1_123)
      yield* apply([spec("1")])
      yield* until("all", () => messages.length === 5_000)

      assert.deepStrictEqual(messages.map(({ payloads }) => payloads.map(text)), range(0, 5_000).map((one) => [one]))
      assert.deepStrictEqual(
        new Set(messages.map(({ timestampNanos }) => timestampNanos)),
        new Set([1_123_000_000n])
      )
      assert.deepInclude(yield* statsOf("1"), { received: 5_000, published: 5_000, dropped: 0 })
    }).pipe(Effect.provide(layer(lossy(forever(Stream.fromArray(range(0, 5_000)))))))
  })

  it.effect("reads the clock once per array", () => {
    const stamps = new Set<bigint>()
    return Effect.gen(function*() {
      let readings = 0n
      yield* TestClock.testClockWith((clock) => {
        Object.assign(clock, { currentTimeNanosUnsafe: () => readings++ })
        return Effect.void
      })
      const transport = yield* Transport.Transport
      const subscription = yield* transport.subscription(channel("ch.1"))
      let seen = 0
      yield* Effect.forkScoped(Stream.runForEach(subscription, ({ timestampNanos }) =>
        Effect.sync(() => {
          seen++
          stamps.add(timestampNanos)
        })))
      yield* apply([spec("1")])
      yield* until("all", () => seen === 3_000)

      assert.strictEqual(stamps.size, 1)
    }).pipe(Effect.provide(layer(lossy(forever(Stream.fromArray(range(0, 3_000)))))))
  })

  it.effect("is handed over in slices, however long its arrays are", () => {
    const lengths: Array<number> = []
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* settle
      assert.deepStrictEqual(lengths, [1_024, 1_024, 452])
    }).pipe(Effect.provide(layer(lossy(forever(Stream.fromArray(range(0, 2_500)))), {
      over: () => ({
        publishAll: (_, messages) =>
          Effect.sync(() => {
            lengths.push(messages.length)
          })
      })
    })))
  })

  it.effect("is not read while the broker is away, and loses and repeats nothing that was not sent", () => {
    let read = 0
    return Effect.gen(function*() {
      const broker = yield* TransportTest.TransportTest
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* until("some", () => seen.length > 10)
      yield* broker.disconnect
      yield* settle
      const then = read
      yield* settle
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(read, then)
      assert.strictEqual(yield* stateOf("1"), "Retrying")
      assert.deepStrictEqual(yield* statuses, ["1 streamUnhealthy"])
      assert.include(yield* alerts, "transportPublishFailed of 1 (CRITICAL)")

      yield* broker.reconnect
      yield* until("more", () => seen.length > then + 10)
      assert.strictEqual(yield* stateOf("1"), "Running")
      assert.deepStrictEqual(yield* statuses, ["1 streamHealthy"])
      assert.deepStrictEqual(yield* alerts, [])
      assert.deepStrictEqual(seen, range(0, seen.length))
    }).pipe(Effect.provide(layer(lossy(
      Stream.fromEffectRepeat(Effect.map(Effect.yieldNow, () => `${read++}`))
    ))))
  })

  it.effect("goes on after what was handed over when the broker goes away in the middle of an array", () => {
    const calls: Array<string> = []
    let failures = 0
    return Effect.gen(function*() {
      const answer = yield* Effect.forkChild(apply([spec("1")]))
      yield* settle
      yield* TestClock.adjust("2 seconds")
      yield* TestClock.adjust("2 seconds")
      yield* settle
      yield* Fiber.join(answer)

      assert.deepStrictEqual(calls, ["abcdef", "cdef", "f"])
      assert.deepInclude(yield* statsOf("1"), { received: 6, published: 6, dropped: 0 })
    }).pipe(Effect.provide(layer(lossy(forever(Stream.make("a", "b", "c", "d", "e", "f"))), {
      over: () => ({
        publishAll: (_, messages) =>
          Effect.suspend(() => {
            calls.push(messages.map(({ payloads }) => text(payloads[0]!)).join(""))
            return failures++ < 2 ? Effect.fail(notConnected([2, 3][failures - 1]!)) : Effect.void
          })
      })
    })))
  })

  it.effect("runs again when the broker is back though nothing is left to publish", () => {
    let calls = 0
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* settle
      assert.strictEqual(yield* stateOf("1"), "Retrying")
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.strictEqual(yield* stateOf("1"), "Running")
      assert.deepStrictEqual(yield* alerts, [])
      assert.strictEqual(calls, 1)
    }).pipe(Effect.provide(layer(lossy(forever(Stream.make("a", "b"))), {
      over: () => ({ publishAll: () => Effect.suspend(() => (calls++, Effect.fail(notConnected(2)))) })
    })))
  })

  it.effect("drops what is too large, counts it, raises a critical alert, and goes on in order", () => {
    const huge = "x".repeat(Transport.maxPayloadBytes)
    const go = Latch.makeUnsafe()
    return Effect.gen(function*() {
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* go.open
      yield* until("the others", () => seen.length === 5)

      assert.deepStrictEqual(seen, ["a", "b", "c", "d", "e"])
      assert.deepInclude(yield* statsOf("1"), { received: 7, published: 5, dropped: 2 })
      assert.strictEqual(yield* stateOf("1"), "Running")
      assert.deepStrictEqual(yield* alerts, ["itemDropped of 1 (CRITICAL)"])
      yield* TestClock.adjust("1 second")
      yield* settle
      const alert = yield* alertOf("itemDropped", "1")
      assert.deepInclude(alert?.ExtraMessage, { count: 2 })
      assert.include(alert?.ErrorMessage, `over the limit of ${Transport.maxPayloadBytes} bytes`)
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 60 })
      yield* settle
      assert.deepStrictEqual(yield* alerts, [])
    }).pipe(Effect.provide(layer(lossy(
      forever(Stream.unwrap(Effect.as(go.await, Stream.fromArray(["a", huge, "b", "c", huge, "d", "e"]))))
    ))))
  })

  it.effect("that is far too fast is read only as fast as the transport takes", () => {
    let read = 0
    const room = Latch.makeUnsafe()
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* settle
      assert.strictEqual(read, 100)
      yield* room.open
      yield* until("more", () => read > 1_000)
    }).pipe(Effect.provide(layer(
      {
        ingress: () =>
          Effect.succeed(Delivery.lossy(
            Stream.fromPull(Effect.succeed(Effect.map(Effect.yieldNow, () => {
              read += 100
              return [bytes("a"), ...Array.from({ length: 99 }, () => bytes("a"))] as const
            })))
          ))
      },
      { over: () => ({ publishAll: () => room.await }) }
    )))
  })

  it.effect("counts as dropped what it had in hand when it was stopped", () =>
    Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* settle
      yield* apply([spec("1", { name: "b" })])
      yield* settle
      assert.deepInclude(yield* statsOf("1"), { received: 4, published: 0, dropped: 2 })
    }).pipe(
      Effect.provide(layer(lossy(forever(Stream.make("a", "b"))), { over: () => ({ publishAll: () => Effect.never }) }))
    ))

  it.effect("keeps the order through retries of the source", () => {
    let from = 0
    return Effect.gen(function*() {
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* Effect.repeat(Effect.andThen(TestClock.adjust("40 seconds"), settle), { times: 9 })
      assert.isAbove(seen.length, 20)
      assert.deepStrictEqual(seen, range(0, seen.length))
    }).pipe(Effect.provide(layer({
      ingress: () =>
        Effect.sync(() =>
          Delivery.lossy(
            Stream.concat(
              Stream.fromIterable(range(from, from += 3)).pipe(Stream.map(bytes)),
              Stream.fail(lost)
            )
          )
        )
    })))
  })
})

describe("An acknowledged source", () => {
  it.effect("is acknowledged once, in order, and only after the broker has everything", () => {
    const log: Array<string> = []
    const confirmed = Latch.makeUnsafe()
    return Effect.gen(function*() {
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* until("published", () => seen.length === 5)
      yield* settle
      assert.deepStrictEqual(log, [])

      yield* confirmed.open
      yield* until("acknowledged", () => log.length === 3)
      yield* settle
      assert.deepStrictEqual(log, ["ack a+b", "ack c", "ack d+e"])
      assert.deepStrictEqual(seen, ["a", "b", "c", "d", "e"])
      assert.deepInclude(yield* statsOf("1"), { received: 5, published: 5, dropped: 0 })
    }).pipe(Effect.provide(layer(acknowledged([["a", "b"], ["c"], ["d", "e"]], log), {
      over: (transport) => ({
        publishConfirmed: (channel, messages) =>
          Effect.andThen(transport.publishConfirmed(channel, messages), confirmed.await)
      })
    })))
  })

  it.effect("is published again, all of it and in order, when the broker goes away before it has all", () => {
    const log: Array<string> = []
    const calls: Array<string> = []
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* settle
      assert.strictEqual(yield* stateOf("1"), "Retrying")
      assert.deepStrictEqual(log, [])
      yield* TestClock.adjust("2 seconds")
      yield* until("acknowledged", () => log.length === 2)

      assert.deepStrictEqual(calls, ["abc", "abc"])
      assert.deepStrictEqual(log, ["ack a+b", "ack c"])
      assert.strictEqual(yield* stateOf("1"), "Running")
    }).pipe(Effect.provide(layer(acknowledged([["a", "b"], ["c"]], log), {
      over: () => ({
        publishConfirmed: (_, messages) =>
          Effect.suspend(() => {
            calls.push(messages.map(({ payloads }) => text(payloads[0]!)).join(""))
            return calls.length === 1 ? Effect.fail(notConnected(3)) : Effect.void
          })
      })
    })))
  })

  it.effect("gets back what is not settled when the stream is stopped, in order, and nothing else", () => {
    const log: Array<string> = []
    let calls = 0
    const second = Deferred.makeUnsafe<void>()
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* until("the first", () => log.length === 1)
      yield* Deferred.succeed(second, undefined)
      yield* settle
      assert.deepStrictEqual(yield* apply([]), [])

      assert.deepStrictEqual(log, ["ack a", "nack b", "nack c"])
    }).pipe(Effect.provide(layer({
      ingress: () => {
        const taken = (name: string) => ({
          payloads: [bytes(name)] as const,
          ack: Effect.sync(() => void log.push(`ack ${name}`)),
          nack: Effect.sync(() => void log.push(`nack ${name}`))
        })
        return Effect.succeed(Delivery.acknowledged(
          Stream.make(taken("a")).pipe(
            Stream.concat(Stream.unwrap(Effect.as(Deferred.await(second), Stream.make(taken("b"), taken("c"))))),
            Stream.concat(Stream.never)
          )
        ))
      }
    }, { over: () => ({ publishConfirmed: () => Effect.suspend(() => calls++ === 0 ? Effect.void : Effect.never) }) })))
  })

  it.effect("gets back, in order, what is with the broker and what was read ahead, and it counts as dropped", () => {
    const log: Array<string> = []
    const more = Latch.makeUnsafe()
    const taken = (name: string) => ({
      payloads: [bytes(name)] as const,
      ack: Effect.void,
      nack: Effect.sync(() => void log.push(`nack ${name}`))
    })
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* settle
      yield* more.open
      yield* settle
      yield* apply([spec("1", { name: "b" })])
      assert.deepStrictEqual(log, ["nack a", "nack b", "nack c"])
      assert.deepInclude(yield* statsOf("1"), { received: 3, published: 0, dropped: 3 })
    }).pipe(Effect.provide(layer({
      ingress: ({ parameters }) =>
        Effect.succeed(
          parameters.name === "b" ? Delivery.lossy(Stream.never) : Delivery.acknowledged(
            Stream.make(taken("a"), taken("b")).pipe(
              Stream.concat(Stream.unwrap(Effect.as(more.await, Stream.make(taken("c"))))),
              Stream.concat(Stream.never)
            )
          )
        )
    }, { over: () => ({ publishConfirmed: () => Effect.never }) })))
  })

  it.effect("is not given back when its acknowledgement was under way", () => {
    const log: Array<string> = []
    const taken = (name: string) => ({
      payloads: [bytes(name)] as const,
      ack: Effect.andThen(Effect.sync(() => log.push(`ack ${name}`)), Effect.never),
      nack: Effect.sync(() => void log.push(`nack ${name}`))
    })
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* until("the acknowledgement", () => log.length === 1)
      yield* apply([])
      assert.deepStrictEqual(log, ["ack a", "nack b"])
    }).pipe(Effect.provide(layer({
      ingress: () => Effect.succeed(Delivery.acknowledged(forever(Stream.make(taken("a"), taken("b")))))
    })))
  })

  it.effect("that is read ahead takes no more memory than a few megabytes, however large its payloads are", () => {
    let read = 0
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* until("some", () => read >= 6)
      yield* Effect.repeat(settle, { times: 10 })
      assert.isAtMost(read, 12)
    }).pipe(Effect.provide(layer({
      ingress: () =>
        Effect.succeed(Delivery.acknowledged(
          Stream.fromPull(Effect.succeed(Effect.map(Effect.yieldNow, () => {
            read++
            return [{ payloads: [new Uint8Array(250_000)] as const, ack: Effect.void }] as const
          })))
        ))
    }, { over: () => ({ publishConfirmed: () => Effect.never }) })))
  })

  it.effect("stops also when it cannot be given back", () => {
    let tried = 0
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* settle
      assert.deepStrictEqual(told(yield* apply([])), [])
      assert.strictEqual(tried, 2)
    }).pipe(Effect.provide(layer({
      ingress: () =>
        Effect.succeed(Delivery.acknowledged(
          forever(Stream.make(...[1, 2].map(() => ({
            payloads: [bytes("a")] as const,
            ack: Effect.void,
            nack: Effect.suspend(() => (tried++, Effect.fail(lost)))
          }))))
        ))
    }, { over: () => ({ publishConfirmed: () => Effect.never }) })))
  })

  it.effect("gets back the array of which something was too large; the rest of it and the others go on", () => {
    const log: Array<string> = []
    const huge = "x".repeat(Transport.maxPayloadBytes)
    return Effect.gen(function*() {
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* until("settled", () => log.length === 3)

      assert.deepStrictEqual(log.map((line) => line.replace(huge, "huge")), ["ack a", "nack b+huge", "ack c"])
      assert.deepStrictEqual(seen, ["a", "b", "c"])
      assert.deepInclude(yield* statsOf("1"), { received: 4, published: 3, dropped: 1 })
      assert.deepStrictEqual(yield* alerts, ["itemDropped of 1 (CRITICAL)"])
    }).pipe(Effect.provide(layer(acknowledged([["a"], ["b", huge], ["c"]], log))))
  })

  it.effect("that fails is first settled for what it gave, then opened again", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* until("settled", () => log.length === 2)
      assert.deepStrictEqual(log, ["ack a", "ack b"])
      assert.strictEqual(yield* stateOf("1"), "Retrying")
    }).pipe(Effect.provide(layer(acknowledged([["a"], ["b"]], log, Stream.fail(lost)))))
  })

  it.effect("whose acknowledgement fails is handled as the failures table says", () => {
    let opened = 0
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* settle
      assert.strictEqual(yield* stateOf("1"), "Halted")
      assert.strictEqual(opened, 1)
    }).pipe(Effect.provide(layer({
      ingress: () =>
        Effect.sync(() => {
          opened++
          return Delivery.acknowledged(
            forever(Stream.make({ payloads: [bytes("a")] as const, ack: Effect.fail(new Denied({ message: "no" })) }))
          )
        })
    })))
  })

  it.effect("that is far too fast is read ahead only so far", () => {
    let read = 0
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* until("a window", () => read >= 4_096)
      yield* Effect.repeat(settle, { times: 10 })
      const then = read
      yield* settle
      assert.strictEqual(read, then)
      // one window in the hands of the broker, one ahead
      assert.isAtMost(read, 2 * 4_096 + 100)
    }).pipe(Effect.provide(layer({
      ingress: () =>
        Effect.succeed(Delivery.acknowledged(
          Stream.fromPull(Effect.succeed(Effect.map(Effect.yieldNow, () => {
            read += 100
            return [{
              payloads: [bytes("a"), ...Array.from({ length: 99 }, () => bytes("a"))] as const,
              ack: Effect.void
            }] as const
          })))
        ))
    }, { over: () => ({ publishConfirmed: () => Effect.never }) })))
  })
})
