/**
 * A connection to a broker that never gives up, and knows whether the broker is there.
 */
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { Effect, Stream } from "effect"
import type { Scope } from "effect"

export interface Watched {
  readonly connection: NatsConnection
  readonly isConnected: () => boolean
  /** The largest message that the broker takes, in bytes. */
  readonly maxPayloadBytes: number
}

/** Connects once, and reconnects for ever; `fail` makes the error of a broker that is not there at the start. */
export const make = Effect.fnUntraced(function*<E>(
  { name, url }: { readonly name: string; readonly url: string },
  fail: (cause: unknown) => E
): Effect.fn.Return<Watched, E, Scope.Scope> {
  const connection = yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: () =>
        connect({
          servers: url,
          name,
          maxReconnectAttempts: -1,
          reconnectTimeWait: 100,
          reconnectJitter: 50,
          // a broker that hangs is noticed after 10 seconds
          pingInterval: 5_000,
          maxPingOut: 2
        }),
      catch: fail
    }),
    (connection) => Effect.promise(() => connection.close())
  )
  let connected = true
  yield* Stream.fromAsyncIterable(connection.status(), fail).pipe(
    Stream.runForEach(({ type }) =>
      Effect.sync(() => {
        if (type === "disconnect") connected = false
        if (type === "reconnect") connected = true
      })
    ),
    // the status of a connection has no end but its close, and then nobody asks any more
    Effect.ignore,
    Effect.forkScoped({ startImmediately: true })
  )
  // it knows since it has connected
  return { connection, isConnected: () => connected, maxPayloadBytes: connection.info!.max_payload }
})
