/**
 * The outside world: publishes to the subject that the connector reads, receives on the one it writes.
 */
import { Clock, Effect, Schema } from "effect"
import type { Scope } from "effect"
import * as Watched from "./Watched.ts"

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
  const { connection, isConnected, maxPayloadBytes } = yield* Watched.make({ url, name: "demo-outside" }, fail)
  const micros = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000n)
  connection.subscribe(subjectOut, {
    callback: (error, message) => {
      if (error === null) receive(message.data, micros())
    }
  })
  yield* Effect.tryPromise({ try: () => connection.flush(), catch: fail })
  return { isConnected, maxPayloadBytes, publish: (data) => connection.publish(subjectIn, data) }
})
