/** Reads as `JetStreamTransport` promises it: what is not acknowledged comes again. */
import type { Channel, JetStream, Transport, TransportError } from "@kps/transport"
import type { Array } from "effect"
import { Cause, Clock, Deferred, Duration, Effect, Exit, Option, type Pull, type Scope, Stream } from "effect"
import { asking } from "./Asking.ts"
import { type Broker, Durable, type Kept } from "./Broker.ts"
import type { Machine } from "./Machine.ts"

type Failure = TransportError.TransportError

let readers = 0

/** How long what is held is kept from others, where nothing else is said. */
export const ackWaitMillis = 30_000

/** Messages of one array. */
const most = 20

const storedOf = ({ epoch, id, position, sequence }: Kept): JetStream.StoredMessage => ({
  sequence,
  id,
  position,
  epoch
})

export const last = (machine: Machine, broker: Broker, channel: Channel.ChannelName) =>
  asking(
    machine,
    broker,
    () => Option.map(Option.fromUndefinedOr(broker.channel(channel).kept.at(-1)), storedOf)
  )

export const resumePoint = (machine: Machine, broker: Broker, channel: Channel.ChannelName) =>
  asking(machine, broker, () => {
    const { kept, last } = broker.channel(channel)
    return {
      sequence: last,
      message: Option.map(Option.fromUndefinedOr(kept.findLast(({ position }) => position !== undefined)), storedOf)
    }
  })

interface Opened {
  readonly durable: Durable
  readonly by: object
  /** The next that nobody holds; ends when it is drained. */
  readonly pull: Pull.Pull<Array.NonEmptyReadonlyArray<Kept>>
}

/** Opens a durable consumer in the hands of one reader, which keeps the lease of what it holds. */
const open = Effect.fnUntraced(function*(
  machine: Machine,
  broker: Broker,
  channel: Channel.ChannelName,
  options: Pick<JetStream.ConsumerOptions, "name" | "from" | "exclusive" | "ackWait" | "drainWhen">
): Effect.fn.Return<Opened, Failure, Scope.Scope> {
  const { drainWhen, exclusive = false, from = "all", name } = options
  const waitMillis = Duration.toMillis(Duration.fromInputUnsafe(options.ackWait ?? ackWaitMillis))
  const by = {}
  const stream = broker.channel(channel)
  const durable = yield* asking(machine, broker, () => {
    const there = stream.durables.get(name)
    const one = there ?? new Durable(from === "all" ? 0 : from === "new" ? stream.last : from.sequence - 1)
    stream.durables.set(name, one)
    // what an earlier reader held comes first
    if (exclusive) one.release()
    return one
  })
  let drained = false
  const drain = Deferred.makeUnsafe<void>()
  if (drainWhen !== undefined) {
    yield* Effect.forkScoped(Effect.andThen(
      drainWhen,
      Effect.sync(() => {
        drained = true
        Deferred.doneUnsafe(drain, Exit.void)
      })
    ))
  }
  yield* Effect.forkScoped(Effect.forever(Effect.gen(function*() {
    yield* Effect.sleep(waitMillis / 3)
    const now = yield* Clock.currentTimeMillis
    if (machine.acts && !broker.isAway) durable.extend(by, now + waitMillis)
  })))
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      if (!machine.acts || broker.isAway) return
      durable.release(by)
      stream.tell()
    })
  )
  const pull: Opened["pull"] = Effect.gen(function*() {
    while (true) {
      yield* Effect.raceFirst(broker.whenThere, Deferred.await(drain))
      yield* machine.alive
      if (drained) return yield* Cause.done()
      // a message takes its time to come
      yield* Effect.sleep(2)
      yield* machine.alive
      const now = yield* Clock.currentTimeMillis
      const changed = stream.whenChanged
      const [first, ...rest] = broker.isAway ? [] : durable.take(stream.kept, by, most, now, waitMillis)
      if (first !== undefined) {
        yield* machine.alive
        return [first, ...rest]
      }
      const again = durable.nextMillis - now
      yield* Effect.raceAllFirst([
        changed,
        Deferred.await(drain),
        again === Infinity ? Effect.never : Effect.sleep(Math.max(1, again))
      ])
    }
  })
  return { durable, by, pull }
})

/** What is handled is said so when the broker is there, if the process still is. */
const acknowledge = (
  machine: Machine,
  broker: Broker,
  durable: Durable,
  kept: ReadonlyArray<{ readonly sequence: number }>
) =>
  Effect.asVoid(Effect.forkDetach(
    Effect.gen(function*() {
      yield* machine.alive
      yield* broker.whenThere
      yield* machine.ask(Effect.sync(() => durable.acknowledge(kept.map(({ sequence }) => sequence))))
    })
  ))

export const subscription = Effect.fnUntraced(function*(
  machine: Machine,
  broker: Broker,
  channel: Channel.ChannelName,
  { drainWhen, queue }: Transport.SubscribeOptions
): Effect.fn.Return<Stream.Stream<Channel.Message, Failure>, Failure, Scope.Scope> {
  const { durable, pull } = yield* open(machine, broker, channel, {
    // without a queue group it is a reader of its own
    name: queue ?? `own-${++readers}`,
    from: "new",
    ...(drainWhen === undefined ? {} : { drainWhen })
  })
  let before: ReadonlyArray<Kept> = []
  // who comes for the next array is done with the last one
  return Stream.fromPull(Effect.succeed(Effect.gen(function*() {
    if (before.length > 0) yield* acknowledge(machine, broker, durable, before)
    const taken = yield* pull
    before = taken
    return taken
  })))
})

const delivery = (durable: Durable, kept: Kept): JetStream.Delivery => ({
  ...storedOf(kept),
  payloads: kept.payloads,
  timestampNanos: kept.timestampNanos,
  deliveryCount: durable.count(kept.sequence),
  storedMillis: kept.storedMillis,
  frame: new Uint8Array(0),
  headers: kept.id === undefined ? [] : [["Nats-Msg-Id", kept.id]]
})

export const consumer = Effect.fnUntraced(function*(
  machine: Machine,
  broker: Broker,
  channel: Channel.ChannelName,
  options: JetStream.ConsumerOptions
): Effect.fn.Return<JetStream.Consumer, Failure, Scope.Scope> {
  const { by, durable, pull } = yield* open(machine, broker, channel, options)
  const waitMillis = Duration.toMillis(Duration.fromInputUnsafe(options.ackWait ?? ackWaitMillis))
  return {
    deliveries: Stream.fromPull(Effect.succeed(Effect.map(pull, ([first, ...rest]) => [
      delivery(durable, first),
      ...rest.map((kept) => delivery(durable, kept))
    ]))),
    ack: (deliveries) => acknowledge(machine, broker, durable, deliveries),
    extend: () =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        if (machine.acts && !broker.isAway) durable.extend(by, now + waitMillis)
      }),
    giveBack: () =>
      Effect.sync(() => {
        if (!machine.acts || broker.isAway) return
        durable.release(by)
        broker.channel(channel).tell()
      }),
    state: asking(machine, broker, () => ({
      pending: broker.channel(channel).last - durable.ackFloor,
      ackPending: durable.pending,
      ackFloor: durable.ackFloor
    }))
  }
})
