import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
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
          return { ...bucket, put: (...args) => ++puts === 2 ? Effect.never : bucket.put(...args) }
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
})
