/**
 * The outside world: publishes to the subject that the connector reads, receives on the one it writes.
 */
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { Clock, Effect, Schema, Stream } from "effect"
import type { Scope } from "effect"

export const subjectIn = "nats_in"
export const subjectOut = "nats_out"

export interface Outside {
  readonly isConnected: () => boolean
  /** The largest message the broker takes. */
  readonly maxPayloadBytes: number
  /** Hands a message to the connection: not an Effect, since it is called for every message. */
  readonly publish: (data: Uint8Array, sequence: number) => void
  /** What was sent again; absent: nothing ever is. */
  readonly sending?: { readonly resent: number; readonly known: number }
}

/** The outside broker was there a moment ago and does not answer. */
export class OutsideFailed extends Schema.TaggedError<OutsideFailed>("demo/Outside/OutsideFailed")("OutsideFailed", {
  url: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `cannot connect to the outside broker at ${this.url}: ${String(this.cause)}`
  }
}

/**
 * Connects, and reconnects for ever. `receive` is called for each message that came out, with the instant it came.
 */
export const make = Effect.fnUntraced(function*(
  url: string,
  receive: (data: Uint8Array, atMicros: number) => void
): Effect.fn.Return<Outside, OutsideFailed, Scope.Scope> {
  const clock = yield* Clock.Clock
  const fail = (cause: unknown) => new OutsideFailed({ url, cause })
  const connection = yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: () =>
        connect({
          servers: url,
          name: "demo-outside",
          maxReconnectAttempts: -1,
          reconnectTimeWait: 100,
          reconnectJitter: 50,
          // a broker that hangs is noticed after 10 seconds
          pingInterval: 5_000,
          maxPingOut: 2
        }),
      catch: fail
    }),
    (connection: NatsConnection) => Effect.promise(() => connection.close())
  )
  const micros = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000n)
  connection.subscribe(subjectOut, {
    callback: (error, message) => {
      if (error === null) receive(message.data, micros())
    }
  })
  yield* Effect.tryPromise({ try: () => connection.flush(), catch: fail })
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
  return {
    isConnected: () => connected,
    // it knows since it has connected
    maxPayloadBytes: connection.info!.max_payload,
    publish: (data) => connection.publish(subjectIn, data)
  }
})
