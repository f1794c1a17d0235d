/** Our consumer on JetStream: arrays of deliveries, each acknowledged as it is read. */
import { Channel, JetStream, JetStreamTransport, Transport } from "@kps/transport"
import { Context, Effect, Schema, Stream } from "effect"
import * as Role from "../engine/Role.ts"

const Parameters = Schema.Struct({
  url: Schema.String,
  channel: Channel.ChannelName,
  size: Schema.Int,
  exclusive: Schema.Boolean
})

Role.main(
  Parameters,
  Effect.fnUntraced(function*({ channel, exclusive, size, url }) {
    const context = yield* JetStreamTransport.make({ servers: [url] })
    const transport = Context.get(context, Transport.Transport)
    const jetStream = Context.get(context, JetStream.JetStream)
    let consumers = 0
    return {
      // what is consumed in every round, by all sides
      fill: ({ count = 0 }) =>
        Effect.gen(function*() {
          const message = { payloads: [new Uint8Array(size).fill(7)], timestampNanos: 1n }
          const messages = Array.from({ length: 1000 }, () => message)
          for (let sent = 0; sent < count; sent += messages.length) yield* transport.publishAll(channel, messages)
          yield* transport.flush
          return {}
        }),
      consume: ({ count = 0 }) =>
        Effect.gen(function*() {
          const consumer = yield* jetStream.consumer(channel, { name: `ours-${process.pid}-${++consumers}`, exclusive })
          const startedCpu = Role.cpuMicros()
          const startedNanos = Role.monotonicNanos()
          let got = 0
          yield* consumer.deliveries.pipe(
            Stream.mapArrayEffect((deliveries) => {
              for (const { payloads } of deliveries) if (payloads[0]?.length === size) got++
              return Effect.as(consumer.ack(deliveries), deliveries)
            }),
            Stream.takeUntil(() => got >= count),
            Stream.runDrain
          )
          const nanos = Role.monotonicNanos() - startedNanos
          return { count: got, nanos, cpuMicros: Role.cpuMicros() - startedCpu }
        }).pipe(Effect.scoped)
    }
  })
)
