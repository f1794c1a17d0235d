/** The transport of one simulated process: `Transport` and `JetStream` over the broker of the simulation. */
import { JetStream, Transport } from "@kps/transport"
import { Context, Effect, Layer, Option, Queue, Sink, Stream } from "effect"
import { asking, notConnected, server } from "./Asking.ts"
import type { Broker } from "./Broker.ts"
import type { Machine } from "./Machine.ts"
import * as Reader from "./Reader.ts"
import * as Writer from "./Writer.ts"

const stats: Transport.TransportStats = {
  published: 0,
  received: 0,
  malformed: 0,
  dropped: 0,
  uncertain: 0,
  unconfirmedBytes: 0,
  publishErrors: 0,
  connectErrors: 0,
  disconnects: 0
}

const jetStreamStats: JetStream.JetStreamStats = {
  sent: 0,
  resent: 0,
  resyncs: 0,
  duplicates: 0,
  foundStored: 0,
  foreign: 0,
  ackTimeouts: 0,
  streamsRemade: 0,
  acknowledged: 0,
  redelivered: 0,
  givenBack: 0,
  missed: 0
}

const statusOf = (broker: Broker, since: number): Transport.ConnectionStatus =>
  broker.isAway
    ? { _tag: "Disconnected", since, cause: notConnected() }
    : { _tag: "Connected", server, since, maxPayloadBytes: 1_048_576, dataPath: "memory" }

/** The connection as it is, then each change of it. */
const statuses = (machine: Machine, broker: Broker): Stream.Stream<Transport.ConnectionStatus> =>
  Stream.unwrap(Effect.gen(function*() {
    const queue = yield* Queue.unbounded<Transport.ConnectionStatus>()
    let since = 0
    const tell = () => Queue.offerUnsafe(queue, statusOf(broker, ++since))
    tell()
    yield* Effect.acquireRelease(
      Effect.sync(() => broker.watchers.add(tell)),
      () => Effect.sync(() => broker.watchers.delete(tell))
    )
    return Stream.mapEffect(Stream.fromQueue(queue), (status) => Effect.as(machine.alive, status))
  }))

/** The transport of a process. */
export const layer = (machine: Machine, broker: Broker): Layer.Layer<Transport.Transport | JetStream.JetStream> => {
  const writer = Writer.make(machine, broker, undefined)
  const publishAll: Transport.Transport["Service"]["publishAll"] = (channel, messages) =>
    Effect.asVoid(Effect.forkDetach(Effect.ignore(writer(channel, messages))))
  const subscription: Transport.Transport["Service"]["subscription"] = (channel, options = {}) =>
    Reader.subscription(machine, broker, channel, options)
  const transport = Transport.Transport.of({
    publish: (channel, message) => publishAll(channel, [message]),
    publishAll,
    publishConfirmed: writer,
    sink: (channel) => Sink.forEachArray((messages) => publishAll(channel, messages)),
    subscription,
    subscribe: (channel, options) => Stream.unwrap(subscription(channel, options)),
    flush: asking(machine, broker, () => {}),
    status: Effect.sync(() => statusOf(broker, 0)),
    statusChanges: statuses(machine, broker),
    stats: Effect.succeed(stats)
  })
  const jetStream = JetStream.JetStream.of({
    stream: (channel) => asking(machine, broker, () => channel),
    settings: () =>
      asking(machine, broker, () => ({
        storage: "file",
        replicas: 3,
        retention: "limits",
        discard: "old",
        maxAgeMillis: null,
        maxBytes: null,
        maxMessages: null,
        duplicateWindowMillis: broker.duplicateWindowMillis
      })),
    consumerSettings: (channel, name) =>
      asking(machine, broker, () =>
        broker.channel(channel).durables.has(name)
          ? Option.some({ ackWaitMillis: Reader.ackWaitMillis, maxAckPending: 1_000 })
          : Option.none()),
    lastMessage: (channel) => Reader.last(machine, broker, channel),
    resumePoint: (channel) => Reader.resumePoint(machine, broker, channel),
    writer: Effect.fnUntraced(function*(channel, options) {
      const exclusive = yield* Writer.exclusive(machine, broker, channel, options)
      const publish = Writer.make(machine, broker, exclusive)
      return {
        publishAll: (messages) => Effect.asVoid(Effect.forkDetach(Effect.ignore(publish(channel, messages)))),
        publishConfirmed: (messages) => publish(channel, messages),
        flush: asking(machine, broker, () => {}),
        sequence: Effect.sync(() => exclusive.known)
      }
    }),
    consumer: (channel, options) => Reader.consumer(machine, broker, channel, options),
    stats: Effect.succeed(jetStreamStats)
  })
  return Layer.succeedContext(
    Context.make(Transport.Transport, transport).pipe(Context.add(JetStream.JetStream, jetStream))
  )
}
