/** The transport's operations on the link of the moment. */
import type { Subscription } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { ChannelName, Message } from "../Channel.ts"
import type { Transport } from "../Transport.ts"
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
  const sendFrom = (
    link: Link,
    channel: ChannelName,
    messages: ReadonlyArray<Message>,
    from: number
  ): Effect.Effect<void, TransportError> => {
    const to = Math.min(messages.length, from + turnLength)
    const next = link.send(channel, messages, from, to)
    if (next === messages.length) return Effect.void
    if (link.loss !== undefined) return Effect.fail(broker.away(next, link))
    return Effect.flatMap(next === to ? Effect.yieldNow : link.room, () => sendFrom(link, channel, messages, next))
  }

  /** The link, when it takes these messages. */
  const linkFor = (channel: ChannelName, messages: ReadonlyArray<Message>): Link | TransportError => {
    const problem = refused(channel)
    if (problem !== undefined) return problem
    const link = broker.link()
    if (link === undefined || link.loss !== undefined) return broker.away(0, link)
    return link.refuses(channel, messages) ?? link
  }

  const publishAll = (channel: ChannelName, messages: ReadonlyArray<Message>): Effect.Effect<void, TransportError> =>
    Effect.suspend(() => {
      const link = linkFor(channel, messages)
      return link instanceof TransportError ? Effect.fail(link) : sendFrom(link, channel, messages, 0)
    })

  const publishConfirmed = Effect.fnUntraced(function*(channel: ChannelName, messages: ReadonlyArray<Message>) {
    const link = linkFor(channel, messages)
    if (link instanceof TransportError) return yield* link
    yield* sendFrom(link, channel, messages, 0)
    yield* Effect.mapError(link.roundTrip, () => broker.away(messages.length, link))
    if (link.hasRefused(channel)) return yield* publishDenied(channel)
  })

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
