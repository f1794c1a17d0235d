/**
 * A journal in NATS JetStream: what is kept there is shared by all processes and outlives them.
 *
 * @since 0.1.0
 */
import { NatsConnection } from "@kps/transport"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import { again, answered, type Client } from "../internal/onConnection.ts"
import { DocumentError, Unavailable } from "./DocumentError.ts"
import * as jetStreamBucket from "./internal/jetStreamBucket.ts"
import * as largeValue from "./internal/largeValue.ts"
import { type Entry, Journal, type News } from "./Journal.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How many servers of a cluster keep the documents: 1, 3 or 5. For a bucket that is not there yet. Default: 1. */
  readonly replicas?: number
  /** What the name of the bucket begins with, before a `-`: letters, digits, `-` and `_`. Default: "kps". */
  readonly prefix?: string
  /** How long an append is tried while there is no answer. Default: 5 seconds. */
  readonly timeout?: Duration.Input
}

/**
 * Layer of the journal, over the connection of the NATS transport.
 *
 * **Details**
 *
 * Documents are in the key-value bucket `kps-documents`, in files, with one value per key; those of more than 512 KiB in
 * the object store of that name, with a value that leads there. Both are made when they are not there; one that is there
 * is used as it is. An append that got no answer is sent again under the same id until there is one, so that a broker
 * that was restarted in between has it once. Needs nats-server 2.9 or later with JetStream.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Journal, never, NatsConnection.NatsConnection> =>
  Layer.effect(
    Journal,
    Effect.map(NatsConnection.NatsConnection, (connection) => {
      const { prefix = "kps", replicas = 1, timeout = "5 seconds" } = options
      const open = jetStreamBucket.open(`${prefix}-documents`, replicas)
      /** Which objects the values lead to, as far as is known. */
      const objects = new Map<string, string>()

      const persisting = answered(
        connection,
        timeout,
        (operation, cause) => new DocumentError({ reason: new Unavailable({ operation, cause }) })
      )
      const persist = <A>(operation: string, use: (bucket: jetStreamBucket.Bucket) => Promise<A>) =>
        persisting(operation, (client) => open(client).then(use))

      /** An entry with its value; none when that was overwritten meanwhile: a later entry comes. */
      const resolve = (bucket: jetStreamBucket.Bucket, entry: Entry): Effect.Effect<Option.Option<Entry>, unknown> => {
        const parts = Option.flatMap(entry.value, largeValue.objectOf)
        if (Option.isNone(parts)) {
          objects.delete(entry.key)
          return Effect.succeedSome(entry)
        }
        objects.set(entry.key, parts.value)
        return Effect.map(
          Effect.tryPromise(() => bucket.getObject(parts.value)),
          Option.map((bytes) => ({ ...entry, value: Option.some(bytes) }))
        )
      }

      const follow = (client: Client): Stream.Stream<News, unknown> =>
        Stream.unwrap(Effect.gen(function*() {
          const bucket = yield* Effect.tryPromise(() => open(client))
          const news = yield* Effect.acquireRelease(
            Effect.tryPromise(() => bucket.follow()),
            (following) => Effect.sync(() => following.stop())
          )
          return news.items.pipe(
            Stream.mapEffect((item) =>
              item._tag === "Changed"
                ? Effect.map(
                  resolve(bucket, item.entry),
                  (entry): ReadonlyArray<News> => Option.isNone(entry) ? [] : [{ _tag: "Changed", entry: entry.value }]
                )
                : Effect.gen(function*() {
                  objects.clear()
                  const entries = yield* Effect.forEach(item.entries, (entry) => resolve(bucket, entry), {
                    concurrency: 8
                  })
                  yield* Effect.ignore(Effect.tryPromise(() => bucket.sweepObjects(new Set(objects.values()))))
                  return [{ ...item, entries: entries.flatMap(Option.toArray) }]
                })
            ),
            Stream.flattenIterable
          )
        }))

      return {
        append: Effect.fnUntraced(function*(key, value, after) {
          const operation = `write "${key}"`
          const messageId = randomUUID()
          const object = Option.filter(value, largeValue.isLarge).pipe(
            Option.map((bytes) => ({ name: `${key}.${messageId}`, bytes }))
          )
          if (Option.isSome(object)) {
            yield* persist(operation, (bucket) => bucket.putObject(object.value.name, object.value.bytes))
          }
          const kept = Option.map(object, ({ name }) => largeValue.leadingTo(name))
          const before = objects.get(key)
          const revision = yield* persist(
            operation,
            (bucket) => bucket.append(key, Option.orElse(kept, () => value), after, messageId)
          )
          // what nothing leads to any more: the new value where it came too late, the old one where it did not
          const stale = Option.isNone(revision) ? Option.getOrUndefined(object)?.name : before
          if (stale !== undefined) yield* Effect.ignore(persist(operation, (bucket) => bucket.removeObject(stale)))
          return revision
        }),
        follow: connection.changes.pipe(
          Stream.switchMap(Option.match({
            onNone: () => Stream.empty,
            onSome: (client) =>
              follow(client).pipe(
                Stream.catchCause((cause) =>
                  Stream.fromEffectDrain(Effect.logDebug("the watch of the documents broke off", cause))
                ),
                Stream.repeat(again)
              )
          }))
        )
      }
    })
  )
