/** Publishes as `JetStreamTransport` promises it: confirmed, in order, once, and fenced where the writer has an epoch. */
import { type Channel, type JetStream, TransportError } from "@kps/transport"
import { Clock, Effect } from "effect"
import { asking, notConnected } from "./Asking.ts"
import type { Broker, Kept } from "./Broker.ts"
import type { Machine } from "./Machine.ts"

type Messages = ReadonlyArray<JetStream.PublishedMessage>

/** A writer with an epoch, and the last sequence that it knows of. */
export interface Exclusive {
  readonly epoch: number
  known: number
  fence: TransportError.TransportError | undefined
}

const fenced = (channel: string, epoch: number, { epoch: found = 0, sequence }: Kept) =>
  new TransportError.TransportError({
    reason: new TransportError.WriterFenced({ channel, epoch, found, sequence })
  })

/** Opens an exclusive writer, unless a later one was there. */
export const exclusive = (
  machine: Machine,
  broker: Broker,
  channel: Channel.ChannelName,
  { after, epoch }: JetStream.WriterOptions
): Effect.Effect<Exclusive, TransportError.TransportError> =>
  Effect.flatMap(
    asking(machine, broker, () => {
      const { kept, last } = broker.channel(channel)
      return { last, later: kept.findLast((message) => message.epoch !== undefined && message.epoch > epoch) }
    }),
    ({ last, later }) =>
      later === undefined
        ? Effect.succeed({ epoch, known: after ?? last, fence: undefined })
        : Effect.fail(fenced(channel, epoch, later))
  )

/** What came of handing messages over: how many are stored, and whether that was heard. */
interface Answer {
  readonly stored: number
  readonly lost: boolean
}

/**
 * Publishes, and succeeds when everything is stored. Fails at once while the broker is away; what is on its way when it
 * goes is sent again by this process when it is back, from behind what is found to be stored.
 */
export const make =
  (machine: Machine, broker: Broker, own: Exclusive | undefined) =>
  (channel: Channel.ChannelName, messages: Messages): Effect.Effect<void, TransportError.TransportError> =>
    Effect.gen(function*() {
      if (broker.isAway) return yield* notConnected()
      machine.publishes()
      // of each message of this call, whether it is stored: what reading back finds
      let next = 0
      const store = Effect.gen(function*(): Effect.fn.Return<Answer, TransportError.TransportError> {
        const now = yield* Clock.currentTimeMillis
        const stream = broker.channel(channel)
        for (; next < messages.length; next++) {
          if (broker.isAway) return { stored: next, lost: true }
          if (own?.fence !== undefined) return yield* own.fence
          const message = messages[next]!
          if (own === undefined) {
            stream.store(message, undefined, now)
          } else {
            const other = stream.kept.slice(own.known).find(({ epoch }) => epoch !== undefined && epoch !== own.epoch)
            if (other !== undefined) {
              own.fence = fenced(channel, own.epoch, other)
              return yield* own.fence
            }
            const id = message.id === undefined ? undefined : `${message.id}@${own.epoch}`
            own.known = Math.max(own.known, stream.store({ ...message, id }, own.epoch, now))
          }
          // the broker may go away between two of them
          if (next % 4 === 3) yield* Effect.sleep(1)
        }
        return { stored: next, lost: broker.isAway }
      })
      while (next < messages.length) {
        yield* broker.whenThere
        yield* machine.ask(store)
      }
      // an answer that was lost is asked for again
      yield* broker.whenThere
      yield* machine.alive
    })
