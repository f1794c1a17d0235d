/**
 * Which one a bucket is, remembered in another bucket: so that one that was lost and made anew under the same name is
 * told from one that is there for the first time.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Bucket } from "./Bucket.ts"
import * as Key from "./Key.ts"
import { isConflict, type StateError } from "./StateError.ts"
import * as Stored from "./Stored.ts"

/**
 * What is found of a bucket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Found {
  readonly created: string
  /** Whether another one is remembered; false where none is. */
  readonly isAnother: boolean
  /** Remembers this one. Fails with `Conflict` when somebody else has remembered another one meanwhile. */
  readonly remember: Effect.Effect<void, StateError>
}

const stored = Stored.make(1, Schema.Struct({ instance: Schema.String, bucket: Schema.String, created: Schema.String }))

/**
 * Looks which one a bucket is, and which one an instance remembers in the bucket beside it, under `known.<instance>.<name>`.
 *
 * @category operations
 * @since 0.1.0
 */
export const look = Effect.fnUntraced(function*(
  bucket: Bucket,
  beside: Bucket,
  instance: string
): Effect.fn.Return<Found, StateError> {
  const { name } = bucket
  const key = Key.make("known", instance, name)
  const created = yield* bucket.created
  const read = Effect.gen(function*() {
    const entry = yield* beside.get(key)
    if (Option.isNone(entry)) return { revision: 0, isSame: false }
    // One that cannot be read says nothing of this one.
    const known = yield* Effect.option(stored.decode(beside, entry.value))
    return { revision: entry.value.revision, isSame: Option.isSome(known) && known.value.created === created }
  })
  const { isSame, revision } = yield* read
  const write = Effect.flatMap(
    stored.encode({ instance, bucket: name, created }),
    (value) => Effect.asVoid(beside.put(key, value, revision))
  )
  return {
    created,
    isAnother: revision > 0 && !isSame,
    remember: isSame ? Effect.void : Effect.catchIf(
      write,
      isConflict,
      (conflict) => Effect.flatMap(read, (now) => now.isSame ? Effect.void : Effect.fail(conflict))
    )
  }
})
