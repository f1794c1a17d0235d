/** Subscribing and consuming, and what is stored on a channel. */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ChannelName, Message } from "../../Channel.ts"
import type * as JetStream from "../../JetStream.ts"
import type { SubscribeOptions } from "../../Transport.ts"
import { Closed, TransportError } from "../../TransportError.ts"
import { onSystemClock } from "../broker.ts"
import { validChannel, validQueue } from "../channel.ts"
import { Notices } from "../Notices.ts"
import { Consumer, type Options as ConsumerOf } from "./Consumer.ts"
import * as consumers from "./consumers.ts"
import { type Ground, withSession } from "./Ground.ts"
import * as names from "./names.ts"
import { Ordered } from "./Ordered.ts"
import * as readBack from "./readBack.ts"
import * as Session from "./Session.ts"

/** What ends when the transport is closed. */
type Open = Set<(error: TransportError) => void>

export interface Reading {
  readonly subscription: (
    channel: ChannelName,
    options?: SubscribeOptions
  ) => Effect.Effect<Stream.Stream<Message, TransportError>, TransportError, Scope.Scope>
  readonly consumer: JetStream.JetStream["Service"]["consumer"]
  readonly lastMessage: JetStream.JetStream["Service"]["lastMessage"]
  readonly resumePoint: JetStream.JetStream["Service"]["resumePoint"]
}

/** Runs an effect in a scope of its own: what failed leaves nothing in the caller's, who may try again. */
const ownScope = Effect.fnUntraced(function*<A, E>(effect: Effect.Effect<A, E, Scope.Scope>) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  return yield* effect.pipe(
    Scope.provide(scope),
    Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
  )
})

const ordered = Effect.fnUntraced(function*(
  ground: Ground,
  open: Open,
  settled: (channel: ChannelName) => Effect.Effect<void>,
  channel: ChannelName,
  options: SubscribeOptions
) {
  const notices = new Notices(options)
  const reader = new Ordered({
    channel,
    maxPayloads: ground.maxBufferedPayloads,
    maxBytes: ground.maxBufferedBytes,
    sessions: ground.sessions,
    ensureStream: ground.ensure,
    counters: ground.counters,
    notices,
    now: ground.now
  })
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      const unread = reader.close()
      if (unread > 0) options.onUnread?.(unread)
    })
  )
  yield* registered(ground, open, reader, (error) => reader.shelf.end(error))
  if (notices.run !== undefined) yield* Effect.forkScoped(notices.run)
  // what this process published before is not to come
  yield* settled(channel)
  yield* withSession(ground, reader.attach)
  yield* Effect.forkScoped(onSystemClock(reader.attachment.run))
  if (options.drainWhen !== undefined) {
    const drain = withSession(ground, (session) => ground.ensure(session, channel)).pipe(
      Effect.match({ onFailure: () => 0, onSuccess: ({ lastSequence }) => lastSequence }),
      Effect.map((last) => reader.drain(last))
    )
    yield* options.drainWhen.pipe(Effect.andThen(settled(channel)), Effect.andThen(drain), Effect.forkScoped)
  }
  return Stream.mapArray(reader.shelf.stream, (came) => Arr.map(came, ({ message }) => message))
})

/** In the scope: looked at from time to time, and ended with the transport. */
const registered = (
  ground: Ground,
  open: Open,
  reader: Ordered | Consumer,
  end: (error: TransportError) => void
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.sync(() => {
      ground.watched.add(reader)
      open.add(end)
    }),
    () =>
      Effect.sync(() => {
        ground.watched.delete(reader)
        open.delete(end)
      })
  ))

type Handlers = Pick<ConsumerOf, "ackWhenAsked" | "onMalformed" | "onMissed">

const durable = Effect.fnUntraced(function*(
  ground: Ground,
  open: Open,
  channel: ChannelName,
  options: JetStream.ConsumerOptions,
  use: consumers.Use,
  handlers: Handlers
) {
  const { ackWait = ground.group.ackWait, maxAckPending = ground.group.maxAckPending } = options
  const wanted = yield* Effect.fromResult(consumers.make({ ...options, ackWait, maxAckPending }, use))
  const consumer = new Consumer({
    channel,
    wanted,
    exclusive: options.exclusive ?? false,
    ...handlers,
    keepLeases: options.lease !== "user",
    maxBytes: options.maxBufferedBytes ?? ground.maxBufferedBytes,
    sessions: ground.sessions,
    ensureStream: ground.ensure,
    counters: ground.counters,
    stats: ground.stats,
    now: ground.now
  })
  yield* Effect.addFinalizer(() => onSystemClock(consumer.close))
  yield* registered(ground, open, consumer, (error) => consumer.shelf.end(error))
  yield* withSession(ground, consumer.attach)
  yield* Effect.forkScoped(onSystemClock(consumer.attachment.run))
  yield* Effect.forkScoped(onSystemClock(consumer.keep))
  yield* Effect.forkScoped(consumer.notices.run)
  if (options.drainWhen !== undefined) {
    yield* Effect.forkScoped(Effect.andThen(options.drainWhen, onSystemClock(consumer.drain)))
  }
  return consumer
})

const grouped = Effect.fnUntraced(function*(
  ground: Ground,
  open: Open,
  channel: ChannelName,
  queue: string,
  options: SubscribeOptions
) {
  const { drainWhen, onMalformed } = options
  const consumer = yield* durable(
    ground,
    open,
    channel,
    { name: names.token(queue), from: "new", ...(drainWhen === undefined ? {} : { drainWhen }) },
    "queue group",
    {
      ackWhenAsked: true,
      onMalformed: onMalformed === undefined
        ? undefined
        : ({ frame, sequence, storedMillis }, error) =>
          onMalformed(error, new Uint8Array(frame), { sequence, storedMillis }),
      onMissed: undefined
    }
  )
  return consumer.shelf.stream
})

const acknowledged = Effect.fnUntraced(function*(
  ground: Ground,
  open: Open,
  channel: ChannelName,
  options: JetStream.ConsumerOptions
): Effect.fn.Return<JetStream.Consumer, TransportError, Scope.Scope> {
  const { onMalformed, onMissed } = options
  const consumer = yield* durable(ground, open, channel, options, "consumer", {
    ackWhenAsked: false,
    onMalformed: onMalformed === undefined ? undefined : (malformed, error) => {
      const { deliveryCount, epoch, frame, headers, id, position, sequence, storedMillis } = malformed
      return onMalformed({ deliveryCount, epoch, frame, headers, id, position, sequence, storedMillis, error })
    },
    onMissed
  })
  return {
    deliveries: consumer.shelf.stream,
    ack: (deliveries) => Effect.sync(() => consumer.ack(deliveries)),
    extend: (deliveries) => Effect.sync(() => consumer.extend(deliveries)),
    giveBack: (deliveries, options) =>
      Effect.sync(() => consumer.giveBack(deliveries, Duration.toMillis(options?.delay ?? 0))),
    state: withSession(ground, (session) =>
      Effect.gen(function*() {
        const { name } = yield* ground.ensure(session, channel)
        const info = yield* Session.told(
          session.call(channel, `look up consumer "${options.name}"`, (api) => api.consumers.info(name, options.name))
        )
        return {
          pending: info.num_pending,
          ackPending: info.num_ack_pending,
          ackFloor: info.ack_floor.stream_seq
        }
      }))
  }
})

/** So many messages are looked at first for one with a position, and four times as many each time after, up to the most. */
const firstLook = 64
const mostLooked = 65_536

const resumePoint = Effect.fnUntraced(function*(ground: Ground, session: Session.Session, channel: ChannelName) {
  const stream = yield* ground.ensure(session, channel)
  const { firstSequence, lastSequence: sequence } = stream
  let to = sequence
  for (let size = firstLook; to >= Math.max(firstSequence, 1); size = Math.min(size * 4, mostLooked)) {
    const from = Math.max(to - size + 1, firstSequence, 1)
    let message = Option.none<readBack.Entry>()
    yield* readBack.range(session, channel, stream, from, to, (entry) => {
      if (entry.position !== undefined) message = Option.some(entry)
    })
    if (Option.isSome(message)) return { sequence, message }
    to = from - 1
  }
  return { sequence, message: Option.none() }
})

export const make = Effect.fnUntraced(function*(
  ground: Ground,
  settled: (channel: ChannelName) => Effect.Effect<void>
): Effect.fn.Return<Reading, never, Scope.Scope> {
  const open: Open = new Set()
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const end of Array.from(open)) end(new TransportError({ reason: new Closed({}) }))
    })
  )
  return {
    subscription: Effect.fnUntraced(function*(channel, options = {}) {
      const { queue } = options
      yield* validChannel(channel)
      if (queue === undefined) return yield* ownScope(ordered(ground, open, settled, channel, options))
      yield* validQueue(channel, queue)
      // what this process published before is not to come
      yield* settled(channel)
      return yield* ownScope(grouped(ground, open, channel, queue, options))
    }),
    consumer: Effect.fnUntraced(function*(channel, options) {
      yield* validChannel(channel)
      return yield* ownScope(acknowledged(ground, open, channel, { ...ground.group, ...options }))
    }),
    lastMessage: (channel) =>
      Effect.andThen(
        validChannel(channel),
        withSession(ground, (session) =>
          Effect.flatMap(ground.ensure(session, channel), ({ name }) =>
            readBack.last(session, channel, name)))
      ),
    resumePoint: (channel) =>
      Effect.andThen(validChannel(channel), withSession(ground, (session) => resumePoint(ground, session, channel)))
  }
})
