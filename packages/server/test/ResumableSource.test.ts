import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import { Transport } from "@kps/transport"
import { Effect, Option, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as RunningStreams from "../src/RunningStreams.ts"
import { forever, lost, range } from "./sources.ts"
import { apply, bytes, collect, type Fault, type Hooks, layer, settle, spec, until } from "./streams.ts"

describe("A resumable source", () => {
  const numbers = (
    starts: Array<number>,
    rest: (read: number) => Stream.Stream<never, Fault> = () => Stream.never,
    count = 3
  ): Hooks => ({
    ingress: () =>
      Effect.succeed(Delivery.resumable({
        position: Schema.Struct({ next: Schema.Int }),
        from: (at) => {
          const start = Option.match(at, { onNone: () => 0, onSome: ({ next }) => next })
          starts.push(start)
          return Stream.concat(
            Stream.fromIterable(range(start, start + count)).pipe(
              Stream.map((one) => ({ payloads: [bytes(one)] as const, position: { next: Number(one) + 1 } }))
            ),
            rest(starts.length)
          )
        }
      }))
  })

  it.effect("goes on after what the broker has when it is opened again", () => {
    const starts: Array<number> = []
    return Effect.gen(function*() {
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* until("the first", () => seen.length === 3)
      yield* TestClock.adjust("1 second")
      yield* until("the second", () => seen.length === 6)

      assert.deepStrictEqual(starts, [0, 3])
      assert.deepStrictEqual(seen, range(0, 6))
    }).pipe(Effect.provide(layer(numbers(starts, (tries) => tries === 1 ? Stream.fail(lost) : Stream.never))))
  })

  it.effect("does not go beyond what the broker has confirmed", () => {
    const starts: Array<number> = []
    return Effect.gen(function*() {
      const streams = yield* RunningStreams.RunningStreams
      yield* apply([spec("1")])
      yield* settle
      yield* streams.restart({ timeout: "1 second" })
      yield* settle
      assert.deepStrictEqual(starts, [0, 0])
    }).pipe(
      Effect.provide(layer(numbers(starts), { over: () => ({ publishConfirmed: () => Effect.never }) }))
    )
  })

  it.effect("keeps its position over a restart and another channel, and loses it with other parameters or a removal", () => {
    const starts: Array<number> = []
    return Effect.gen(function*() {
      const streams = yield* RunningStreams.RunningStreams
      const start = (change: Effect.Effect<unknown>) => Effect.andThen(change, settle)
      yield* start(streams.apply([spec("1")], { timeout: "1 second" }))
      yield* start(streams.restart({ timeout: "1 second" }))
      yield* start(streams.apply([spec("1", { channel: "other" })], { timeout: "1 second" }))
      assert.deepStrictEqual(starts, [0, 3, 6])
      yield* start(streams.apply([spec("1", { name: "other" })], { timeout: "1 second" }))
      assert.deepStrictEqual(starts, [0, 3, 6, 0])
      yield* start(streams.apply([], { timeout: "1 second" }))
      yield* start(streams.apply([spec("1", { name: "other" })], { timeout: "1 second" }))
      assert.deepStrictEqual(starts, [0, 3, 6, 0, 0])
    }).pipe(Effect.provide(layer(numbers(starts))))
  })

  it.effect("passes what is too large", () => {
    const starts: Array<number> = []
    const huge = new Uint8Array(Transport.maxPayloadBytes)
    return Effect.gen(function*() {
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* until("all", () => seen.length === 1)
      yield* RunningStreams.RunningStreams.use((streams) => streams.restart({ timeout: "1 second" }))
      yield* settle
      assert.deepStrictEqual(starts, [0, 2])
    }).pipe(Effect.provide(layer({
      ingress: () =>
        Effect.succeed(Delivery.resumable({
          position: Schema.Int,
          from: (at) => {
            const start = Option.getOrElse(at, () => 0)
            starts.push(start)
            return forever(Stream.fromIterable([
              { payloads: [bytes("a")] as const, position: 1 },
              { payloads: [huge] as const, position: 2 }
            ].slice(start)))
          }
        }))
    })))
  })

  it.effect("with a position that its own schema refuses is a defect, not a silent skip", () =>
    Effect.gen(function*() {
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* until("published", () => seen.length === 1)
      yield* settle
      const [outcome] = yield* apply([spec("1")])
      assert(outcome?._tag === "Failed")
      assert.strictEqual(outcome.failure.tag, "Defect")
    }).pipe(Effect.provide(layer({
      ingress: () =>
        Effect.succeed(Delivery.resumable({
          position: Schema.Int,
          from: () => forever(Stream.make({ payloads: [bytes("a")] as const, position: 0.5 }))
        }))
    }))))
})
