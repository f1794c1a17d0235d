import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Bucket from "../src/Bucket.ts"
import * as Sessions from "../src/Sessions.ts"

describe("Sessions", () => {
  it.effect("outlives one renewal of which nothing is heard, as while a cluster elects a leader", () =>
    Effect.gen(function*() {
      const buckets = Context.get(yield* Layer.build(Bucket.layerMemory), Bucket.Buckets)
      let puts = 0
      const silentOnce: Bucket.Buckets["Service"] = {
        open: (name) => {
          const bucket = buckets.open(name)
          return name !== "leases"
            ? bucket
            : { ...bucket, put: (...args) => ++puts === 2 ? Effect.never : bucket.put(...args) }
        }
      }
      const sessions = yield* Sessions.make({ instance: "i", timeToLive: "9 seconds" }).pipe(
        Effect.provideService(Bucket.Buckets, silentOnce)
      )
      const session = yield* sessions.own
      for (let second = 0; second < 30; second++) yield* TestClock.adjust("1 second")

      assert.isAbove(puts, 2)
      assert.isTrue(session.isAlive())
    }))

  it.effect("gives a session no more as soon as anybody has found that it is over", () =>
    Effect.gen(function*() {
      const buckets = Context.get(yield* Layer.build(Bucket.layerMemory), Bucket.Buckets)
      const sessions = yield* Effect.provideService(
        Sessions.make({ instance: "i", timeToLive: "9 seconds" }),
        Bucket.Buckets,
        buckets
      )
      const first = yield* sessions.own
      yield* TestClock.adjust("1 second")
      // as `isAlive` does when the machine's clock has gone on while nothing ran
      first.end()
      yield* TestClock.adjust("1 millis")
      const own = yield* Effect.forkChild(sessions.own, { startImmediately: true })
      assert.isUndefined(own.pollUnsafe())
      yield* TestClock.adjust("1 second")

      assert.notStrictEqual((yield* Fiber.join(own)).id, first.id)
    }))

  it.effect("begins at once where no bucket was before, and after the time to live where one was lost", () =>
    Effect.gen(function*() {
      const [buckets, others] = yield* Effect.all([Layer.build(Bucket.layerMemory), Layer.build(Bucket.layerMemory)])
        .pipe(Effect.map((all) => all.map((one) => Context.get(one, Bucket.Buckets))))
      const withoutLeases: Bucket.Buckets["Service"] = {
        open: (name) => (name === "leases" ? others : buckets)!.open(name)
      }
      const start = (instance: string, place: Bucket.Buckets["Service"]) =>
        Effect.flatMap(
          Effect.provideService(Sessions.make({ instance, timeToLive: "9 seconds" }), Bucket.Buckets, place),
          ({ own }) => Effect.forkChild(own, { startImmediately: true })
        )
      const first = yield* Effect.all([start("i", buckets!), start("i", buckets!)])
      yield* Effect.all(first.map(Fiber.join))
      const fresh = yield* start("i", withoutLeases)
      const elsewhere = yield* start("j", withoutLeases)
      yield* Fiber.join(elsewhere)
      yield* TestClock.adjust("8900 millis")
      assert.isUndefined(fresh.pollUnsafe())
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(fresh)
      // from then on that is the bucket that is known
      yield* Effect.flatMap(start("i", withoutLeases), Fiber.join)
    }))
})
