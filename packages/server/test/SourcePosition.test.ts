import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import { Context, Effect, Exit, Fiber, Layer, Option, Schema, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Bucket from "../src/Bucket.ts"
import * as Key from "../src/Key.ts"
import * as Positions from "../src/Positions.ts"
import { StateError, Unavailable } from "../src/StateError.ts"
import type { StreamSpec } from "../src/StreamSpec.ts"
import { alertOf, alerts, apply, bytes, collect, type Hooks, layer, list, settle, spec, until } from "./streams.ts"
import { Plug } from "./support/Plug.ts"

/** A source of numbers, three for each time it is begun, that remembers where it began. */
const numbers = (starts: Array<number>, count = 3): Hooks => ({
  ingress: () =>
    Effect.succeed(Delivery.resumable({
      position: Schema.Struct({ next: Schema.BigInt }),
      from: (at) => {
        const start = Option.match(at, { onNone: () => 0, onSome: ({ next }) => Number(next) })
        starts.push(start)
        return Stream.concat(
          Stream.fromIterable(Array.from({ length: count }, (_, i) => start + i)).pipe(
            Stream.map((n) => ({ payloads: [bytes(`${n}`)] as const, position: { next: BigInt(n + 1) } }))
          ),
          Stream.never
        )
      }
    }))
})

const at = (stream: StreamSpec, metadata: StreamSpec["metadata"]): StreamSpec => ({ ...stream, metadata })

const place = Effect.map(Layer.build(Bucket.layerMemory), (context) => {
  const buckets = Context.get(context, Bucket.Buckets)
  return { buckets, plug: new Plug(buckets), positions: Positions.make(buckets) }
})

/** One process, from its start to its end. */
const process = <A, E>(
  plug: Plug,
  hooks: Hooks,
  run: Effect.Effect<A, E, Layer.Success<ReturnType<typeof layer>> | Scope.Scope>
) =>
  Effect.scoped(run).pipe(
    Effect.provide(
      layer(hooks, { connectorId: "c-1" }).pipe(
        Layer.provide(Layer.succeed(Positions.Positions, Positions.make(plug.buckets)))
      )
    )
  )

const flowed = (starts: ReadonlyArray<number>, count: number) =>
  Effect.andThen(until(`${count} starts`, () => starts.length === count), settle)

describe("The position of a resumable source", () => {
  it.effect("is where the next process begins", () =>
    Effect.gen(function*() {
      const { plug, positions } = yield* place
      const starts: Array<number> = []
      const hooks = numbers(starts)
      yield* process(plug, hooks, Effect.andThen(apply([spec("1")]), flowed(starts, 1)))
      yield* process(plug, hooks, Effect.andThen(apply([spec("1")]), flowed(starts, 2)))

      assert.deepStrictEqual(starts, [0, 3])
      assert.deepStrictEqual(Option.getOrThrow(yield* positions.get("c-1", "1")).position, { next: "6" })
    }))

  it.effect("is saved once a second while it moves on, not for each message", () =>
    Effect.gen(function*() {
      const { plug, positions } = yield* place
      const revision = Effect.map(
        positions.get("c-1", "1"),
        Option.match({ onNone: () => 0, onSome: (saved) => saved.revision })
      )
      yield* process(
        plug,
        numbers([], 1_000),
        Effect.gen(function*() {
          const seen = yield* collect("ch.1")
          yield* apply([spec("1")])
          yield* until("all", () => seen.length === 1_000)
          assert.strictEqual(yield* revision, 0)
          yield* TestClock.adjust("1 second")
          assert.strictEqual(yield* revision, 1)
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual(yield* revision, 1)
        })
      )
    }))

  it.effect("begins again what the last second had published when the process was killed, and skips nothing", () =>
    Effect.gen(function*() {
      const { plug } = yield* place
      const starts: Array<number> = []
      yield* process(
        plug,
        numbers(starts),
        Effect.gen(function*() {
          yield* apply([spec("1")])
          yield* flowed(starts, 1)
          // Nothing is saved at the end of one that is killed.
          yield* plug.pull
        })
      )
      yield* plug.push
      yield* process(plug, numbers(starts), Effect.andThen(apply([spec("1")]), flowed(starts, 2)))

      assert.deepStrictEqual(starts, [0, 0])
    }))

  it.effect("that is damaged, or of a later version, stops the stream with a clear error until it is mended", () =>
    Effect.gen(function*() {
      const { buckets, plug, positions } = yield* place
      const starts: Array<number> = []
      const key = Key.make("position", "c-1", "1")
      yield* buckets.open("positions").put(key, bytes("{\"version\":9,\"value\":{}}"), 0)
      yield* process(
        plug,
        numbers(starts),
        Effect.gen(function*() {
          yield* apply([spec("1"), spec("2")])
          yield* settle
          assert.deepStrictEqual(
            (yield* list).map(({ state }) => state._tag === "Retrying" ? state.failure.code : state._tag),
            ["FAILED_PRECONDITION", "Running"]
          )
          assert.deepStrictEqual(starts, [0])
          assert.deepStrictEqual(yield* alerts, ["positionFailed of 1 (CRITICAL)"])
          const error = (yield* alertOf("positionFailed", "1"))?.ErrorMessage
          assert.include(error, "it is of version 9, and this software knows versions up to 1")
          assert.include(error, "kps positions reset")
          yield* positions.reset("c-1", "1")
          yield* TestClock.adjust("1 minute")
          yield* flowed(starts, 2)
          yield* TestClock.adjust("2 seconds")
          assert.deepStrictEqual(starts, [0, 0])
          assert.deepStrictEqual(yield* alerts, [])
        })
      )
    }))

  it.effect("that does not fit the source is no defect of it, and skips nothing", () =>
    Effect.gen(function*() {
      const { plug, positions } = yield* place
      const starts: Array<number> = []
      yield* positions.set("c-1", "1", { position: { next: "x" }, parameters: {} }, 0)
      yield* process(
        plug,
        numbers(starts),
        Effect.gen(function*() {
          yield* apply([spec("1")])
          yield* settle
          assert.deepStrictEqual(starts, [])
          const error = (yield* alertOf("positionFailed", "1"))?.ErrorMessage
          assert.include(error, "saved position {\"next\":\"x\"} does not fit the source: ")
        })
      )
    }))

  it.effect("that somebody else sets while the stream runs is where it goes on", () =>
    Effect.gen(function*() {
      const { plug, positions } = yield* place
      const starts: Array<number> = []
      yield* process(
        plug,
        numbers(starts),
        Effect.gen(function*() {
          yield* apply([spec("1")])
          yield* flowed(starts, 1)
          yield* positions.set("c-1", "1", { position: { next: "100" }, parameters: {} }, 0)
          yield* TestClock.adjust("1 second")
          yield* settle
          yield* TestClock.adjust("1 second")
          yield* flowed(starts, 2)
          assert.deepStrictEqual(starts, [0, 100])
          yield* TestClock.adjust("1 second")
          yield* positions.reset("c-1", "1")
          // Nothing flows: a running source is told when it moves on, or by a restart.
          assert.deepStrictEqual(starts, [0, 100])
        })
      )
      yield* process(plug, numbers(starts), Effect.andThen(apply([spec("1")]), flowed(starts, 3)))
      assert.deepStrictEqual(starts, [0, 100, 0])
    }))

  it.effect("belongs to its parameters: one that changed begins anew, one that an upgrade brought does not", () =>
    Effect.gen(function*() {
      const { plug } = yield* place
      const starts: Array<number> = []
      const run = (metadata: StreamSpec["metadata"], count: number) =>
        process(plug, numbers(starts), Effect.andThen(apply([at(spec("1"), metadata)]), flowed(starts, count)))
      yield* run({ topic: "a", options: { size: 1 } }, 1)
      yield* run({ topic: "a", options: { size: 1 }, since: "1.1" }, 2)
      yield* run({ topic: "b", options: { size: 1 }, since: "1.1" }, 3)
      yield* run({ topic: "b", options: { size: 1 }, since: "1.1" }, 4)

      assert.deepStrictEqual(starts, [0, 3, 0, 3])
    }))

  it.effect("is not taken for somebody else's when it was saved without an answer", () =>
    Effect.gen(function*() {
      const { buckets, positions } = yield* place
      let answers = false
      /** Writes, and says that it did not. */
      const mute: Bucket.Buckets["Service"] = {
        open: (name) => {
          const bucket = buckets.open(name)
          const put: Bucket.Bucket["put"] = (key, value, expected) =>
            Effect.flatMap(bucket.put(key, value, expected), (revision) =>
              answers
                ? Effect.succeed(revision)
                : Effect.fail(
                  new StateError({
                    reason: new Unavailable({ operation: "write", bucket: name, key, cause: new Error("late") })
                  })
                ))
          return { ...bucket, put }
        }
      }
      const starts: Array<number> = []
      yield* Effect.gen(function*() {
        yield* apply([spec("1")])
        yield* flowed(starts, 1)
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* alerts, ["positionNotSaved of 1 (WARNING)"])
        answers = true
        yield* TestClock.adjust("3 seconds")
        yield* settle

        assert.deepStrictEqual(yield* alerts, [])
        assert.deepStrictEqual(starts, [0])
        assert.deepStrictEqual(Option.getOrThrow(yield* positions.get("c-1", "1")).position, { next: "3" })
      }).pipe(
        Effect.scoped,
        Effect.provide(
          layer(numbers(starts), { connectorId: "c-1" }).pipe(
            Layer.provide(Layer.succeed(Positions.Positions, Positions.make(mute)))
          )
        )
      )
    }))

  it.effect("raises an alert while it cannot be saved, and goes on", () =>
    Effect.gen(function*() {
      const { plug } = yield* place
      const starts: Array<number> = []
      yield* process(
        plug,
        numbers(starts),
        Effect.gen(function*() {
          yield* apply([spec("1")])
          yield* flowed(starts, 1)
          yield* plug.pull
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(yield* alerts, ["positionNotSaved of 1 (WARNING)"])
          yield* plug.push
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(yield* alerts, [])
          assert.deepStrictEqual(starts, [0])
        })
      )
      yield* process(plug, numbers(starts), Effect.andThen(apply([spec("1")]), flowed(starts, 2)))
      assert.deepStrictEqual(starts, [0, 3])
    }))

  it.effect("of one replica is not taken back by another that comes too late", () =>
    Effect.gen(function*() {
      const { buckets, plug, positions } = yield* place
      const starts: Array<number> = []
      const late = yield* Scope.make()
      yield* Effect.gen(function*() {
        const context = yield* Layer.build(
          layer(numbers(starts), { connectorId: "c-1" }).pipe(
            Layer.provide(Layer.succeed(Positions.Positions, Positions.make(plug.buckets)))
          )
        )
        yield* Effect.provideContext(apply([spec("1")]), context)
        yield* flowed(starts, 1)
      }).pipe(Scope.provide(late))
      yield* process(new Plug(buckets), numbers(starts, 9), Effect.andThen(apply([spec("1")]), flowed(starts, 2)))
      yield* Scope.close(late, Exit.void)

      assert.deepStrictEqual(Option.getOrThrow(yield* positions.get("c-1", "1")).position, { next: "9" })
    }))

  it.effect("is whole when the stream ends while it is being saved", () =>
    Effect.gen(function*() {
      const { buckets, positions } = yield* place
      const slow: Bucket.Buckets["Service"] = {
        open: (name) => {
          const bucket = buckets.open(name)
          // The answer comes half a second after the write.
          const put: Bucket.Bucket["put"] = (...args) =>
            Effect.tap(bucket.put(...args), () => Effect.sleep("500 millis"))
          return { ...bucket, put }
        }
      }
      const hooks: Hooks = {
        ingress: () =>
          Effect.succeed(Delivery.resumable({
            position: Schema.Struct({ next: Schema.Number }),
            from: () =>
              Stream.make(1, 2).pipe(
                Stream.mapEffect((next) => Effect.as(Effect.sleep("600 millis"), next)),
                Stream.map((next) => ({ payloads: [bytes(`${next}`)] as const, position: { next } })),
                Stream.concat(Stream.never)
              )
          }))
      }
      const context = Layer.build(
        layer(hooks, { connectorId: "c-1" }).pipe(
          Layer.provide(Layer.succeed(Positions.Positions, Positions.make(slow)))
        )
      )
      const scope = yield* Scope.make()
      yield* Effect.flatMap(context, (services) => Effect.provideContext(apply([spec("1")]), services)).pipe(
        Scope.provide(scope)
      )
      // Saved at 1,000; the second comes at 1,200; the answer at 1,500.
      for (let step = 0; step < 13; step++) yield* TestClock.adjust("100 millis")
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      for (let step = 0; step < 13; step++) yield* TestClock.adjust("100 millis")
      yield* Fiber.join(closing)

      assert.deepStrictEqual(Option.getOrThrow(yield* positions.get("c-1", "1")).position, { next: 2 })
    }))
})
