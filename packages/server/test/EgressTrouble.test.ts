import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import * as TransportTest from "@kps/transport/testing/TransportTest"
import { Effect, Random } from "effect"
import { lost, pass, poison, sink, texts } from "./sinks.ts"
import { steady } from "./steady.ts"
import {
  alertOf,
  alerts,
  apply,
  Brief,
  Denied,
  egress,
  type Fault,
  layer,
  publish,
  settle,
  stateOf,
  statsOf,
  statuses,
  text,
  until
} from "./streams.ts"

describe("An egress stream in trouble", () => {
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
})
