/**
 * Messages of a durable consumer that were delivered here and are not done with.
 */
import type { ConsumerInfo } from "@nats-io/jetstream"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { JetStreamError } from "./BrokerError.ts"
import { problemOf, type Session } from "./JetStreamSession.ts"
import { most, type Pulled } from "./Pull.ts"

/** How long a message may be held by a process that gives no sign of it. */
export const ackWaitNanos = 30_000_000_000

export interface Held {
  /** Takes what was delivered; what is held already, and was delivered again meanwhile, is not among it. */
  readonly take: (pulled: ReadonlyArray<Pulled>) => ReadonlyArray<Pulled>
  /** They are done with. Nothing happens when the connection is over: they come again. */
  readonly ack: (pulled: ReadonlyArray<Pulled>) => Effect.Effect<void>
  /** They are to be delivered again: when their lease is over, or the stream is left. */
  readonly release: (pulled: ReadonlyArray<Pulled>) => Effect.Effect<void>
  /**
   * Asks for everything again that is not done with, and for what is `unread`. The broker delivers in the order in which
   * it was asked, and at once where somebody waits: so all together, oldest first, and when nothing is pulled any more.
   */
  readonly giveBack: (unread: ReadonlyArray<Pulled>) => Effect.Effect<void>
}

/** One that is over has nothing to wait for. */
const briefly = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<void> =>
  Effect.ignore(Effect.timeoutOption(effect, "1 second"))

/** Keeps their leases for as long as the scope is open. */
export const make = Effect.fnUntraced(function*(
  { ask, connection: { client, roundTrip } }: Session,
  { config, name, stream_name: stream }: ConsumerInfo
): Effect.fn.Return<Held, never, Scope.Scope> {
  const held = new Map<number, Pulled>()
  const released = new Map<number, Pulled>()
  const say = (reply: string, what: string) => {
    if (!client.isClosed()) client.publish(reply, what)
  }
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(
    Effect.sleep(Duration.nanos(BigInt(config.ack_wait ?? ackWaitNanos) / 3n)),
    Effect.sync(() => {
      for (const { reply } of held.values()) say(reply, "+WPI")
    })
  )))
  /** As it was delivered last: the lease may have been over meanwhile. */
  const latest = (one: Pulled): Pulled => held.get(one.sequence) ?? one
  return {
    take: (pulled) => {
      const fresh = pulled.filter(({ sequence }) => !held.has(sequence))
      for (const one of pulled) {
        held.set(one.sequence, one)
        released.delete(one.sequence)
      }
      return fresh
    },
    ack: (pulled) =>
      Effect.sync(() => {
        for (const one of pulled) {
          say(latest(one).reply, "+ACK")
          held.delete(one.sequence)
        }
      }),
    release: (pulled) =>
      Effect.sync(() => {
        for (const one of pulled) {
          released.set(one.sequence, latest(one))
          held.delete(one.sequence)
        }
      }),
    giveBack: Effect.fnUntraced(function*(unread) {
      const all = new Map([...released, ...held, ...unread.map((one) => [one.sequence, one] as const)])
      if (all.size === 0) return
      // When it is asked, the broker forgets requests that nobody waits for any more. nats-server 2.9 otherwise takes the
      // first message that is given back for one of them, and keeps it to the end of its lease.
      yield* briefly(ask(`look at consumer "${name}"`, (manager) => manager.consumers.info(stream, name)))
      for (const { reply } of Array.from(all.values()).toSorted((a, b) => a.sequence - b.sequence)) say(reply, "-NAK")
      // before the connection may be closed
      yield* briefly(roundTrip)
    })
  }
})

/**
 * A reader that is gone may have been given more meanwhile than the broker said: at most what it had asked for. Of those on
 * the consumer's subject there is one in so many numbers. Of what was not delivered nothing is asked again.
 */
const beyond = ({ delivered, num_pending: undelivered }: ConsumerInfo, lastSequence: number): number =>
  most * Math.max(1, Math.ceil((lastSequence - delivered.stream_seq) / Math.max(1, undelivered)))

/** So many numbers are asked for one by one at most. */
const mostRecalled = 100_000

/**
 * Asks for everything again that a reader before this one held: the broker delivers it before anything new.
 *
 * Without it, that comes when its lease is over, behind what is newer. So it does with what a reader that is gone is given
 * after the broker said that nobody holds anything.
 */
export const recall = Effect.fnUntraced(function*(
  { broker, connection: { client } }: Session,
  consumer: ConsumerInfo,
  lastSequence: number
): Effect.fn.Return<void, JetStreamError> {
  const { ack_floor: floor, delivered, name, num_ack_pending: pending, stream_name: stream } = consumer
  if (pending === 0) return
  const first = floor.stream_seq + 1
  const last = Math.min(delivered.stream_seq + beyond(consumer, lastSequence), first + mostRecalled)
  if (last <= delivered.stream_seq) {
    return yield* Effect.logWarning("what another reader held comes when its lease is over, behind what is newer").pipe(
      Effect.annotateLogs({ broker, stream, consumer: name, pending })
    )
  }
  const subject = (sequence: number) => `$JS.ACK.${stream}.${name}.1.${sequence}.${delivered.consumer_seq}.0.0`
  const say = Effect.fnUntraced(function*(what: string) {
    for (let sequence = first; sequence < last; sequence++) {
      if (!client.isClosed()) client.publish(subject(sequence), what)
      if (sequence % 1_000 === 0) yield* Effect.yieldNow
    }
  })
  // The broker may have found out by itself that it could not deliver the newest ones, and have them first in its queue:
  // what is to come later leaves the queue.
  yield* say("-NAK {\"delay\": 5000000000}")
  yield* say("-NAK")
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
