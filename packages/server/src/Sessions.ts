/**
 * Which replicas of a connector instance are alive: each has a session, which it renews, and which the others take away
 * when it does not.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Bucket, Buckets, type Change, type Entry } from "./Bucket.ts"
import * as Key from "./Key.ts"
import * as KnownBucket from "./KnownBucket.ts"
import { monotonicMillis, Session } from "./Session.ts"
import { isConflict, type StateError } from "./StateError.ts"
import * as Stored from "./Stored.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Which connector instance this process is a replica of. */
  readonly instance: string
  /**
   * How long a replica that died keeps what it held, at least 100 milliseconds; it renews three times as often. May
   * differ between replicas; when all leases were lost, as with a broker's disk, each waits for its own, so that the
   * longest should be everybody's. Default: 10 seconds.
   */
  readonly timeToLive?: Duration.Input
}

/**
 * Service with the sessions of a connector instance's replicas.
 *
 * **Details**
 *
 * No clock is compared with another one. A replica takes its session for lost by its own clocks, before anybody else may
 * take it away (see `Session`). Another one takes it away when it has heard of no renewal for the whole time to live by
 * its own monotonic clock, counted from when it heard of the last one; and then only if there was none meanwhile:
 * removing it is a compare-and-set on the revision that it heard of. Whoever comes to life again after that cannot renew.
 *
 * A session that is not there any more though it should be tells that all of them are lost, as with the disk of a broker:
 * the next one begins when every other replica has found out, after the time to live. A process that is started meanwhile
 * knows it too, and waits as long: which bucket had the sessions is remembered in the bucket `desired`.
 *
 * @category services
 * @since 0.1.0
 */
export class Sessions extends Context.Service<Sessions, {
  readonly instance: string
  /** Where the sessions are, and what belongs to them: under keys `<kind>.<instance>.<id>`. */
  readonly bucket: Bucket
  /** The session of this process. Waits while there is none: at first, and after one was lost. */
  readonly own: Effect.Effect<Session>
  /** Whether a session is over: then nobody holds anything by it any more. */
  readonly isOver: (id: string) => Effect.Effect<boolean, StateError>
  /** What was heard last of a key of this instance; nothing when it is not there, or not known yet. */
  readonly heard: (key: string) => Entry | undefined
  /** Everything that was heard last of keys of one kind. */
  readonly all: (kind: string) => ReadonlyArray<Entry>
  /** Reads a key anew; what `heard` says then. */
  readonly look: (key: string) => Effect.Effect<Entry | undefined, StateError>
  /** Takes note of what this process did itself, before it is heard of. */
  readonly note: (change: Change) => void
  /**
   * Succeeds when a key has changed since this was called, or when a session has ended; without a key, when anything but
   * a renewal was heard.
   */
  readonly changed: (key?: string) => Effect.Effect<void>
}>()("@kps/server/Sessions") {}

const stored = Stored.make(
  1,
  Schema.Struct({
    instance: Schema.String,
    session: Schema.String,
    timeToLiveMillis: Schema.Finite.check(Schema.isGreaterThan(0)),
    /** Tells renewals apart, for who looks at them. */
    renewal: Schema.Int
  })
)

/**
 * Starts a session, and keeps one as long as the scope is open; closing it gives the session up at once.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Sessions["Service"], never, Buckets | Scope.Scope> {
  const { instance } = options
  const ttl = Math.max(100, Duration.toMillis(Duration.fromInputUnsafe(options.timeToLive ?? "10 seconds")))
  const buckets = yield* Buckets
  const bucket = buckets.open("leases")
  const beside = buckets.open("desired")
  const clock = yield* Clock.Clock
  const heard = new Map<string, { readonly entry: Entry; readonly atMillis: number }>()
  const waiting = new Map<string, Deferred.Deferred<void>>()
  let current = Deferred.makeUnsafe<Session>()
  /** Whether the session was lost with those of others, who may not have found out yet. */
  let vanished = false

  const wake = (key: string) => {
    const deferred = waiting.get(key)
    waiting.delete(key)
    if (deferred !== undefined) Deferred.doneUnsafe(deferred, Exit.void)
  }
  const wakeAll = () => {
    for (const key of Array.from(waiting.keys())) wake(key)
  }
  const keyOf = (id: string) => Key.make("session", instance, id)

  const note = ({ key, revision, value }: Change): void => {
    const before = heard.get(key)?.entry
    // The same revision again is no sign of life.
    if (before?.revision === revision) return
    if (Option.isSome(value)) {
      heard.set(key, { entry: { key, revision, value: value.value }, atMillis: monotonicMillis(clock) })
    } else if (!heard.delete(key)) return
    if (!isSession(key)) wake(key)
    else if (Option.isNone(value)) return wakeAll()
    else if (before !== undefined) return
    wake("")
  }
  const look = (key: string) =>
    Effect.map(bucket.get(key), (found) => {
      note({
        key,
        revision: Option.match(found, { onNone: () => 0, onSome: (entry) => entry.revision }),
        value: Option.map(found, (entry) => entry.value)
      })
      return Option.getOrUndefined(found)
    })

  yield* bucket.watch(`*.${Key.token(instance)}.*`).pipe(
    Stream.runForEach((change) =>
      Effect.sync(() => {
        // What was looked at meanwhile is newer. Of a bucket that was lost and made again, looking will tell.
        if (change.revision >= (heard.get(change.key)?.entry.revision ?? 0)) note(change)
      })
    ),
    Effect.forkScoped
  )

  /** Takes away the sessions of which nothing was heard for their time to live. */
  const sweepOne = Effect.fnUntraced(function*(entry: Entry, silentMillis: number) {
    const value = yield* Effect.result(stored.decode(bucket, entry))
    // One that cannot be read is of another version: it is renewed by whoever wrote it.
    const lives = Result.isSuccess(value) ? value.success.timeToLiveMillis : ttl
    if (silentMillis < lives) return
    yield* Effect.catchIf(bucket.remove(entry.key, entry.revision), isConflict, () => Effect.void)
    yield* look(entry.key)
  })
  const sweep = Effect.suspend(() =>
    Effect.forEach(
      Array.from(heard.values()).filter(({ entry }) => isSession(entry.key)),
      ({ atMillis, entry }) => Effect.ignore(sweepOne(entry, monotonicMillis(clock) - atMillis)),
      { discard: true }
    )
  )
  yield* Effect.forkScoped(Effect.repeat(sweep, Schedule.spaced(ttl / 8)))

  const write = Effect.fnUntraced(function*(session: Session, expected: number, renewal: number) {
    const value = yield* stored.encode({ instance, session: session.id, timeToLiveMillis: ttl, renewal })
    const start = session.now
    const revision = yield* Effect.timeout(bucket.put(keyOf(session.id), value, expected), ttl / 3)
    session.renewed(start)
    return revision
  })

  /** Until it is over: true when it was not there any more before that. */
  const renew = Effect.fnUntraced(function*(session: Session, first: number): Effect.fn.Return<boolean> {
    let revision = first
    let pause = ttl / 3
    for (let renewal = 1; session.isAlive(); renewal++) {
      yield* Effect.sleep(pause)
      const renewed = yield* Effect.result(write(session, revision, renewal))
      if (Result.isSuccess(renewed)) {
        revision = renewed.success
        pause = ttl / 3
        continue
      }
      // Sooner: where no answer came, two thirds of the time are gone.
      pause = ttl / 15
      // A try of which nothing was heard may have been written; or somebody has taken the session away.
      const found = yield* Effect.result(Effect.timeout(look(keyOf(session.id)), ttl / 3))
      if (Result.isFailure(found)) continue
      if (found.success === undefined) return session.isAlive()
      revision = found.success.revision
    }
    return false
  })

  /** Waits until whoever had a session that was lost has found out. Gives the bucket that is there then. */
  const settled = Effect.gen(function*() {
    const found = yield* KnownBucket.look(bucket, beside, instance)
    if (found.isAnother) {
      yield* Effect.annotateLogs(
        Effect.logWarning("the leases were lost: none is taken until whoever held one has found out"),
        { bucket: bucket.name, instance, waitMillis: ttl }
      )
    }
    if (vanished || found.isAnother) yield* Effect.sleep(ttl)
    yield* found.remember
    vanished = false
    return found.created
  })

  const live = Effect.gen(function*() {
    const created = yield* settled
    const session = new Session(clock, ttl)
    const first = yield* write(session, 0, 0)
    // Lost again meanwhile: it is waited for anew.
    if (!session.isAlive() || (yield* bucket.created) !== created) return
    yield* Deferred.succeed(current, session)
    vanished = yield* Effect.raceFirst(renew(session, first), Effect.as(session.untilOver, false)).pipe(
      Effect.ensuring(Effect.suspend(() => {
        current = Deferred.makeUnsafe()
        session.end()
        // So that others need not wait for it to be silent long enough.
        return Effect.ignore(Effect.timeout(bucket.remove(keyOf(session.id)), Math.min(ttl, 1_000)))
      }))
    )
  })
  // What a first write left of which nothing was heard is taken away when its time has come.
  yield* Effect.forkScoped(Effect.repeat(Effect.ignore(live), Schedule.spaced(Math.min(ttl / 10, 500))))

  return {
    instance,
    bucket,
    own: Effect.suspend(() => Deferred.await(current)),
    isOver: Effect.fnUntraced(function*(id) {
      const key = keyOf(id)
      return heard.get(key) === undefined && (yield* look(key)) === undefined
    }),
    heard: (key) => heard.get(key)?.entry,
    all: (kind) => Array.from(heard.values(), ({ entry }) => entry).filter(({ key }) => key.startsWith(`${kind}.`)),
    look,
    note,
    changed: (key = "") => {
      const next = waiting.get(key) ?? Deferred.makeUnsafe<void>()
      waiting.set(key, next)
      return Deferred.await(next)
    }
  }
})

const isSession = (key: string): boolean => key.startsWith("session.")

/**
 * Layer of the sessions of an instance, in the bucket `leases`, under `session.<instance>.<session>`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Sessions, never, Buckets> => Layer.effect(Sessions, make(options))
