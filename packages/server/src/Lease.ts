/**
 * At most one replica at a time does something: it holds a lease.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { layerMemory as bucketsMemory } from "./Bucket.ts"
import { quote } from "./internal/text.ts"
import * as Key from "./Key.ts"
import type { Session } from "./Session.ts"
import * as Sessions from "./Sessions.ts"
import { isConflict, type StateError } from "./StateError.ts"
import * as Stored from "./Stored.ts"

/**
 * A token that is not the holder's of now.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotHolder extends Data.TaggedError("NotHolder")<{
  readonly name: string
  readonly token: number
  /** The holder's token; absent: nobody holds the lease. */
  readonly holder: Option.Option<number>
}> {
  override get message(): string {
    const now = Option.match(this.holder, {
      onNone: () => "nobody holds it",
      onSome: (token) => `its holder has ${token}`
    })
    return `token ${this.token} is not that of the holder of lease ${quote(this.name)}: ${now}`
  }
}

/**
 * A lease in the hands of this process, as long as its scope is open.
 *
 * @category models
 * @since 0.1.0
 */
export interface Held {
  readonly name: string
  /** Fencing token: higher with each holder. */
  readonly token: number
  /**
   * Whether it is held at this instant, by what this process knows: to be asked before each act. False before anybody
   * else can hold it, also when the process was stopped meanwhile and nothing of it has run since. Cheap; never true
   * again.
   */
  readonly isHeld: () => boolean
  /** Succeeds when it is lost. */
  readonly lost: Effect.Effect<void>
}

/**
 * Service with the leases of one connector instance.
 *
 * **Details**
 *
 * A lease belongs to the session of a replica (see `Sessions`), which is what is renewed: as many leases as there are
 * cost no more than one. With its session a replica loses all its leases, and stops by itself before another one can
 * have them. A lease that is released is had by another one at once; one of a replica that died, within the time to live
 * and a quarter of it.
 *
 * What `isHeld` cannot prevent is an act that was begun before the lease was lost and comes to its end after it, such as
 * of a process that is stopped between asking and doing. Whoever is acted on can refuse that by the token: the highest
 * that it has seen, or `verify`.
 *
 * @category services
 * @since 0.1.0
 */
export class Lease extends Context.Service<Lease, {
  /**
   * Waits until this process holds the lease. Released with the scope. One caller at a time: others of this process wait
   * too. `onWaiting` is run once, when it is found that another replica holds it.
   */
  readonly acquire: (
    name: string,
    options?: { readonly onWaiting?: Effect.Effect<void> }
  ) => Effect.Effect<Held, never, Scope.Scope>
  /** Fails with `NotHolder` unless the token is that of the holder of now, whoever it is. */
  readonly verify: (name: string, token: number) => Effect.Effect<void, NotHolder | StateError>
  /** The token of the holder of now. */
  readonly holder: (name: string) => Effect.Effect<Option.Option<number>, StateError>
}>()("@kps/server/Lease") {}

const stored = Stored.make(1, Schema.Struct({ instance: Schema.String, name: Schema.String, session: Schema.String }))

interface Taken {
  readonly session: Session
  readonly token: number
}

/** How long is waited for the next change, and after an error: changes are heard of sooner, as a rule. */
const lookAgain = "1 second"

/**
 * Makes the leases of the sessions' instance: in the bucket `leases`, under `lease.<instance>.<name>`. The revision of
 * the key is the token.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<Lease["Service"], never, Sessions.Sessions | Scope.Scope> = Effect.gen(function*() {
  const scope = yield* Effect.scope
  const sessions = yield* Sessions.Sessions
  const { bucket, instance } = sessions
  const keyOf = (name: string) => Key.make("lease", instance, name)
  const turns = new Map<string, { readonly turn: Semaphore.Semaphore; users: number }>()

  /** Callers of this process take turns for a lease. */
  const takeTurn = (name: string) =>
    Effect.gen(function*() {
      const { turn } = yield* Effect.acquireRelease(
        Effect.sync(() => {
          const shared = turns.get(name) ?? { turn: Semaphore.makeUnsafe(1), users: 0 }
          shared.users++
          turns.set(name, shared)
          return shared
        }),
        (shared) =>
          Effect.sync(() => {
            if (--shared.users === 0) turns.delete(name)
          })
      )
      yield* Effect.acquireRelease(turn.take(1), () => turn.release(1), { interruptible: true })
    })

  /** Takes the lease if it is free, and gives its token. */
  const take = Effect.fnUntraced(function*(
    name: string,
    session: Session
  ): Effect.fn.Return<Option.Option<number>, StateError> {
    const key = keyOf(name)
    let found = sessions.heard(key)
    if (found !== undefined) {
      const { session: holder } = yield* stored.decode(bucket, found)
      // Of a try of which nothing was heard, or given back since then. It is written anew: what gives it back late, by the
      // token of then, must not give back this one.
      if (holder === session.id) found = yield* sessions.look(key)
      else if (!(yield* sessions.isOver(holder))) return Option.none()
    }
    // Where that is lost, the leases of others are, too, and they need not know it yet.
    if ((yield* sessions.look(Key.make("session", instance, session.id))) === undefined) return Option.none()
    const value = yield* stored.encode({ instance, name, session: session.id })
    const written = yield* Effect.result(bucket.put(key, value, found?.revision ?? 0))
    if (Result.isSuccess(written)) {
      sessions.note({ key, revision: written.success, value: Option.some(value) })
      return Option.some(written.success)
    }
    // Somebody else was faster, or was not heard of yet.
    yield* sessions.look(key)
    return Option.none()
  })

  /** The holder of now, as it is where the leases are kept. */
  const holder = Effect.fnUntraced(function*(name: string): Effect.fn.Return<Option.Option<number>, StateError> {
    const found = yield* sessions.look(keyOf(name))
    if (found === undefined) return Option.none()
    const { session } = yield* stored.decode(bucket, found)
    const lives = yield* bucket.get(Key.make("session", instance, session))
    return Option.map(lives, () => found.revision)
  })

  const wait = (
    name: string,
    restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>,
    onWaiting: Effect.Effect<void>
  ) =>
    Effect.gen(function*() {
      let told = false
      while (true) {
        const session = yield* restore(sessions.own)
        const changed = sessions.changed(keyOf(name))
        const token = yield* Effect.result(take(name, session))
        if (Result.isFailure(token)) {
          yield* Effect.annotateLogs(Effect.logDebug("cannot take a lease", token.failure), { lease: name, instance })
        } else if (Option.isSome(token.success) && session.isAlive()) {
          return { session, token: token.success.value }
        } else if (!told && sessions.heard(keyOf(name)) !== undefined) {
          told = true
          yield* onWaiting
        }
        yield* restore(Effect.timeoutOption(Effect.raceFirst(changed, session.lost), lookAgain))
      }
    })

  /** Gives it back, as long as that is not known to be done: with the session it ends by itself. */
  const giveBack = (name: string, { session, token }: Taken): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (!session.isAlive()) return Effect.void
      const key = keyOf(name)
      return Effect.timeout(bucket.remove(key, token), lookAgain).pipe(
        Effect.catchIf((error) => error._tag === "StateError" && isConflict(error), () => Effect.void),
        Effect.andThen(Effect.ignore(Effect.timeout(sessions.look(key), lookAgain))),
        Effect.asVoid,
        Effect.catch(() => Effect.andThen(Effect.sleep(lookAgain), giveBack(name, { session, token })))
      )
    })

  /** Waits for it as long as an answer takes, and goes on without being waited for. */
  const release = (name: string, taken: Taken): Effect.Effect<void> =>
    Effect.flatMap(
      Effect.forkIn(giveBack(name, taken), scope),
      (fiber) => Effect.asVoid(Effect.timeoutOption(Fiber.await(fiber), lookAgain))
    )

  /** Ends when somebody else has written or removed the lease: an operator, since replicas do not. */
  const watch = (key: string, token: number): Effect.Effect<void> => {
    const changed = sessions.changed(key)
    return sessions.heard(key)?.revision === token
      ? Effect.andThen(changed, Effect.suspend(() => watch(key, token)))
      : Effect.void
  }

  return {
    acquire: Effect.fn("Lease.acquire")(function*(name, { onWaiting = Effect.void } = {}) {
      yield* takeTurn(name)
      const { session, token } = yield* Effect.uninterruptibleMask((restore) =>
        Effect.acquireRelease(wait(name, restore, onWaiting), (had) => release(name, had))
      )
      const taken = Deferred.makeUnsafe<void>()
      yield* Effect.forkScoped(Effect.andThen(watch(keyOf(name), token), Deferred.succeed(taken, undefined)))
      return {
        name,
        token,
        isHeld: () => session.isAlive() && !Deferred.isDoneUnsafe(taken),
        lost: Effect.raceFirst(session.lost, Deferred.await(taken))
      }
    }),
    verify: Effect.fn("Lease.verify")(function*(name, token) {
      const now = yield* holder(name)
      if (Option.isNone(now) || now.value !== token) return yield* new NotHolder({ name, token, holder: now })
    }),
    holder: Effect.fn("Lease.holder")((name) => holder(name))
  }
})

/**
 * Layer of leases that belong to the sessions that are given.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Lease, never, Sessions.Sessions> = Layer.effect(Lease, make)

/**
 * Layer of leases within this process, for tests: nobody else can hold one.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory = (options: Sessions.Options): Layer.Layer<Lease> =>
  layer.pipe(Layer.provide(Sessions.layer(options)), Layer.provide(bucketsMemory))
