/**
 * How far resumable sources have come, by connector instance and stream.
 *
 * @since 0.1.0
 */
import type { JsonObject } from "@bufbuild/protobuf"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Bucket, Buckets, type Entry, layerMemory as bucketsMemory } from "./Bucket.ts"
import * as Key from "./Key.ts"
import { isConflict, StateError, ValueTooLarge } from "./StateError.ts"
import * as Stored from "./Stored.ts"

/**
 * The position of one stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface Saved {
  readonly instance: string
  readonly stream: string
  /** As the source's codec encoded it. */
  readonly position: Schema.Json
  /** Of the stream, as an answer shows them, when it was saved: it belongs to these. Empty: to any. */
  readonly parameters: JsonObject
  /** When it was saved, by the clock of whoever saved it: milliseconds since the Unix epoch. For people. */
  readonly savedAtMillis: number
  /**
   * By which run of the stream it was saved: behind what that had published. Absent: by somebody else, who wants the
   * stream to go on there.
   */
  readonly savedBy?: string | undefined
  readonly revision: number
}

/**
 * The largest position that is kept, in bytes as it is stored.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxBytes = 524_288

/**
 * Service that keeps positions.
 *
 * **Details**
 *
 * A position is what its source makes of it; here it is any JSON. One that is damaged, or of a later version of this
 * software, is an error (`Unreadable`) and never taken for an absent one: a source that began anew would read everything
 * again, one that went on from a wrong place would skip. `reset` takes it away.
 *
 * @category services
 * @since 0.1.0
 */
export class Positions extends Context.Service<Positions, {
  /** Tells the place where they are kept from another one that was made when it was lost: revisions begin anew with it. */
  readonly created: Effect.Effect<string, StateError>
  readonly get: (instance: string, stream: string) => Effect.Effect<Option.Option<Saved>, StateError>
  /**
   * Saves a position if the one that is there has the revision that is expected (0: none is there), and gives the new
   * revision; fails with `Conflict` otherwise. So one that does not run the stream any more cannot take it back.
   */
  readonly set: (
    instance: string,
    stream: string,
    value: Pick<Saved, "position" | "parameters" | "savedBy">,
    expected: number
  ) => Effect.Effect<number, StateError>
  /** Takes the position away, whatever it is: the source begins as one that never ran. */
  readonly reset: (instance: string, stream: string) => Effect.Effect<void, StateError>
  /**
   * The revision of the last `reset`, comparable with those of positions; 0: there was none. The messages of a channel in
   * JetStream have positions, too: this says which of them are not to count.
   */
  readonly resetRevision: (instance: string, stream: string) => Effect.Effect<number, StateError>
  /**
   * All positions of an instance, or of all instances, by instance and stream; then, in place of each that cannot be
   * read, why.
   */
  readonly list: (instance?: string) => Effect.Effect<ReadonlyArray<Result.Result<Saved, StateError>>, StateError>
}>()("@kps/server/Positions") {}

/**
 * Keeps them in the bucket `positions`, under `position.<instance>.<stream>`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (buckets: Buckets["Service"]): Positions["Service"] => {
  const bucket = buckets.open("positions")
  const keyOf = (instance: string, stream: string) => Key.make("position", instance, stream)
  const resetKeyOf = (instance: string, stream: string) => Key.make("reset", instance, stream)
  const noteReset = Effect.fnUntraced(function*(instance: string, stream: string): Effect.fn.Return<void, StateError> {
    const key = resetKeyOf(instance, stream)
    const before = yield* bucket.get(key)
    const resetAtMillis = Math.round(yield* Clock.currentTimeMillis)
    const value = yield* storedReset.encode({ instance, stream, resetAtMillis })
    yield* bucket.put(key, value, revisionOf(before))
  })
  return {
    created: bucket.created,
    get: Effect.fn("Positions.get")(function*(instance, stream) {
      const found = yield* bucket.get(keyOf(instance, stream))
      return Option.isNone(found) ? Option.none() : Option.some(yield* saved(bucket, found.value))
    }),
    set: Effect.fn("Positions.set")(function*(instance, stream, { parameters, position, savedBy }, expected) {
      const key = keyOf(instance, stream)
      const savedAtMillis = Math.round(yield* Clock.currentTimeMillis)
      const value = yield* stored.encode({
        instance,
        stream,
        position,
        parameters,
        savedAtMillis,
        ...(savedBy === undefined ? {} : { savedBy })
      })
      if (value.length > maxBytes) {
        return yield* new StateError({
          reason: new ValueTooLarge({ bucket: bucket.name, key, byteLength: value.length, maxBytes })
        })
      }
      return yield* bucket.put(key, value, expected)
    }),
    reset: Effect.fn("Positions.reset")((instance, stream) =>
      Effect.andThen(
        // First: what is removed and not known to be reset would be taken for lost.
        Effect.retry(noteReset(instance, stream), { while: isConflict, times: 5 }),
        bucket.remove(keyOf(instance, stream))
      )
    ),
    resetRevision: Effect.fn("Positions.resetRevision")((instance, stream) =>
      Effect.map(bucket.get(resetKeyOf(instance, stream)), revisionOf)
    ),
    list: Effect.fn("Positions.list")(function*(instance) {
      const found = yield* bucket.list(instance === undefined ? "position.>" : `${Key.make("position", instance)}.*`)
      const all = yield* Effect.forEach(found, (entry) => Effect.result(saved(bucket, entry)))
      const [readable, unreadable] = Arr.partition(all, (one) => one)
      return [
        ...readable.toSorted((a, b) => compare(a.instance, b.instance) || compare(a.stream, b.stream)).map(
          Result.succeed
        ),
        ...unreadable.map(Result.fail)
      ]
    })
  }
}

const revisionOf = (entry: Option.Option<Entry>): number =>
  Option.match(entry, { onNone: () => 0, onSome: ({ revision }) => revision })

const compare = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0

const stored = Stored.make(
  1,
  Schema.Struct({
    instance: Schema.String,
    stream: Schema.String,
    position: Schema.Json,
    parameters: Schema.Record(Schema.String, Schema.MutableJson),
    savedAtMillis: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 8_640_000_000_000_000 })),
    savedBy: Schema.optionalKey(Schema.String)
  })
)

const storedReset = Stored.make(
  1,
  Schema.Struct({ instance: Schema.String, stream: Schema.String, resetAtMillis: Schema.Int })
)

const saved = (bucket: Bucket, entry: Entry): Effect.Effect<Saved, StateError> =>
  Effect.map(stored.decode(bucket, entry), (value) => ({ ...value, revision: entry.revision }))

/**
 * Layer that keeps positions in the buckets that are given.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Positions, never, Buckets> = Layer.effect(Positions, Effect.map(Buckets, make))

/**
 * Layer that keeps positions in this process.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<Positions> = Layer.provide(layer, bucketsMemory)
