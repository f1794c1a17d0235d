/** Buckets within one process. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import type { Bucket, Buckets, Change, Entry } from "../Bucket.ts"
import { Conflict, StateError } from "../StateError.ts"

export const make: Effect.Effect<Buckets["Service"]> = Effect.sync(() => {
  const opened = new Map<string, Bucket>()
  return {
    open: (name) => {
      const bucket = opened.get(name) ?? open(name)
      opened.set(name, bucket)
      return bucket
    }
  }
})

const open = (name: string): Bucket => {
  const entries = new Map<string, Entry>()
  const watchers = new Set<(change: Change) => void>()
  const created = randomUUID()
  let revision = 0

  const check = (key: string, expected: number | undefined): Effect.Effect<void, StateError> =>
    expected === undefined || (entries.get(key)?.revision ?? 0) === expected
      ? Effect.void
      : Effect.fail(new StateError({ reason: new Conflict({ bucket: name, key, expected }) }))
  const found = (filter: string) => Array.from(entries.values()).filter(({ key }) => matches(filter, key))
  const tell = (change: Change) => {
    for (const watcher of watchers) watcher(change)
  }

  return {
    name,
    created: Effect.succeed(created),
    get: (key) => Effect.sync(() => Option.fromUndefinedOr(entries.get(key))),
    put: (key, value, expected) =>
      Effect.suspend(() =>
        Effect.map(check(key, expected), () => {
          revision++
          entries.set(key, { key, value, revision })
          tell({ key, revision, value: Option.some(value) })
          return revision
        })
      ),
    remove: (key, expected) =>
      Effect.suspend(() =>
        Effect.map(check(key, expected), () => {
          revision++
          entries.delete(key)
          tell({ key, revision, value: Option.none() })
        })
      ),
    list: (filter) => Effect.sync(() => found(filter)),
    watch: (filter) =>
      Stream.callback<Change>((queue) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            const watcher = (change: Change) => {
              if (matches(filter, change.key)) Queue.offerUnsafe(queue, change)
            }
            for (const { key, revision, value } of found(filter)) watcher({ key, revision, value: Option.some(value) })
            watchers.add(watcher)
            return watcher
          }),
          (watcher) => Effect.sync(() => watchers.delete(watcher))
        ), { bufferSize: Infinity })
  }
}

/** As NATS matches subjects. */
export const matches = (filter: string, key: string): boolean => {
  const wanted = filter.split(".")
  const tokens = key.split(".")
  for (const [index, want] of wanted.entries()) {
    if (want === ">") return tokens.length > index
    if (tokens[index] === undefined || (want !== "*" && want !== tokens[index])) return false
  }
  return wanted.length === tokens.length
}
