import { create } from "@bufbuild/protobuf"
import { assert, it } from "@effect/vitest"
import { StreamDirection, StreamSchema } from "@kps/idl"
import { Effect, Fiber, type Layer, Option, Queue, Result, Stream } from "effect"
import * as DesiredState from "../../src/DesiredState.ts"
import * as Key from "../../src/Key.ts"
import { fresh, inProcess, overwrite, type Place } from "../support/Place.ts"

const stream = (id: string, metadata: Record<string, string> = { subject: "a" }) =>
  create(StreamSchema, { id, direction: StreamDirection.INGRESS, transportChannel: "c", metadata })

const some = <E>(found: Effect.Effect<Option.Option<DesiredState.Versioned>, E>) =>
  Effect.flatMap(found, (found) => Effect.fromOption(found))

/** The behaviour that every place of `DesiredState` owes. */
export const suite = <E>(name: string, layer: Layer.Layer<Place, E>): void =>
  it.layer(layer, { excludeTestServices: true })(`DesiredState (${name})`, (it) => {
    it.effect("has nothing of an instance that nobody asked anything of", () =>
      Effect.gen(function*() {
        const state = yield* inProcess(DesiredState.make)

        assert.deepStrictEqual(yield* state.get(fresh("i")), Option.none())
      }))

    it.effect("gives another process what one has set: values, order, instances apart", () =>
      Effect.gen(function*() {
        const [one, other] = yield* Effect.all([inProcess(DesiredState.make), inProcess(DesiredState.make)])
        const [a, b] = [fresh("i"), fresh("i")]
        const desired = {
          config: { z: 1, a: [{ y: null, b: 0.1 }], secret: "s" },
          streams: [stream("b"), stream("a", { subject: "€" })]
        }
        const revision = yield* one.set(a, desired, 0)
        yield* one.set(b, { config: {}, streams: [] }, 0)

        assert.deepStrictEqual(yield* other.get(a), Option.some({ desired, revision }))
        assert.deepStrictEqual((yield* some(other.get(b))).desired, { config: {}, streams: [] })
      }))

    it.effect("refuses a write by who has not read the last one", () =>
      Effect.gen(function*() {
        const [one, other] = yield* Effect.all([inProcess(DesiredState.make), inProcess(DesiredState.make)])
        const instance = fresh("i")
        const first = yield* one.set(instance, { config: { n: 1 }, streams: [] }, 0)
        const again = yield* Effect.flip(other.set(instance, { config: { n: 2 }, streams: [] }, 0))
        const second = yield* other.set(instance, { config: { n: 3 }, streams: [] }, first)
        const late = yield* Effect.flip(one.set(instance, { config: { n: 4 }, streams: [] }, first))

        assert.strictEqual(again.reason._tag, "Conflict")
        assert.strictEqual(late.reason._tag, "Conflict")
        assert.isAbove(second, first)
        assert.deepStrictEqual((yield* some(one.get(instance))).desired.config, { n: 3 })
      }))

    it.effect("lets one of many writers at once win, whole", () =>
      Effect.gen(function*() {
        const all = yield* Effect.all(Array.from({ length: 4 }, () => inProcess(DesiredState.make)))
        const instance = fresh("i")
        const results = yield* Effect.forEach(
          all,
          (state, n) => Effect.result(state.set(instance, { config: { n }, streams: [stream(`s${n}`)] }, 0)),
          { concurrency: "unbounded" }
        )
        const winners = results.flatMap((result, n) => Result.isSuccess(result) ? [n] : [])

        assert.strictEqual(winners.length, 1)
        const { config, streams } = (yield* some(all[0]!.get(instance))).desired
        assert.deepStrictEqual([config, streams.map(({ id }) => id)], [{ n: winners[0] }, [`s${winners[0]}`]])
      }))

    it.effect("tells the value in force first, then every other one that comes to stay", () =>
      Effect.gen(function*() {
        const [one, other] = yield* Effect.all([inProcess(DesiredState.make), inProcess(DesiredState.make)])
        const instance = fresh("i")
        const seen = yield* Queue.unbounded<unknown>()
        const watching = yield* other.changes(instance).pipe(
          Stream.runForEach((change) =>
            Queue.offer(
              seen,
              Result.isSuccess(change)
                ? Option.getOrUndefined(Option.map(change.success, ({ desired }) => desired.config))
                : change.failure.reason._tag
            )
          ),
          Effect.forkChild
        )
        const next = Effect.timeout(Queue.take(seen), "5 seconds")

        assert.strictEqual(yield* next, undefined)
        const first = yield* one.set(instance, { config: { n: 1 }, streams: [] }, 0)
        assert.deepStrictEqual(yield* next, { n: 1 })
        yield* other.set(instance, { config: { n: 2 }, streams: [] }, first)
        assert.deepStrictEqual(yield* next, { n: 2 })
        yield* overwrite("desired", Key.make("desired", instance), "{")
        assert.deepStrictEqual(yield* next, "Unreadable")
        yield* Fiber.interrupt(watching)
      }))

    it.effect("keeps what is far larger than a message of the broker, and leaves no parts of what was before", () =>
      Effect.gen(function*() {
        const [one, other] = yield* Effect.all([inProcess(DesiredState.make), inProcess(DesiredState.make)])
        const instance = fresh("i")
        const bucket = yield* inProcess((buckets) => buckets.open("desired"))
        const parts = Effect.map(bucket.list(`${Key.make("desired-part", instance)}.>`), (all) => all.length)
        const large = (letter: string) => ({
          config: {},
          streams: Array.from({ length: 30 }, (_, n) => stream(`s${n}`, { text: letter.repeat(100_000) }))
        })
        const first = yield* one.set(instance, large("x"), 0)
        const conflict = yield* Effect.flip(other.set(instance, large("z"), 0))
        const second = yield* other.set(instance, large("y"), first)

        assert.strictEqual(conflict.reason._tag, "Conflict")
        assert.deepStrictEqual(yield* one.get(instance), Option.some({ desired: large("y"), revision: second }))
        assert.strictEqual(yield* parts, 6)
        yield* one.set(instance, { config: {}, streams: [] }, second)
        assert.strictEqual(yield* parts, 0)
      }))

    it.effect("refuses what is larger than it keeps", () =>
      Effect.gen(function*() {
        const state = yield* inProcess(DesiredState.make)
        const error = yield* Effect.flip(
          state.set(fresh("i"), { config: { text: "x".repeat(17_000_000) }, streams: [] }, 0)
        )

        assert.strictEqual(error.reason._tag, "ValueTooLarge")
        assert.match(
          error.message,
          /^value of 170\d{5} bytes for key "desired\..*" is over the limit of 16777216 bytes$/
        )
      }))

    it.effect("says of what is damaged, or of a later version, that it cannot be read", () =>
      Effect.gen(function*() {
        const state = yield* inProcess(DesiredState.make)
        const instance = fresh("i")
        const problemOf = Effect.fnUntraced(function*(text: string) {
          yield* overwrite("desired", Key.make("desired", instance), text)
          const { reason } = yield* Effect.flip(state.get(instance))
          return reason._tag === "Unreadable" ? reason.problem : reason._tag
        })

        assert.strictEqual(yield* problemOf("{"), "it is no JSON text")
        assert.strictEqual(yield* problemOf("[]"), "it is no object with a version and a value")
        assert.strictEqual(
          yield* problemOf("{\"version\":2,\"value\":{}}"),
          "it is of version 2, and this software knows versions up to 1"
        )
        assert.include(yield* problemOf("{\"version\":1,\"value\":{\"instance\":\"i\",\"config\":{}}}"), "streams")
        assert.include(
          yield* problemOf("{\"version\":1,\"value\":{\"instance\":\"i\",\"config\":{},\"streams\":[{\"id\":1}]}}"),
          "connector.v1.Stream.id"
        )
        assert.strictEqual(yield* problemOf("\u0001nonsense"), "it does not say where its parts are")
        assert.strictEqual(
          yield* problemOf("\u0001{\"name\":\"0-a-b\",\"count\":2,\"byteLength\":9}"),
          "part 0 of 2 is missing"
        )
      }))
  })
