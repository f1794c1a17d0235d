/**
 * One outside broker as its streams see it: at most one connection, made when a stream asks and none is there.
 *
 * There is no retrying here: a stream that fails is tried again by its supervisor, as the failures table says, and
 * asks again. However many streams ask, a broker that is away is dialed once at a time and not more than five times a
 * second.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { BrokerLost, type ConnectError, MessageTooLarge, SubjectDenied } from "./BrokerError.ts"
import type { Connection } from "./Client.ts"
import * as Inbox from "./Inbox.ts"

/** For so long after a dial failed, those who ask get its error instead of another dial. */
const pauseMillis = 200

/** How much an ingress stream keeps for a pipeline that is slower than its broker. */
const inboxLimits: Inbox.Options = { maxPayloads: 65_536, maxBytes: 32 << 20 }

/** A confirmed subscription. */
export interface Subscription {
  /** The payloads, in the broker's order. Fails when the broker is lost or withdraws its permission. */
  readonly payloads: Stream.Stream<Uint8Array, BrokerLost | SubjectDenied>
  /** Succeeds with the count of those dropped so far as soon as it is over `count`. For one caller at a time. */
  readonly droppedBeyond: (count: number) => Effect.Effect<number>
  /** How many wait to be read. */
  readonly kept: () => number
  /** Takes no more: `payloads` end after what the broker had sent until then. Within a second, or without the rest. */
  readonly drain: Effect.Effect<void>
}

export interface Broker {
  /** Subscribes for as long as the scope is open; succeeds when the broker has confirmed it. */
  readonly subscribe: (
    subject: string,
    options: { readonly queue: string | undefined }
  ) => Effect.Effect<Subscription, ConnectError | BrokerLost | SubjectDenied, Scope.Scope>
  /**
   * Publishes all payloads in order; succeeds when the broker has taken them, with those that it would not.
   *
   * After an error none is confirmed, and any of them may have been taken.
   */
  readonly publish: (
    subject: string,
    payloads: ReadonlyArray<Uint8Array>
  ) => Effect.Effect<
    ReadonlyArray<{ readonly index: number; readonly error: MessageTooLarge }>,
    ConnectError | BrokerLost | SubjectDenied
  >
  /** Connects where there is no connection. */
  readonly connected: Effect.Effect<void, ConnectError>
  /** The connection of the moment, for JetStream; it is made where there is none. */
  readonly connection: Effect.Effect<Connection, ConnectError>
}

/** Makes a broker that lives, with its connection, as long as the scope. */
export const make = Effect.fnUntraced(function*(
  broker: string,
  connect: Effect.Effect<Connection, ConnectError, Scope.Scope>
): Effect.fn.Return<Broker, never, Scope.Scope> {
  const scope = yield* Effect.scope
  let live: Connection | undefined
  let dialing: Deferred.Deferred<Connection, ConnectError> | undefined
  let failed: { readonly error: ConnectError; readonly untilMillis: number } | undefined

  // From the dial until the connection breaks. In the broker's scope: a stream that stops waiting does not stop it for
  // those that go on. It may still be closing when the next has begun.
  const connectionLife = (dialed: Deferred.Deferred<Connection, ConnectError>): Effect.Effect<void> =>
    Effect.gen(function*() {
      const connection = yield* connect
      live = connection
      dialing = undefined
      yield* Deferred.succeed(dialed, connection)
      yield* Effect.logDebug("connected to the outside broker")
      const lost = yield* lossOf(connection)
      if (live === connection) live = undefined
      yield* Effect.logDebug(lost.message)
    }).pipe(
      Effect.scoped,
      Effect.onExit((exit) =>
        Effect.gen(function*() {
          if (Exit.isSuccess(exit)) return
          const error = Exit.findErrorOption(exit)
          if (Option.isSome(error)) {
            failed = { error: error.value, untilMillis: (yield* Clock.currentTimeMillis) + pauseMillis }
          }
          if (dialing === dialed) dialing = undefined
          yield* Deferred.failCause(dialed, exit.cause)
        })
      ),
      // whoever asked has the error
      Effect.ignore,
      Effect.annotateLogs({ broker })
    )

  const connection: Effect.Effect<Connection, ConnectError> = Effect.gen(function*() {
    if (live !== undefined) return live
    if (dialing === undefined) {
      if (failed !== undefined && (yield* Clock.currentTimeMillis) < failed.untilMillis) return yield* failed.error
      const dialed = Deferred.makeUnsafe<Connection, ConnectError>()
      dialing = dialed
      yield* Effect.forkIn(connectionLife(dialed), scope)
      return yield* Deferred.await(dialed)
    }
    return yield* Deferred.await(dialing)
  })

  const subscribe: Broker["subscribe"] = Effect.fnUntraced(function*(subject, { queue }) {
    const { onLost, roundTrip, subscribe } = yield* connection
    const inbox = Inbox.make<BrokerLost | SubjectDenied>(inboxLimits)
    let denied: SubjectDenied | undefined
    const subscribed = yield* Effect.acquireRelease(
      Effect.sync(() =>
        subscribe(subject, {
          queue,
          onPayload: inbox.offer,
          onDenied: (error) => {
            denied = error
            inbox.fail(error)
          }
        })
      ),
      ({ unsubscribe }) => Effect.sync(unsubscribe)
    )
    yield* Effect.acquireRelease(Effect.sync(() => onLost(inbox.fail)), (forget) => Effect.sync(forget))
    yield* answered(broker, roundTrip)
    if (denied !== undefined) return yield* denied
    return {
      payloads: inbox.payloads,
      droppedBeyond: inbox.droppedBeyond,
      kept: inbox.kept,
      drain: Effect.andThen(Effect.timeoutOption(subscribed.drain, "1 second"), Effect.sync(inbox.end))
    }
  })

  const publish: Broker["publish"] = Effect.fnUntraced(function*(subject, payloads) {
    const { maxPayloadBytes, publish, refusals, roundTrip } = yield* connection
    const refusedBefore = refusals(subject)
    const limit = maxPayloadBytes()
    const tooLarge: Array<{ readonly index: number; readonly error: MessageTooLarge }> = []
    for (const [index, payload] of payloads.entries()) {
      const { byteLength } = payload
      if (byteLength <= limit) publish(subject, payload)
      else tooLarge.push({ index, error: new MessageTooLarge({ broker, subject, byteLength, limit }) })
    }
    yield* roundTrip
    if (refusals(subject) > refusedBefore) {
      return yield* new SubjectDenied({ broker, subject, operation: "publish" })
    }
    return tooLarge
  })

  return { subscribe, publish, connected: Effect.asVoid(connection), connection }
})

/** Succeeds, with why, when the connection is over. */
export const lossOf = (connection: Connection): Effect.Effect<BrokerLost> =>
  Effect.callback((resume) => {
    const forget = connection.onLost((error) => resume(Effect.succeed(error)))
    return Effect.sync(forget)
  })

/** An opening has to end before SetPayload stops waiting; a connection that is up is given up by its pings. */
const answered = (broker: string, roundTrip: Effect.Effect<void, BrokerLost>): Effect.Effect<void, BrokerLost> =>
  Effect.timeoutOrElse(roundTrip, {
    duration: "1 second",
    orElse: () => Effect.fail(new BrokerLost({ broker, cause: "no answer within 1 second" }))
  })
