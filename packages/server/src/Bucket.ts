/**
 * Where shared state is kept: keys with values and revisions. The services of state are written on it, once for all
 * places; `JetStreamBuckets` has the place that replicas share.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import * as memory from "./internal/memoryBucket.ts"
import type { StateError } from "./StateError.ts"

/**
 * A value that is there.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly key: string
  readonly value: Uint8Array
  /** Above 0, and higher than every earlier one of the bucket. */
  readonly revision: number
}

/**
 * A key that was written or removed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Change {
  readonly key: string
  readonly revision: number
  /** None: it was removed. */
  readonly value: Option.Option<Uint8Array>
}

/**
 * Keys with values. A key is made of tokens with dots between: see `Key`.
 *
 * **Details**
 *
 * What is read is what was written last, whoever wrote it. Every operation fails with `Unavailable` while the place
 * cannot be reached.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bucket {
  readonly name: string
  /**
   * When it was made, as the place tells: text to be compared for equality only. One that was lost and made anew under the
   * same name has another, and its revisions begin anew.
   */
  readonly created: Effect.Effect<string, StateError>
  readonly get: (key: string) => Effect.Effect<Option.Option<Entry>, StateError>
  /**
   * Writes if the key has the revision that is expected (0: it is not there), and gives its new revision. Fails with
   * `Conflict` otherwise.
   */
  readonly put: (key: string, value: Uint8Array, expected: number) => Effect.Effect<number, StateError>
  /** Removes if the key has the revision that is expected; without one, whatever it has. */
  readonly remove: (key: string, expected?: number) => Effect.Effect<void, StateError>
  /** What is there under a filter: a key in which `*` stands for one token, and `>` at its end for all that follow. */
  readonly list: (filter: string) => Effect.Effect<ReadonlyArray<Entry>, StateError>
  /**
   * What is there under a filter, in no order, then every change, in order of each key. Never ends, and waits while the
   * place cannot be reached. Steps may be missed in between, never the last; a change may come twice.
   */
  readonly watch: (filter: string) => Stream.Stream<Change>
}

/**
 * Service that opens buckets by name, and makes those that are not there.
 *
 * @category services
 * @since 0.1.0
 */
export class Buckets extends Context.Service<Buckets, {
  /** Names of letters, digits, `-` and `_`. A bucket of one name is one and the same. */
  readonly open: (name: string) => Bucket
}>()("@kps/server/Bucket/Buckets") {}

/**
 * Layer that keeps everything in this process, and forgets it with the layer.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<Buckets> = Layer.effect(Buckets, memory.make)
