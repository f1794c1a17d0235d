/** The transport's operations on the link of the moment. */
import type { Subscription } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { ChannelName, Message } from "../Channel.ts"
import type { PublishOptions, Transport } from "../Transport.ts"
import { Closed, TransportError } from "../TransportError.ts"
import type { Broker } from "./broker.ts"
import { refused } from "./channel.ts"
import type { Counters } from "./Counters.ts"
import type { Inbox, Limits } from "./Inbox.ts"
import { type Link, publishDenied } from "./Link.ts"
import * as subscription from "./subscription.ts"

interface Subscribed {
  readonly inbox: Inbox
  readonly queue: string | undefined
  /** On the link of the moment. */
  native: Subscription | undefined
}

/** The subscriptions that are to be on every link. */
export interface Subscriptions {
  readonly all: Set<Subscribed>
  readonly onLink: (link: Link) => void
  readonly close: Effect.Effect<void>
}

export const makeSubscriptions = (): Subscriptions => {
  const all = new Set<Subscribed>()
  return {
    all,
    onLink: (link) => {
      for (const entry of all) {
        // refused by an earlier link
        if (entry.inbox.failure !== undefined) all.delete(entry)
        else entry.native = link.subscribe(entry.inbox, entry.queue)
      }
    },
    close: Effect.sync(() => {
      for (const { inbox } of all) inbox.end(new TransportError({ reason: new Closed({}) }))
    })
  }
}

/** After this many messages of one call everything else in the process gets its turn. */
const turnLength = 4096

export const make = (
  broker: Broker,
  counters: Counters,
  subscriptions: Subscriptions,
  limits: Limits
): Transport["Service"] => {
  /** `count` messages could not be handed over. */
  const failed = (error: TransportError, count: number): Effect.Effect<never, TransportError> => {
    counters.publishErrors += count
    return Effect.fail(error)
  }

  const sendFrom = (
    link: Link,
    channel: ChannelName,
    messages: ReadonlyArray<Message>,
    from: number,
    account: PublishOptions["onUncertain"]
  ): Effect.Effect<void, TransportError> => {
    const to = Math.min(messages.length, from + turnLength)
    const next = link.send(channel, messages, from, to, account)
    if (next === messages.length) return Effect.void
    if (link.loss !== undefined) return failed(broker.away(next, link), messages.length - next)
    const room = next === to ? Effect.yieldNow : link.room
    return Effect.flatMap(room, () => sendFrom(link, channel, messages, next, account))
  }

  /** The link, when it takes these messages. */
  const linkFor = (channel: ChannelName, messages: ReadonlyArray<Message>): Link | TransportError => {
    const problem = refused(channel)
    if (problem !== undefined) return problem
    const link = broker.link()
    if (link === undefined || link.loss !== undefined) return broker.away(0, link)
    return link.refuses(channel, messages) ?? link
  }

  const publishAll: Transport["Service"]["publishAll"] = (channel, messages, options) =>
    Effect.suspend(() => {
      const link = linkFor(channel, messages)
      return link instanceof TransportError
        ? failed(link, messages.length)
        : sendFrom(link, channel, messages, 0, options?.onUncertain)
    })

  const publishConfirmed: Transport["Service"]["publishConfirmed"] = Effect.fnUntraced(
    function*(channel, messages, options) {
      const link = linkFor(channel, messages)
      if (link instanceof TransportError) return yield* failed(link, messages.length)
      yield* sendFrom(link, channel, messages, 0, options?.onUncertain)
      yield* Effect.mapError(link.roundTrip, () => broker.away(messages.length, link))
      if (link.hasRefused(channel)) return yield* publishDenied(channel)
    }
  )

  const roundTrip = Effect.suspend(() => {
    const link = broker.link()
    return link === undefined
      ? Effect.fail(broker.away(0))
      : Effect.mapError(link.roundTrip, () => broker.away(0, link))
  })

  const subscribeTo = subscription.make({
    counters,
    limits,
    onPressure: (inbox, level) => broker.link()?.gate.pressure(inbox, level),
    attach: Effect.fnUntraced(function*(inbox, queue) {
      const link = broker.link()
      if (link === undefined || link.loss !== undefined) return yield* broker.away(0, link)
      const entry: Subscribed = { inbox, queue, native: link.subscribe(inbox, queue) }
      subscriptions.all.add(entry)
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          subscriptions.all.delete(entry)
          entry.native?.unsubscribe()
        })
      )
      yield* Effect.mapError(link.roundTrip, () => broker.away(0, link))
      if (inbox.failure !== undefined) return yield* inbox.failure
      return { drain: drain(entry) }
    })
  })

  const drain = (entry: Subscribed): Effect.Effect<void> =>
    Effect.suspend(() => {
      subscriptions.all.delete(entry)
      const link = broker.link()
      if (link === undefined || entry.native === undefined || entry.native.isClosed()) return Effect.void
      // its promise is of no use: it stays pending when the connection breaks
      entry.native.drain().catch(() => undefined)
      return Effect.ignore(link.roundTrip)
    }).pipe(Effect.andThen(Effect.sync(() => entry.inbox.end())))

  return {
    publish: (channel, message) => publishAll(channel, [message]),
    publishAll,
    publishConfirmed,
    sink: (channel) => Sink.forEachArray((messages) => publishAll(channel, messages)),
    subscription: subscribeTo,
    subscribe: (channel, options) => Stream.unwrap(subscribeTo(channel, options)),
    flush: roundTrip,
    status: SubscriptionRef.get(broker.status),
    statusChanges: SubscriptionRef.changes(broker.status),
    stats: Effect.sync(() => ({ ...counters }))
  }
}
