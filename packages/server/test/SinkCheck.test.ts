import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import { Effect, Latch } from "effect"
import { lost, pass, sink, texts } from "./sinks.ts"
import { apply, egress, type Fault, layer, publish, settle, stateOf, statuses, until } from "./streams.ts"

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
