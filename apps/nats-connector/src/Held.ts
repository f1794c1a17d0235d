/**
 * Messages of a durable consumer that were delivered here and are not done with.
 */
import type { ConsumerInfo } from "@nats-io/jetstream"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { JetStreamError } from "./BrokerError.ts"
import type { Connection } from "./Client.ts"
import { problemOf, type Session } from "./JetStreamSession.ts"
import type { Pulled } from "./Pull.ts"

export interface Held {
  /** Takes what was delivered; what is held already, and was delivered again meanwhile, is not among it. */
  readonly take: (pulled: ReadonlyArray<Pulled>) => ReadonlyArray<Pulled>
  /** They are done with. Nothing happens when the connection is over: they come again. */
  readonly ack: (pulled: ReadonlyArray<Pulled>) => Effect.Effect<void>
  /** They are to be delivered again at once. */
  readonly giveBack: (pulled: ReadonlyArray<Pulled>) => Effect.Effect<void>
}

/** Keeps their leases for as long as the scope is open. */
export const make = Effect.fnUntraced(function*(
  { client, roundTrip }: Connection,
  ackWaitMillis: number
): Effect.fn.Return<Held, never, Scope.Scope> {
  const held = new Map<number, Pulled>()
  const say = (reply: string, what: string) => {
    if (!client.isClosed()) client.publish(reply, what)
  }
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(
    Effect.sleep(Duration.millis(ackWaitMillis / 3)),
    Effect.sync(() => {
      for (const { reply } of held.values()) say(reply, "+WPI")
    })
  )))
  const settle = (pulled: ReadonlyArray<Pulled>, what: string) => {
    for (const { reply, sequence } of pulled) {
      // the lease may have been over meanwhile: the last delivery counts
      say(held.get(sequence)?.reply ?? reply, what)
      held.delete(sequence)
    }
  }
  return {
    take: (pulled) => {
      const fresh = pulled.filter(({ sequence }) => !held.has(sequence))
      for (const one of pulled) held.set(one.sequence, one)
      return fresh
    },
    ack: (pulled) => Effect.sync(() => settle(pulled, "+ACK")),
    giveBack: (pulled) =>
      Effect.andThen(
        Effect.sync(() => settle(pulled, "-NAK")),
        // before the connection may be closed; one that is over has nothing to wait for
        Effect.ignore(Effect.timeoutOption(roundTrip, "1 second"))
      )
  }
})

/** So many numbers are asked for one by one at most. */
const mostRecalled = 100_000

/**
 * Asks for everything again that a reader before this one held: the broker delivers it before anything new.
 *
 * Without it, that comes when its lease is over, behind what is newer.
 */
export const recall = Effect.fnUntraced(function*(
  { broker, connection: { client } }: Session,
  { ack_floor: floor, delivered, name, num_ack_pending: pending, stream_name: stream }: ConsumerInfo
): Effect.fn.Return<void, JetStreamError> {
  if (pending === 0) return
  const [first, last] = [floor.stream_seq + 1, delivered.stream_seq]
  if (last - first >= mostRecalled) {
    return yield* Effect.logWarning("what another reader held comes when its lease is over, behind what is newer").pipe(
      Effect.annotateLogs({ broker, stream, consumer: name, pending })
    )
  }
  const subject = (sequence: number) => `$JS.ACK.${stream}.${name}.1.${sequence}.${delivered.consumer_seq}.0.0`
  for (let sequence = first; sequence < last; sequence++) {
    if (!client.isClosed()) client.publish(subject(sequence), "-NAK")
    if (sequence % 1_000 === 0) yield* Effect.yieldNow
  }
  // its answer says that all of them are done
  yield* Effect.tryPromise({
    try: () => client.request(subject(last), "-NAK", { timeout: 3_000 }),
    catch: problemOf
  }).pipe(
    Effect.catch((problem) =>
      Effect.annotateLogs(Effect.logWarning("cannot ask for what another reader held: it comes later"), {
        broker,
        stream,
        consumer: name,
        problem
      })
    )
  )
})
