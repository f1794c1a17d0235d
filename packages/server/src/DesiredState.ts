/**
 * What the platform asked of a connector instance, for all its replicas, and for those that come after them.
 *
 * @since 0.1.0
 */
import { fromJson, type JsonObject, toJson } from "@bufbuild/protobuf"
import { type Stream as StreamMessage, StreamSchema } from "@kps/idl"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { type Bucket, Buckets, type Entry, layerMemory as bucketsMemory } from "./Bucket.ts"
import * as Key from "./Key.ts"
import * as LargeValue from "./LargeValue.ts"
import { StateError, Unreadable } from "./StateError.ts"
import * as Stored from "./Stored.ts"

/**
 * What a connector instance should have, as the platform's requests made it: nothing is decoded, no default filled in,
 * no secret hidden.
 *
 * @category models
 * @since 0.1.0
 */
export interface Desired {
  /** Merged from all requests. */
  readonly config: JsonObject
  /** In the order in which they were asked for; what a connector says of them is not set. */
  readonly streams: ReadonlyArray<StreamMessage>
}

/**
 * What should be, and which write of it that is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Versioned {
  readonly desired: Desired
  readonly revision: number
}

/**
 * Service that keeps what the platform asked for.
 *
 * **Details**
 *
 * Written by whichever replica got a SetPayload, read by all of them. Every method names the connector instance.
 *
 * @category services
 * @since 0.1.0
 */
export class DesiredState extends Context.Service<DesiredState, {
  /** What is wanted now; nothing when nobody asked for anything yet. */
  readonly get: (instance: string) => Effect.Effect<Option.Option<Versioned>, StateError>
  /**
   * Replaces what is wanted, whole, if it has the revision that is expected (0: there is nothing), and gives its new
   * one; fails with `Conflict` otherwise.
   */
  readonly set: (instance: string, desired: Desired, expected: number) => Effect.Effect<number, StateError>
  /**
   * What is wanted now, then each change; what cannot be read is in its place. Never ends: it waits while the place
   * where it is kept is away. Steps may be missed in between, never the last.
   */
  readonly changes: (instance: string) => Stream.Stream<Result.Result<Option.Option<Versioned>, StateError>>
}>()("@kps/server/DesiredState") {}

/**
 * Keeps it in the bucket `desired`, under `desired.<instance>`: JSON with the contract's messages, keys sorted, in parts
 * where it is over 512 KiB. Secrets are in it as they were given.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (buckets: Buckets["Service"]): DesiredState["Service"] => {
  const bucket = buckets.open("desired")
  const keyOf = (instance: string) => Key.make("desired", instance)
  const get = (instance: string) =>
    Effect.flatMap(
      LargeValue.get(bucket, keyOf(instance)),
      (found) => Option.isNone(found) ? Effect.succeedNone : Effect.asSome(versioned(bucket, found.value))
    )

  return {
    get: Effect.fn("DesiredState.get")(get),
    set: Effect.fn("DesiredState.set")(function*(instance, { config, streams }, expected) {
      const value = yield* stored.encode({ instance, config, streams: streams.map((one) => toJson(StreamSchema, one)) })
      return yield* LargeValue.put(bucket, keyOf(instance), value, expected)
    }),
    changes: (instance) =>
      bucket.watch(keyOf(instance)).pipe(
        // The watch says that there is something new; what it is, is read: it may be in parts, or the next one by now.
        Stream.map(() => undefined),
        // A place that lost everything has nothing to say, nor has a watch that died.
        Stream.merge(Stream.tick(lookAnyway)),
        Stream.mapEffect(() =>
          get(instance).pipe(
            Effect.retry({ while: (error) => error.reason._tag === "Unavailable", schedule: readAgain }),
            Effect.result
          )
        ),
        Stream.changesWith((before, after) => revisionOf(before) === revisionOf(after))
      )
  }
}

const readAgain = Schedule.spaced("500 millis")

/** How often it is read though nothing was heard. */
const lookAnyway = "10 seconds"

const stored = Stored.make(
  1,
  Schema.Struct({
    /** The key has it encoded, or only a hash of it. */
    instance: Schema.String,
    config: Schema.Record(Schema.String, Schema.MutableJson),
    streams: Schema.Array(Schema.MutableJson)
  })
)

const versioned = Effect.fnUntraced(function*(bucket: Bucket, entry: Entry): Effect.fn.Return<Versioned, StateError> {
  const { config, streams } = yield* stored.decode(bucket, entry)
  const messages = yield* Effect.try({
    try: () => streams.map((stream) => fromJson(StreamSchema, stream)),
    catch: (cause) =>
      new StateError({
        reason: new Unreadable({
          bucket: bucket.name,
          key: entry.key,
          revision: entry.revision,
          problem: cause instanceof Error ? cause.message : String(cause)
        })
      })
  })
  return { desired: { config, streams: messages }, revision: entry.revision }
})

const revisionOf = (result: Result.Result<Option.Option<Versioned>, StateError>): number => {
  if (Result.isSuccess(result)) return Option.match(result.success, { onNone: () => 0, onSome: (one) => one.revision })
  const { reason } = result.failure
  return reason._tag === "Unreadable" ? reason.revision : -1
}

/**
 * Layer that keeps it in the buckets that are given.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<DesiredState, never, Buckets> = Layer.effect(DesiredState, Effect.map(Buckets, make))

/**
 * Layer that keeps it in this process: a restarted connector knows nothing and has to be told again.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<DesiredState> = Layer.provide(layer, bucketsMemory)
