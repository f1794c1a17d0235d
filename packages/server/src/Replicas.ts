/**
 * The replicas of a connector instance, as each of them knows the others: so that any of them answers for all.
 *
 * @since 0.1.0
 */
import type { Events } from "@kps/events"
import type { EventPayload } from "@kps/idl"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Entry } from "./Bucket.ts"
import * as Key from "./Key.ts"
import * as ReplicaEvents from "./ReplicaEvents.ts"
import * as ReplicaReport from "./ReplicaReport.ts"
import type { RunningStreams } from "./RunningStreams.ts"
import type { Session } from "./Session.ts"
import type { Sessions } from "./Sessions.ts"
import type { StreamFailure } from "./StreamSpec.ts"

/**
 * What is known of the other replicas.
 *
 * @category models
 * @since 0.1.0
 */
export interface Replicas {
  /** Ids of the streams that run on another replica. */
  readonly running: Effect.Effect<ReadonlySet<string>>
  /** This replica's events, and those that the others tell. */
  readonly events: Effect.Effect<ReadonlyArray<EventPayload>>
  /**
   * How streams came out, here or elsewhere, that this replica leaves to others, as soon as all of them have; at the
   * latest after `within`. One that runs has no failure. Those of which nothing was heard are not in it.
   */
  readonly outcomes: (
    ids: ReadonlyArray<string>,
    within: Duration.Duration
  ) => Effect.Effect<ReadonlyMap<string, StreamFailure | undefined>>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly sessions: Sessions["Service"]
  readonly streams: RunningStreams["Service"]
  readonly events: Events.Events["Service"]
  /** Revision of the desired state that this replica has applied. */
  readonly revision: () => number
}

/** How often is looked whether there is something new to tell. */
const everyMillis = 200

/** What telling may take of the time, at most: one in so many. */
const share = 10

/**
 * Tells the others what this replica runs, as long as the scope is open, and hears them.
 *
 * **Details**
 *
 * A report is under `report.<instance>.<session>`, written when something in it changed, at most five times a second. It
 * counts as long as the session lives; what a replica that died had told is believed until its session is taken away.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  { events, revision, sessions, streams }: Options
): Effect.fn.Return<Replicas, never, Scope.Scope> {
  const { bucket, instance } = sessions
  const keyOf = (session: string) => Key.make("report", instance, session)
  const sessionOf = ({ key }: Entry) => key.slice(key.lastIndexOf(".") + 1)
  let own = ""

  const leftToOthers = Effect.map(
    streams.list,
    (all) => new Set(all.flatMap(({ spec, state }) => state._tag === "Standby" ? [spec.id] : []))
  )
  const ownEvents = Effect.gen(function*() {
    const left = yield* leftToOthers
    const all = yield* events.snapshot
    return left.size === 0 ? all : all.filter(({ object }) => !left.has(object.value?.streamId ?? ""))
  })

  const told = Effect.map(
    streams.list,
    (all) =>
      all.flatMap(({ spec: { id }, state }): ReadonlyArray<ReplicaReport.Told> => {
        if (state._tag === "Standby") return []
        return ["failure" in state ? { id, state: state._tag, failure: state.failure } : { id, state: state._tag }]
      })
  )

  const report = Effect.gen(function*() {
    return { revision: revision(), streams: yield* told, events: yield* ownEvents }
  })

  /** Whatever of it changes is worth telling. */
  const fingerprint = Effect.map(
    streams.list,
    (all) => `${revision()} ${all.map(({ spec, state }) => `${spec.id} ${state._tag}`).join()}`
  )

  const tell = Effect.fnUntraced(function*(session: Session) {
    const clock = yield* Clock.Clock
    const key = keyOf(session.id)
    let at = 0
    let seen: ReadonlyArray<EventPayload> | undefined
    let print = ""
    while (session.isAlive()) {
      const [now, snapshot] = yield* Effect.all([fingerprint, events.snapshot])
      const start = clock.currentTimeMillisUnsafe()
      if (now !== print || snapshot !== seen) {
        const written = yield* Effect.result(bucket.put(key, yield* ReplicaReport.encode(yield* report), at))
        if (Result.isSuccess(written)) {
          at = written.success
          print = now
          seen = snapshot
        } else {
          const found = yield* Effect.option(sessions.look(key))
          if (found._tag === "Some") at = found.value?.revision ?? 0
        }
      }
      yield* forget
      const took = clock.currentTimeMillisUnsafe() - start
      yield* Effect.timeoutOption(session.lost, Math.max(everyMillis, took * share))
    }
  })

  /** What replicas that are gone have left. */
  const forget = Effect.suspend(() =>
    Effect.forEach(
      sessions.all("report").filter((entry) =>
        sessions.heard(Key.make("session", instance, sessionOf(entry))) === undefined
      ),
      (entry) =>
        Effect.ignore(Effect.flatMap(sessions.isOver(sessionOf(entry)), (over) =>
          over
            ? Effect.asVoid(Effect.andThen(bucket.remove(entry.key, entry.revision), sessions.look(entry.key)))
            : Effect.void)),
      { discard: true }
    )
  )

  yield* Effect.forkScoped(Effect.forever(Effect.gen(function*() {
    const session = yield* sessions.own
    own = session.id
    yield* Effect.ensuring(tell(session), Effect.ignore(Effect.timeout(bucket.remove(keyOf(session.id)), "1 second")))
  })))

  const read = new Map<
    string,
    { readonly revision: number; readonly report: ReplicaReport.ReplicaReport | undefined }
  >()
  const others = Effect.gen(function*() {
    const alive: Array<ReplicaReport.ReplicaReport> = []
    const entries = sessions.all("report")
    for (const key of read.keys()) if (!entries.some((entry) => entry.key === key)) read.delete(key)
    for (const entry of entries) {
      const id = sessionOf(entry)
      if (id === own || sessions.heard(Key.make("session", instance, id)) === undefined) continue
      const known = read.get(entry.key)
      const report = known?.revision === entry.revision ? known.report : yield* ReplicaReport.decode(bucket, entry)
      read.set(entry.key, { revision: entry.revision, report })
      if (report !== undefined) alive.push(report)
    }
    return alive
  })

  const resolve = Effect.fnUntraced(function*(
    ids: ReadonlyArray<string>,
    outcomes: Map<string, StreamFailure | undefined>
  ) {
    const wanted = new Set(ids)
    while (true) {
      const changed = sessions.changed()
      outcomes.clear()
      // This one, too: it may have got what it waited for.
      for (const { revision: applied, streams } of [...yield* others, { revision: revision(), streams: yield* told }]) {
        if (applied < revision()) continue
        for (const { failure, id, state } of streams) {
          if (wanted.has(id) && state !== "Starting") outcomes.set(id, failure)
        }
      }
      if (outcomes.size === wanted.size) return
      yield* Effect.timeoutOption(changed, everyMillis)
    }
  })

  return {
    running: Effect.map(
      others,
      (all) =>
        new Set(all.flatMap(({ streams }) => streams.flatMap(({ id, state }) => state === "Running" ? [id] : [])))
    ),
    events: Effect.gen(function*() {
      const all = yield* others
      return ReplicaEvents.merge(yield* ownEvents, all.map(({ events }) => events))
    }),
    outcomes: Effect.fnUntraced(function*(ids, within) {
      const outcomes = new Map<string, StreamFailure | undefined>()
      yield* Effect.timeoutOption(resolve(ids, outcomes), within)
      return outcomes
    })
  }
})
