/**
 * Buckets in NATS JetStream: what is kept there is shared by all replicas and outlives them.
 *
 * @since 0.1.0
 */
import { NatsConnection } from "@kps/transport"
import { JetStreamApiError } from "@nats-io/jetstream"
import { type KV, Kvm, type KvWatchEntry } from "@nats-io/kv"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { type Bucket, Buckets, type Change, type Entry } from "./Bucket.ts"
import { collect, each } from "./internal/each.ts"
import { purgeMarkers } from "./internal/purgeMarkers.ts"
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
  /**
   * How long a bucket remembers that a key was removed: what is older goes, up to 1,000 of them at a time. Default: 1 hour.
   */
  readonly markersKept?: Duration.Input
}

/** How long a watch that broke off waits before it is begun anew. */
const watchAgain = Schedule.spaced("500 millis")

/** How often is looked whether a bucket that is watched is still the same one. */
const lookForRemade = "2 seconds"

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
    Effect.gen(function*() {
      const connection = yield* NatsConnection.NatsConnection
      const opened = new Map<string, Opened>()
      const keptMillis = Duration.toMillis(Duration.fromInputUnsafe(options.markersKept ?? "1 hour"))
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(
        Effect.sleep(Math.min(keptMillis, purgeMillis)),
        Effect.suspend(() =>
          Effect.forEach(Array.from(opened.values()), ({ purge }) => Effect.ignore(purge(keptMillis)), {
            discard: true
          })
        )
      )))
      return {
        open: (name) => {
          const one = opened.get(name) ?? open(connection, `${options.prefix ?? "kps"}-${name}`, options)
          opened.set(name, one)
          return one.bucket
        }
      }
    })
  )

interface Opened {
  readonly bucket: Bucket
  /** Removes what is kept of keys that were removed longer ago. */
  readonly purge: (keptMillis: number) => Effect.Effect<unknown, StateError>
}

/** How often is looked for markers that are too old. */
const purgeMillis = 600_000

type Connection = NatsConnection.NatsConnection["Service"]
type Client = Effect.Success<Connection["current"]>

const open = (connection: Connection, name: string, options: Options): Opened => {
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

  /** When it was made: another one under the same name was made later. */
  const made = (client: Client) =>
    Effect.tryPromise(() => bind(client).then((kv) => kv.status()).then((status) => status.streamInfo.created))

  /** A watch of a bucket that is gone hears nothing any more, and does not say so. */
  const untilRemade = Effect.fnUntraced(function*(client: Client, created: string) {
    while (true) {
      yield* Effect.sleep(lookForRemade)
      // While there is no answer the watch may well be right.
      const now = yield* Effect.option(Effect.timeout(made(client), timeout))
      if (Option.isSome(now) && now.value !== created) return
      // The bucket is bound anew, and made where it is not there.
      if (Option.isNone(now)) ready.delete(client)
    }
  })

  const follow = (client: Client, filter: string, known: Known, queue: Queue.Enqueue<Change>) =>
    Effect.scoped(Effect.gen(function*() {
      const created = yield* made(client)
      if (known.created !== undefined && known.created !== created) {
        for (const [key, revision] of known.revisions) {
          // Another one than before: whoever has heard that takes it for a change.
          Queue.offerUnsafe(queue, { key, revision: revision + 1, value: Option.none() })
        }
        known.revisions.clear()
      }
      known.created = created
      const entries = yield* Effect.acquireRelease(
        Effect.tryPromise(() => bind(client).then((kv) => kv.watch({ key: filter }))),
        (entries) => Effect.sync(() => entries.stop())
      )
      yield* Effect.raceFirst(
        Effect.tryPromise(() => offerAll(entries, known, queue)),
        untilRemade(client, created)
      )
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

  const purge = Effect.fnUntraced(function*(keptMillis: number): Effect.fn.Return<number, StateError> {
    const client = yield* Effect.mapError(connection.current, (error) => fail("purge", "", error))
    const kv = yield* on("purge", "", 0, (kv) => Promise.resolve(kv))
    return yield* Effect.mapError(
      Effect.scoped(purgeMarkers(client, name, kv, keptMillis)),
      (error) => fail("purge", "", error)
    )
  })

  const bucket: Bucket = {
    name,
    created: on("look at", "", 0, (kv) => kv.status().then((status) => status.streamInfo.created)),
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
      Stream.callback<Change>((queue) => {
        const known: Known = { created: undefined, revisions: new Map() }
        return connection.changes.pipe(
          Stream.switchMap(Option.match({
            onNone: () => Stream.empty,
            onSome: (client) =>
              Stream.fromEffectDrain(
                Effect.ignore(checkReplicas).pipe(
                  Effect.andThen(Effect.exit(follow(client, filter, known, queue))),
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
        )
      }, { bufferSize: Infinity })
  }
  return { bucket, purge }
}

const wrongLastSequence: ReadonlySet<number> = new Set([10071, 10164])

const wasChanged = (cause: unknown): boolean => cause instanceof JetStreamApiError && wrongLastSequence.has(cause.code)

/** What a watch has told of. */
interface Known {
  created: string | undefined
  /** Of the keys that are there. */
  readonly revisions: Map<string, number>
}

const offerAll = (entries: AsyncIterable<KvWatchEntry>, known: Known, queue: Queue.Enqueue<Change>): Promise<void> =>
  each(entries, ({ key, operation, revision, value }) => {
    if (operation === "PUT") known.revisions.set(key, revision)
    else known.revisions.delete(key)
    Queue.offerUnsafe(queue, { key, revision, value: operation === "PUT" ? Option.some(value) : Option.none() })
  })
