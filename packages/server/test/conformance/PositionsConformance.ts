import { assert, it } from "@effect/vitest"
import { Effect, type Layer, Option, Result, type Schema } from "effect"
import * as Key from "../../src/Key.ts"
import * as Positions from "../../src/Positions.ts"
import type { StateError } from "../../src/StateError.ts"
import { fresh, inProcess, overwrite, type Place } from "../support/Place.ts"

const at = (position: Schema.Json) => ({ position, parameters: { subject: "a" } })

/** The behaviour that every place of `Positions` owes. */
export const suite = <E>(name: string, layer: Layer.Layer<Place, E>): void =>
  it.layer(layer, { excludeTestServices: true })(`Positions (${name})`, (it) => {
    it.effect("has none of a stream that never ran", () =>
      Effect.gen(function*() {
        const positions = yield* inProcess(Positions.make)

        assert.deepStrictEqual(yield* positions.get(fresh("i"), "s"), Option.none())
      }))

    it.effect("is one and the same place for each process that has it", () =>
      Effect.gen(function*() {
        const [one, other] = yield* Effect.all([inProcess(Positions.make), inProcess(Positions.make)])
        const created = yield* one.created

        assert.isAbove(created.length, 0)
        assert.strictEqual(yield* other.created, created)
      }))

    it.effect("gives another process what one has saved, as it is, streams and instances apart", () =>
      Effect.gen(function*() {
        const [one, other] = yield* Effect.all([inProcess(Positions.make), inProcess(Positions.make)])
        const [a, b] = [fresh("i"), fresh("i")]
        const revision = yield* one.set(a, "s", at({ file: "ö", offset: [1, null, true] }), 0)
        yield* one.set(a, "t", at(7), 0)
        yield* one.set(b, "s", at("x"), 0)

        const saved = Option.getOrThrow(yield* other.get(a, "s"))
        assert.deepStrictEqual({ ...saved, savedAtMillis: 0 }, {
          instance: a,
          stream: "s",
          position: { file: "ö", offset: [1, null, true] },
          parameters: { subject: "a" },
          savedAtMillis: 0,
          revision
        })
        assert.isBelow(Math.abs(saved.savedAtMillis - Date.now()), 60_000)
        assert.strictEqual(Option.getOrThrow(yield* other.get(a, "t")).position, 7)
        assert.strictEqual(Option.getOrThrow(yield* other.get(b, "s")).position, "x")
      }))

    it.effect("does not let one go back that was overtaken", () =>
      Effect.gen(function*() {
        const [one, other] = yield* Effect.all([inProcess(Positions.make), inProcess(Positions.make)])
        const instance = fresh("i")
        const first = yield* one.set(instance, "s", at(1), 0)
        yield* other.set(instance, "s", at(2), first)
        const late = yield* Effect.flip(one.set(instance, "s", at(1), first))

        assert.strictEqual(late.reason._tag, "Conflict")
        assert.strictEqual(Option.getOrThrow(yield* one.get(instance, "s")).position, 2)
      }))

    it.effect("is as new after a reset, also of what cannot be read, and refuses who knew it before", () =>
      Effect.gen(function*() {
        const positions = yield* inProcess(Positions.make)
        const instance = fresh("i")
        const first = yield* positions.set(instance, "s", at(1), 0)
        yield* positions.reset(instance, "s")
        const gone = yield* positions.get(instance, "s")
        const late = yield* Effect.flip(positions.set(instance, "s", at(2), first))
        const second = yield* positions.set(instance, "s", at(3), 0)
        yield* overwrite("positions", Key.make("position", instance, "s"), "?")
        yield* positions.reset(instance, "s")
        yield* positions.reset(instance, "never there")

        assert.deepStrictEqual(gone, Option.none())
        assert.strictEqual(late.reason._tag, "Conflict")
        assert.isAbove(second, first)
        assert.deepStrictEqual(yield* positions.get(instance, "s"), Option.none())
      }))

    it.effect("never takes a damaged position, or one of the future, for none", () =>
      Effect.gen(function*() {
        const positions = yield* inProcess(Positions.make)
        const instance = fresh("i")
        const problemOf = Effect.fnUntraced(function*(text: string) {
          yield* overwrite("positions", Key.make("position", instance, "s"), text)
          const { reason } = yield* Effect.flip(positions.get(instance, "s"))
          return reason._tag === "Unreadable" ? reason.problem : reason._tag
        })

        assert.strictEqual(yield* problemOf("\u0000\u00ff"), "it is no JSON text")
        assert.strictEqual(
          yield* problemOf("{\"version\":3,\"value\":{}}"),
          "it is of version 3, and this software knows versions up to 1"
        )
        assert.include(yield* problemOf("{\"version\":1,\"value\":{\"instance\":\"i\",\"stream\":\"s\"}}"), "position")
      }))

    it.effect("lists those of an instance, and of all, and what of them cannot be read", () =>
      Effect.gen(function*() {
        const positions = yield* inProcess(Positions.make)
        const [a, b] = [fresh("i"), fresh("i")]
        yield* positions.set(a, "t", at(1), 0)
        yield* positions.set(a, "s", at(2), 0)
        yield* positions.set(a, "x".repeat(255), at(3), 0)
        yield* positions.set(b, "s", at(4), 0)
        yield* overwrite("positions", Key.make("position", a, "bad"), "?")
        const told = (all: ReadonlyArray<Result.Result<Positions.Saved, StateError>>) =>
          all.map(Result.match({ onSuccess: ({ stream }) => stream, onFailure: ({ reason }) => reason._tag }))
        const all = yield* positions.list()

        assert.deepStrictEqual(told(yield* positions.list(a)), ["s", "t", "x".repeat(255), "Unreadable"])
        assert.deepStrictEqual(told(yield* positions.list(b)), ["s"])
        assert.deepStrictEqual(yield* positions.list(fresh("i")), [])
        assert.includeMembers(all.flatMap((one) => Result.isSuccess(one) ? [one.success.instance] : []), [a, b])
      }))

    it.effect("refuses a position that is too large", () =>
      Effect.gen(function*() {
        const positions = yield* inProcess(Positions.make)
        const error = yield* Effect.flip(positions.set(fresh("i"), "s", at("x".repeat(Positions.maxBytes)), 0))

        assert.strictEqual(error.reason._tag, "ValueTooLarge")
      }))
  })
