/** What a key-value bucket keeps of keys that were removed, and for how long. */
import { jetstreamManager } from "@nats-io/jetstream"
import type { KV } from "@nats-io/kv"
import type { NatsConnection } from "@nats-io/transport-node"
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { each } from "./each.ts"

/** How long is waited for all that a bucket has. */
const readFor = "5 seconds"

/** So many go in one turn, so many at once. */
const most = 1_000
const atOnce = 8

interface Marker {
  readonly key: string
  readonly revision: number
}

/**
 * Removes the markers of keys that were removed longer ago: each one alone, and never what was written since. Says how
 * many there were.
 */
export const purgeMarkers = Effect.fnUntraced(function*(
  client: NatsConnection,
  bucket: string,
  kv: KV,
  keptMillis: number
): Effect.fn.Return<number, Cause.UnknownError, Scope.Scope> {
  const before = (yield* Clock.currentTimeMillis) - keptMillis
  const old: Array<Marker> = []
  const entries = yield* Effect.acquireRelease(
    Effect.tryPromise(() => kv.watch({ key: ">", headers_only: true })),
    (entries) => Effect.sync(() => entries.stop())
  )
  const read = Effect.tryPromise(() =>
    each(entries, ({ created, delta, key, operation, revision }) => {
      if (operation !== "PUT" && created.getTime() <= before && old.length < most) old.push({ key, revision })
      if (delta === 0) entries.stop()
    })
  )
  // An empty bucket says nothing.
  yield* Effect.timeoutOption(read, readFor)
  const manager = yield* Effect.tryPromise(() => jetstreamManager(client))
  yield* Effect.forEach(
    old,
    ({ key, revision }) =>
      Effect.tryPromise(() =>
        manager.streams.purge(`KV_${bucket}`, { filter: `$KV.${bucket}.${key}`, seq: revision + 1 })
      ),
    { concurrency: atOnce, discard: true }
  )
  return old.length
})
