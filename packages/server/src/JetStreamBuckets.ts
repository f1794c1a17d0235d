/**
 * Buckets in NATS JetStream: what is kept there is shared by all replicas and outlives them.
 *
 * @since 0.1.0
 */
import { NatsConnection } from "@kps/transport"
import { JetStreamApiError } from "@nats-io/jetstream"
import { type KV, Kvm, type KvWatchEntry } from "@nats-io/kv"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { type Bucket, Buckets, type Change, type Entry } from "./Bucket.ts"
import { collect, each } from "./internal/each.ts"
import { Conflict, StateError, Unavailable } from "./StateError.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How many servers of a cluster keep each bucket: 1, 3 or 5. For buckets that are not there yet. Default: 1. */
  readonly replicas?: number
  /** What the names of the buckets begin with, before a `-`: letters, digits, `-` and `_`. Default: "kps". */
  readonly prefix?: string
  /** How long one answer of the broker is waited for. Default: 5 seconds. */
  readonly timeout?: Duration.Input
}

/** How long a watch that broke off waits before it is begun anew. */
const watchAgain = Schedule.spaced("500 millis")

/** How many values are read at a time. */
const readAtOnce = 32

/**
 * Layer of buckets in JetStream, over the connection of the NATS transport.
 *
 * **Details**
 *
 * A bucket `desired` is the key-value bucket `kps-desired`, in files, with one value per key, and is made when it is
 * first used. One that is there is used as it is; when it has another number of replicas that is logged as a warning.
 * Values are read from the leader, so that they are what was written last. Needs nats-server 2.9 or later with
 * JetStream; every operation fails with `Unavailable` while the broker is away, has no JetStream, or has lost its
 * majority.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Buckets, never, NatsConnection.NatsConnection> =>
  Layer.effect(
    Buckets,
    Effect.map(NatsConnection.NatsConnection, (connection) => {
      const opened = new Map<string, Bucket>()
      return {
        open: (name) => {
          const bucket = opened.get(name) ?? open(connection, `${options.prefix ?? "kps"}-${name}`, options)
          opened.set(name, bucket)
          return bucket
        }
      }
    })
  )

type Connection = NatsConnection.NatsConnection["Service"]
type Client = Effect.Success<Connection["current"]>

const open = (connection: Connection, name: string, options: Options): Bucket => {
  const { replicas = 1, timeout = "5 seconds" } = options
  // A connection that broke is another object when it is back, and what was made on it is of no use any more.
  const ready = new WeakMap<Client, Promise<KV>>()
  const warned = { replicas: false }

  const fail = (operation: string, key: string, cause: unknown) =>
    new StateError({ reason: new Unavailable({ operation, bucket: name, key, cause }) })

  const bind = (client: Client): Promise<KV> => {
    const known = ready.get(client)
    if (known !== undefined) return known
    const made = new Kvm(client).create(name, { replicas, history: 1, allow_direct: false })
    ready.set(client, made)
    return made
  }

  /** Runs what needs the bucket on the connection of the moment. */
  const on = <A>(operation: string, key: string, expected: number, run: (kv: KV) => Promise<A>) =>
    Effect.gen(function*() {
      const client = yield* Effect.mapError(connection.current, (error) => fail(operation, key, error))
      return yield* Effect.tryPromise({
        try: () => bind(client).then(run),
        catch: (cause) => {
          if (wasChanged(cause)) return new StateError({ reason: new Conflict({ bucket: name, key, expected }) })
          // The bucket itself may be gone: it is looked for again.
          ready.delete(client)
          return fail(operation, key, cause)
        }
      }).pipe(
        Effect.timeoutOrElse({
          duration: timeout,
          orElse: () => Effect.fail(fail(operation, key, new Error("no answer in time")))
        })
      )
    })

  const get = (key: string) =>
    Effect.map(
      on("read", key, 0, (kv) => kv.get(key)),
      (found): Option.Option<Entry> =>
        found === null || found.operation !== "PUT"
          ? Option.none()
          : Option.some({ key, value: found.value, revision: found.revision })
    )

  const follow = (client: Client, filter: string, queue: Queue.Enqueue<Change>) =>
    Effect.scoped(Effect.gen(function*() {
      const entries = yield* Effect.acquireRelease(
        Effect.tryPromise(() => bind(client).then((kv) => kv.watch({ key: filter }))),
        (entries) => Effect.sync(() => entries.stop())
      )
      yield* Effect.tryPromise(() => offerAll(entries, queue))
    })).pipe(Effect.ensuring(Effect.sync(() => ready.delete(client))))

  const checkReplicas = Effect.gen(function*() {
    if (warned.replicas) return
    const has = yield* on("look at", "", 0, (kv) => kv.status().then((status) => status.replicas))
    if (has === replicas || warned.replicas) return
    warned.replicas = true
    yield* Effect.annotateLogs(
      Effect.logWarning("the bucket is there with another number of replicas, and stays as it is"),
      { bucket: name, replicas: has, wanted: replicas }
    )
  })

  return {
    name,
    get,
    put: (key, value, expected) =>
      on("write", key, expected, (kv) => expected === 0 ? kv.create(key, value) : kv.update(key, value, expected)),
    remove: (key, expected) =>
      on("remove", key, expected ?? 0, (kv) => kv.purge(key, expected === undefined ? {} : { previousSeq: expected })),
    list: Effect.fnUntraced(function*(filter) {
      const keys = yield* on("list", filter, 0, (kv) => kv.keys(filter).then(collect))
      const found = yield* Effect.forEach(keys, get, { concurrency: readAtOnce })
      return found.flatMap(Option.toArray)
    }),
    watch: (filter) =>
      Stream.callback<Change>((queue) =>
        connection.changes.pipe(
          Stream.switchMap(Option.match({
            onNone: () => Stream.empty,
            onSome: (client) =>
              Stream.fromEffectDrain(
                Effect.ignore(checkReplicas).pipe(
                  Effect.andThen(Effect.exit(follow(client, filter, queue))),
                  Effect.tap((exit) =>
                    exit._tag === "Failure" && !Cause.hasInterruptsOnly(exit.cause)
                      ? Effect.annotateLogs(Effect.logDebug("a watch broke off", exit.cause), { bucket: name, filter })
                      : Effect.void
                  ),
                  Effect.repeat(watchAgain)
                )
              )
          })),
          Stream.runDrain
        ), { bufferSize: Infinity })
  }
}

const wrongLastSequence: ReadonlySet<number> = new Set([10071, 10164])

const wasChanged = (cause: unknown): boolean => cause instanceof JetStreamApiError && wrongLastSequence.has(cause.code)

const offerAll = (entries: AsyncIterable<KvWatchEntry>, queue: Queue.Enqueue<Change>): Promise<void> =>
  each(entries, ({ key, operation, revision, value }) => {
    Queue.offerUnsafe(queue, { key, revision, value: operation === "PUT" ? Option.some(value) : Option.none() })
  })
