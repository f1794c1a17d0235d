/** Keeps one connection to one of the servers, for ever, and says how it stands. */
import type { NatsConnection } from "@nats-io/transport-node"
import { errors } from "@nats-io/transport-node"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { ConnectionStatus } from "../Transport.ts"
import {
  AuthorizationFailed,
  Closed,
  ConnectionFailed,
  CredentialsUnreadable,
  NotConnected,
  TransportError
} from "../TransportError.ts"
import type { Counters } from "./Counters.ts"
import * as dialling from "./dial.ts"
import { Link } from "./Link.ts"
import { gossiped, type Server } from "./servers.ts"

export interface Options extends dialling.Options {
  readonly servers: ReadonlyArray<Server>
  readonly counters: Counters
  readonly maxUnconfirmedBytes: number
  readonly fastPath: boolean
  readonly reconnectDelayMillis: number
  readonly maxReconnectDelayMillis: number
  readonly pingIntervalMillis: number
  readonly drainTimeoutMillis: number
  /** Puts what lives longer than a link onto a new one, before anybody else gets it. */
  readonly onLink: (link: Link) => void
}

export interface Broker {
  /** The link as it is now, if any. */
  readonly link: () => Link | undefined
  /** Why there is no link, as the error of an operation that needs one. */
  readonly away: (handedOver: number, link?: Link) => TransportError
  readonly status: SubscriptionRef.SubscriptionRef<ConnectionStatus>
  readonly clients: SubscriptionRef.SubscriptionRef<Option.Option<NatsConnection>>
  /** Succeeds when the first try at every server has ended, one way or the other. */
  readonly tried: Effect.Effect<void>
}

/** The system's clock: the network keeps no other, under `TestClock` too. */
const clock = Clock.Clock.defaultValue()

/** Milliseconds from any start; never goes back. */
export const now = (): number => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)

/** Runs an effect on the system's clock. */
export const onSystemClock = Effect.provideService(Clock.Clock, clock)

export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Broker, never, Scope.Scope> {
  const names = options.servers.map(({ name }) => name)
  const notYet = new TransportError({
    reason: new ConnectionFailed({ servers: names, cause: new Error("not tried yet") })
  })
  const status = yield* SubscriptionRef.make<ConnectionStatus>({
    _tag: "Disconnected",
    since: clock.currentTimeMillisUnsafe(),
    cause: notYet
  })
  const clients = yield* SubscriptionRef.make(Option.none<NatsConnection>())
  const tried = yield* Deferred.make<void>()
  let current: Link | undefined
  let known = options.servers
  let failures = 0

  const setAway = Effect.fnUntraced(function*(cause: TransportError) {
    const before = SubscriptionRef.getUnsafe(status)
    const since = before._tag === "Disconnected" ? before.since : clock.currentTimeMillisUnsafe()
    if (before._tag === "Disconnected" && before.cause.message === cause.message) return
    yield* SubscriptionRef.set(status, { _tag: "Disconnected", since, cause })
    yield* Effect.annotateLogs(Effect.logWarning("not connected to the broker"), { problem: cause.message })
  })

  /** Runs a connection until it is over. Whether it was good for longer than the longest delay. */
  const serve = Effect.fnUntraced(function*(dialled: dialling.Dialled) {
    const link = yield* Effect.acquireRelease(
      Effect.sync(() => new Link(dialled, { ...options, now })),
      (link) =>
        Effect.sync(() => {
          if (current === link) current = undefined
          link.end(new Error("closed by this side"))
        })
    )
    const { server } = dialled
    const urls = dialled.client.info?.connect_urls ?? []
    known = withGossip(options.servers, urls.flatMap((url) => gossiped(url, server) ?? []))
    options.onLink(link)
    const greeted = yield* Effect.exit(link.roundTrip)
    const since = now()
    if (greeted._tag === "Success") {
      current = link
      const before = SubscriptionRef.getUnsafe(status)
      yield* SubscriptionRef.set(clients, Option.some(dialled.client))
      yield* SubscriptionRef.set(status, {
        _tag: "Connected",
        server: server.name,
        since: clock.currentTimeMillisUnsafe(),
        maxPayloadBytes: link.maxPayloadBytes,
        dataPath: link.path.name
      })
      yield* Deferred.succeed(tried, undefined)
      yield* Effect.annotateLogs(Effect.logInfo("connected to the broker"), {
        server: server.name,
        dataPath: link.path.name,
        // the first one, at once, comes after nothing
        ...(before._tag === "Disconnected" && before.cause !== notYet
          ? { awayMillis: clock.currentTimeMillisUnsafe() - before.since }
          : {})
      })
      if (link.pathProblem !== undefined) {
        yield* Effect.annotateLogs(Effect.logWarning("the fast data path is not taken"), {
          problem: link.pathProblem
        })
      }
    } else options.counters.connectErrors++
    const { cause } = yield* Effect.raceFirst(link.whenLost, Effect.andThen(watch(link, options), link.whenLost))
    if (current === link) {
      current = undefined
      options.counters.disconnects++
      yield* SubscriptionRef.set(clients, Option.none())
    }
    const text = Predicate.isError(cause) && cause.message !== "" ? cause.message : "closed by the broker"
    yield* setAway(failureOf([
      new dialling.DialFailed(server, isAuthorization(cause) ? cause : new Error(`connection lost: ${text}`, { cause }))
    ], options.credentials.user))
    return greeted._tag === "Success" && now() - since >= options.maxReconnectDelayMillis
  })

  /** Connects to a server and serves it; whether the connection was good. */
  const tryOne = (server: Server): Effect.Effect<boolean, dialling.DialFailed> =>
    Effect.acquireRelease(
      dialling.dial(server, options),
      (dialled) => Effect.sync(dialled.destroy),
      { interruptible: true }
    ).pipe(Effect.flatMap(serve), Effect.scoped)

  /** Every server gets its try before there is a wait: in turn, from the one after the last. */
  const pass = Effect.fnUntraced(function*(last: Server | undefined): Effect.fn.Return<Server | undefined> {
    const failed: Array<dialling.DialFailed> = []
    let server = last
    for (let tries = 0; tries < known.length; tries++) {
      const index = known.findIndex(({ name }) => name === server?.name)
      server = known[(index + 1) % known.length]!
      const outcome = yield* Effect.result(tryOne(server))
      if (outcome._tag === "Failure") {
        failed.push(outcome.failure)
        options.counters.connectErrors++
      } else if (outcome.success) {
        failures = 0
        return server
      }
    }
    failures++
    if (failed.length > 0) yield* setAway(failureOf(failed, options.credentials.user))
    yield* Deferred.succeed(tried, undefined)
    return server
  })

  const delay = Effect.map(Random.next, (random) => {
    const doubled = options.reconnectDelayMillis * 2 ** Math.min(failures - 1, 30)
    return Duration.millis(Math.min(doubled, options.maxReconnectDelayMillis) * (0.75 + random / 2))
  })

  const supervise = Effect.gen(function*() {
    let last: Server | undefined
    while (true) {
      last = yield* pass(last)
      if (failures > 0) yield* Effect.flatMap(delay, Effect.sleep)
    }
  })

  yield* Effect.addFinalizer(() =>
    Effect.andThen(SubscriptionRef.set(clients, Option.none()), SubscriptionRef.set(status, { _tag: "Closed" }))
  )
  const supervisor = yield* Effect.forkScoped(onSystemClock(supervise))
  // what was handed over leaves, if it can; then the link goes with its supervisor
  const drain = Effect.suspend(() => current?.roundTrip ?? Effect.void).pipe(
    Effect.timeoutOption(Duration.millis(options.drainTimeoutMillis)),
    Effect.ignore,
    onSystemClock
  )
  yield* Effect.addFinalizer(() => Effect.andThen(drain, Fiber.interrupt(supervisor)))

  return {
    link: () => current,
    away: (handedOver, link) => {
      const state = SubscriptionRef.getUnsafe(status)
      if (state._tag === "Closed") return new TransportError({ reason: new Closed({}) })
      const reason = state._tag === "Disconnected" ? state.cause.reason : undefined
      const cause = link?.loss?.cause ?? (reason?._tag === "ConnectionFailed" ? reason.cause : reason)
      return new TransportError({ reason: new NotConnected({ servers: names, handedOver, cause }) })
    },
    status,
    clients,
    tried: Deferred.await(tried)
  }
})

const withGossip = (servers: ReadonlyArray<Server>, others: ReadonlyArray<Server>): ReadonlyArray<Server> => {
  const names = new Set(servers.map(({ name }) => name))
  return [...servers, ...others.filter(({ name }) => !names.has(name))]
}

const isAuthorization = (cause: unknown): boolean =>
  cause instanceof errors.AuthorizationError || cause instanceof errors.UserAuthenticationExpiredError

/** What a try at several servers came to: what is wrong with credentials is worth more to know than a silent server. */
const failureOf = (failed: ReadonlyArray<dialling.DialFailed>, known?: string): TransportError => {
  const unreadable = failed.map(({ cause }) => cause).find((cause) => cause instanceof CredentialsUnreadable)
  if (unreadable !== undefined) return new TransportError({ reason: unreadable })
  const refused = failed.find(({ cause }) => isAuthorization(cause))
  if (refused === undefined) {
    const servers = failed.map(({ server }) => server.name)
    return new TransportError({ reason: new ConnectionFailed({ servers, cause: failed.at(-1)?.cause }) })
  }
  const { cause, server: { credentials, name } } = refused
  const user = credentials?.user ?? known
  return new TransportError({
    reason: new AuthorizationFailed({ servers: [name], ...(user === undefined ? {} : { user }), cause })
  })
}

/** Breaks a link that gives no sign of life: one that is cut in the middle breaks by itself only after many minutes. */
const watch = (link: Link, { pingIntervalMillis }: Options): Effect.Effect<void> =>
  Effect.gen(function*() {
    let seen = link.signsOfLife()
    let silent = 0
    while (link.loss === undefined) {
      yield* Effect.sleep(Duration.millis(pingIntervalMillis))
      const signs = link.signsOfLife()
      silent = signs === seen && !link.gate.isPaused ? silent + 1 : 0
      seen = signs
      if (silent === 2) link.end(new Error(`no answer within ${2 * pingIntervalMillis} ms`))
    }
  })
