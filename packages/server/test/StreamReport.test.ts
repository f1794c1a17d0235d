import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import * as TransportTest from "@kps/transport/testing/TransportTest"
import { Clock, Deferred, Effect, Latch, Random, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as RunningStreams from "../src/RunningStreams.ts"
import { pass, steady } from "./steady.ts"
import {
  alertOf,
  alerts,
  apply,
  bytes,
  channel,
  collect,
  Denied,
  egress,
  idle,
  layer,
  Lost,
  notConnected,
  settle,
  spec,
  stateOf,
  statuses,
  told,
  until
} from "./streams.ts"

const lost = new Lost({ message: "the outside is away" })

describe("What a stream tells", () => {
  it.effect("is that it started, that it is healthy when something flows, and nothing per message", () => {
    const go = Deferred.makeUnsafe<void>()
    return Effect.gen(function*() {
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      assert.deepStrictEqual(yield* statuses, ["1 streamStarted"])
      yield* Deferred.succeed(go, undefined)
      yield* until("all", () => seen.length === 3)
      assert.deepStrictEqual(yield* statuses, ["1 streamHealthy"])
      assert.deepStrictEqual(yield* alerts, [])
    }).pipe(Effect.provide(layer({
      ingress: () =>
        Effect.succeed(Delivery.lossy(
          Stream.fromEffect(Deferred.await(go)).pipe(
            Stream.flatMap(() => Stream.make("a", "b", "c")),
            Stream.map(bytes),
            Stream.concat(Stream.never)
          )
        ))
    })))
  })

  it.effect("is an alert with the whole cause, since when, how often and when next; it ends when the stream recovers", () => {
    let tries = 0
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* TestClock.adjust("250 millis")
      yield* settle
      assert.deepStrictEqual(yield* alerts, ["streamFailed of 1 (WARNING)"])
      assert.deepStrictEqual(yield* statuses, ["1 streamUnhealthy"])
      assert.deepInclude(yield* alertOf("streamFailed", "1"), {
        ErrorMessage: "Lost: the outside is away",
        ExtraMessage: {
          cause: "Lost: the outside is away",
          since: "1970-01-01T00:00:00.000Z",
          attempts: 2,
          nextRetry: "1970-01-01T00:00:00.750Z"
        }
      })

      yield* TestClock.adjust("500 millis")
      yield* settle
      assert.strictEqual(yield* stateOf("1"), "Running")
      // open is not enough: it must stay open for a second
      assert.deepStrictEqual(yield* alerts, ["streamFailed of 1 (WARNING)"])
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.deepStrictEqual(yield* alerts, [])
      assert.deepStrictEqual(yield* statuses, ["1 streamHealthy"])
    }).pipe(
      Effect.provide(layer({
        ingress: () => Effect.suspend(() => ++tries < 3 ? Effect.fail(lost) : Effect.succeed(idle))
      })),
      Effect.provideService(Random.Random, steady)
    )
  })

  it.effect("has no next try when it is halted", () =>
    Effect.gen(function*() {
      yield* apply([spec("1")])
      assert.deepStrictEqual(yield* statuses, ["1 streamHalted"])
      const alert = yield* alertOf("streamFailed", "1")
      assert.notProperty(alert?.ExtraMessage, "nextRetry")
      assert.deepStrictEqual(yield* alerts, ["streamFailed of 1 (CRITICAL)"])
    }).pipe(Effect.provide(layer({ ingress: () => Effect.fail(new Denied({ message: "no" })) }))))

  it.effect("is dropped 30 s after its removal, and starts afresh when it is asked for again", () =>
    Effect.gen(function*() {
      yield* apply([spec("1"), spec("2")])
      yield* apply([spec("2")])
      assert.deepStrictEqual(yield* statuses, ["1 streamHalted", "2 streamHalted"])
      yield* TestClock.adjust("31 seconds")
      assert.deepStrictEqual(yield* statuses, ["2 streamHalted"])
      assert.deepStrictEqual(yield* alerts, ["streamFailed of 2 (CRITICAL)"])

      yield* apply([spec("1"), spec("2")])
      assert.deepStrictEqual(yield* statuses, ["1 streamHalted", "2 streamHalted"])
    }).pipe(Effect.provide(layer({ ingress: () => Effect.fail(new Denied({ message: "no" })) }))))

  it.effect("is that it is done when its source has ended, and it is not opened again", () => {
    let opened = 0
    return Effect.gen(function*() {
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* until("all", () => seen.length === 2)
      yield* settle
      assert.strictEqual(yield* stateOf("1"), "Done")
      assert.deepStrictEqual(yield* statuses, ["1 streamDone"])
      assert.deepStrictEqual(told(yield* apply([spec("1")])), ["1 running"])
      yield* settle
      assert.strictEqual(opened, 1)

      yield* RunningStreams.RunningStreams.use((streams) => streams.restart({ timeout: "1 second" }))
      yield* until("again", () => seen.length === 4)
    }).pipe(Effect.provide(layer({
      ingress: () => Effect.sync(() => (opened++, Delivery.lossy(Stream.make(bytes("a"), bytes("b")))))
    })))
  })

  it.effect("is done only when the broker has all of it", () => {
    const taken = Latch.makeUnsafe()
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* settle
      assert.strictEqual(yield* stateOf("1"), "Running")
      yield* taken.open
      yield* settle
      assert.strictEqual(yield* stateOf("1"), "Done")
    }).pipe(Effect.provide(layer(
      { ingress: () => Effect.succeed(Delivery.lossy(Stream.make(bytes("a")))) },
      { over: () => ({ flush: taken.await }) }
    )))
  })

  it.effect("says nothing more of a stream that was removed", () =>
    Effect.gen(function*() {
      const broker = yield* TransportTest.TransportTest
      yield* apply([egress("1")])
      yield* broker.inject(channel("ch.1"))
      yield* settle
      yield* broker.inject(channel("ch.1"))
      yield* settle
      assert.deepStrictEqual(yield* alerts, ["malformedFrame of 1 (WARNING)", "messageDeadLettered of 1 (CRITICAL)"])
      yield* apply([])
      yield* Effect.repeat(Effect.andThen(TestClock.adjust("1 second"), settle), { times: 40 })
      assert.deepStrictEqual(yield* alerts, [])
    }).pipe(Effect.provide(layer({}))))

  it.effect("waits at most about a second between tries to publish while the broker seems to be there", () => {
    const tries: Array<number> = []
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* pass(6_000)
      assert.deepStrictEqual(tries, [0, 250, 750, 1_750, 2_750, 3_750, 4_750, 5_750])
    }).pipe(
      Effect.provide(layer({
        ingress: () => Effect.succeed(Delivery.lossy(Stream.concat(Stream.make(bytes("a")), Stream.never)))
      }, {
        over: () => ({
          publishAll: () =>
            Effect.flatMap(Clock.currentTimeMillis, (now) => {
              tries.push(now)
              return Effect.fail(notConnected(0))
            })
        })
      })),
      Effect.provideService(Random.Random, steady)
    )
  })
})
