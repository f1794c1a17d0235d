/**
 * The edge to the NATS client: one connection, callbacks and promises inside, effects outside.
 *
 * The client's own reconnecting is off. It keeps what is published meanwhile without a bound, and hides from a stream
 * that its broker is gone. A connection that breaks is over; `Broker` makes another when a stream asks for one.
 */
import { NatsSecurity } from "@kps/transport"
import { connect as dial, errors, type NatsConnection, type NodeConnectionOptions } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import {
  BrokerLost,
  BrokerUnreachable,
  type ConnectError,
  CredentialsRefused,
  CredentialsUnreadable,
  SubjectDenied
} from "./BrokerError.ts"
import type { Secret } from "./Credentials.ts"
import { probe } from "./Probe.ts"

/** A silent broker is noticed after at most four of these: two pings go unanswered, and the next is not sent. */
const pingMillis = 2_000

/** One connection, from its greeting until it breaks. */
export interface Connection {
  /** The client itself, for JetStream. */
  readonly client: NatsConnection
  /** The largest payload the broker takes, in bytes; unlimited where there is no broker any more. */
  readonly maxPayloadBytes: () => number
  /** Hands over one payload. Nothing is confirmed; nothing happens when the connection is over. */
  readonly publish: (subject: string, payload: Uint8Array) => void
  /** Succeeds when the broker has handled everything before: published, subscribed. */
  readonly roundTrip: Effect.Effect<void, BrokerLost>
  /** How often the broker has refused a publish to the subject so far; exact for what is before a `roundTrip`. */
  readonly refusals: (subject: string) => number
  /** Subscribes; the broker has not confirmed it yet. */
  readonly subscribe: (
    subject: string,
    options: {
      readonly queue: string | undefined
      readonly onPayload: (payload: Uint8Array) => void
      readonly onDenied: (error: SubjectDenied) => void
    }
  ) => Subscribed
  /** Calls back once when the connection is over, at once when it is already; the result forgets the callback. */
  readonly onLost: (callback: (error: BrokerLost) => void) => () => void
}

/** A subscription of a connection. */
export interface Subscribed {
  /** At once: what the broker has sent and was not handed over is gone. */
  readonly unsubscribe: () => void
  /** Unsubscribes, and succeeds when everything that the broker had sent until then was handed over. */
  readonly drain: Effect.Effect<void>
}

export interface Options {
  readonly broker: string
  /** The name that the broker's monitoring shows. */
  readonly name: string
  /** The name of the secret, and what was found there. */
  readonly credentials: string | undefined
  readonly secret: Secret | undefined
}

const wrap = (broker: string, nc: NatsConnection): Connection => {
  const refusals = new Map<string, number>()
  const listeners = new Set<(error: BrokerLost) => void>()
  let lost: BrokerLost | undefined

  const over = (cause: unknown): void => {
    if (lost !== undefined) return
    lost = new BrokerLost({ broker, cause })
    for (const listener of listeners) listener(lost)
    listeners.clear()
  }

  // whoever holds the scope closes what is over
  void nc.closed().then((cause) => over(cause ?? "closed by the broker"))
  void (async () => {
    for await (const status of nc.status()) {
      if (status.type === "staleConnection") {
        // the client would first wait for its socket to be written to, which a broker that hangs never lets happen
        over("no answer to pings")
      } else if (status.type === "error" && status.error instanceof errors.PermissionViolationError) {
        const { operation, subject } = status.error
        if (operation === "publish") refusals.set(subject, (refusals.get(subject) ?? 0) + 1)
      }
    }
  })()

  const onLost = (callback: (error: BrokerLost) => void): () => void => {
    if (lost !== undefined) {
      callback(lost)
      return () => {}
    }
    listeners.add(callback)
    return () => {
      listeners.delete(callback)
    }
  }

  return {
    client: nc,
    maxPayloadBytes: () => nc.info?.max_payload ?? Number.POSITIVE_INFINITY,
    publish: (subject, payload) => {
      if (lost === undefined && !nc.isClosed()) nc.publish(subject, payload)
    },
    // the client does not settle the flushes of a connection that breaks
    roundTrip: Effect.andThen(
      Effect.callback<void, BrokerLost>((resume) => {
        const forget = onLost((error) => resume(Effect.fail(error)))
        const settle = (effect: Effect.Effect<void, BrokerLost>): void => {
          forget()
          resume(effect)
        }
        nc.flush().then(() => settle(Effect.void), (cause: unknown) => settle(new BrokerLost({ broker, cause })))
        return Effect.sync(forget)
      }),
      // refusals come before the answer and pass through more turns of the event loop's microtasks
      Effect.yieldNow
    ),
    refusals: (subject) => refusals.get(subject) ?? 0,
    subscribe: (subject, options) => {
      // the round trip that has to follow says so
      if (nc.isClosed()) return { unsubscribe: () => {}, drain: Effect.void }
      const subscription = nc.subscribe(subject, {
        ...(options.queue === undefined ? {} : { queue: options.queue }),
        callback: (error, message) => {
          if (error === null) options.onPayload(message.data)
          else options.onDenied(new SubjectDenied({ broker, subject, operation: "subscribe" }))
        }
      })
      const isOver = () => nc.isClosed() || subscription.isClosed()
      return {
        unsubscribe: () => {
          if (!isOver()) subscription.unsubscribe()
        },
        // it does not settle when the connection breaks meanwhile: whoever asks watches for that
        drain: Effect.suspend(() =>
          isOver() ? Effect.void : Effect.ignore(Effect.tryPromise(() => subscription.drain()))
        )
      }
    },
    onLost
  }
}

interface Address {
  readonly tls: boolean
  /** Without brackets. */
  readonly host: string
  readonly port: number
}

const addressOf = (broker: string): Address => {
  const [, scheme, host = "", port] = /^([a-z]+):\/\/(.*?)(?::([0-9]+))?$/i.exec(broker) ?? []
  return {
    tls: scheme?.toLowerCase() === "tls",
    host: host.replace(/^\[|\]$/g, ""),
    port: port === undefined ? 4222 : Number(port)
  }
}

/** What the client is told of who we are: from the files of the secret as they are now. */
const shown = (
  { credentials, secret }: Options,
  { host, tls }: Address
): Effect.Effect<NodeConnectionOptions, CredentialsUnreadable> =>
  Effect.mapError(
    NatsSecurity.clientOptions({ host, requireTls: tls, credentials: secret?.credentials ?? {}, tls: secret?.tls }),
    ({ reason }) =>
      new CredentialsUnreadable({
        credentials: credentials ?? "",
        // without the path
        problem: reason._tag === "InvalidOption" || reason._tag === "CredentialsUnreadable"
          ? `"${keyOf[reason.option] ?? reason.option}": ${reason.problem}`
          : reason._tag
      })
  )

/** The keys of a secret are named as in Kubernetes, the options of a connection as in NATS. */
const keyOf: Readonly<Record<string, string>> = {
  user: "username",
  nkeySeed: "nkey",
  "tls.ca": "ca.crt",
  "tls.cert": "tls.crt"
}

const dialed = (
  { broker, credentials, name }: Options,
  known: NodeConnectionOptions
): Effect.Effect<NatsConnection, BrokerUnreachable | CredentialsRefused> =>
  Effect.callback((resume) => {
    const pending = dial({
      servers: broker.replace(/^[a-z]+:\/\//i, ""),
      name,
      reconnect: false,
      ignoreClusterUpdates: true,
      timeout: 2_000,
      pingInterval: pingMillis,
      ...known
    })
    pending.then((nc) => resume(Effect.succeed(nc)), (cause: unknown) =>
      resume(
        cause instanceof errors.AuthorizationError || cause instanceof errors.UserAuthenticationExpiredError
          ? new CredentialsRefused({ broker, credentials })
          : new BrokerUnreachable({ broker, cause })
      ))
    // it cannot be told to stop: what it comes back with is closed
    return Effect.sync(() => void pending.then((nc) => nc.close(), () => {}))
  })

/** Connects, and closes the connection with the scope. */
export const connect = Effect.fnUntraced(
  function*(options: Options): Effect.fn.Return<Connection, ConnectError, Scope.Scope> {
    const { broker } = options
    const address = addressOf(broker)
    const known = yield* shown(options, address)
    yield* probe(broker, address.host, address.port)
    const nc = yield* Effect.acquireRelease(
      dialed(options, known),
      (nc) => Effect.promise(() => nc.close()),
      { interruptible: true }
    )
    return wrap(broker, nc)
  }
)
