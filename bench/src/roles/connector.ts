/**
 * A whole connector: a source or a sink of this process, under the supervision of `@kps/server`, set up by SetPayload over
 * gRPC as a platform does, on the transport.
 */
import { ConnectorClient } from "@kps/client"
import { Connector, Delivery } from "@kps/connector"
import { Events } from "@kps/events"
import { StreamDirection } from "@kps/idl"
import { ConnectorServer } from "@kps/server"
import { Channel, NatsTransport, Transport } from "@kps/transport"
import { Context, Deferred, Effect, Layer, type Pull, References, Schema, Stream } from "effect"
import * as Arrivals from "../engine/Arrivals.ts"
import * as Role from "../engine/Role.ts"

const Parameters = Schema.Struct({
  url: Schema.String,
  channel: Channel.ChannelName,
  size: Schema.Int,
  direction: Schema.Literals(["ingress", "egress"]),
  packed: Schema.Boolean,
  /** How many streams, each with a channel of its own. Default: one, on `channel`. */
  streams: Schema.Int.pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed(1))),
  /** How many payloads a source gives at once. Default: 256, or 512 KiB of them. */
  array: Schema.optionalKey(Schema.Int)
})

const Bench = Connector.make("bench")({
  version: "1.0",
  description: "Gives and takes payloads of one size as fast as it can.",
  direction: "BIDIRECTIONAL",
  config: Schema.Struct({}),
  stream: Schema.Struct({}),
  failures: {}
})

/** Sources that give arrays while they are told to, and say when the last of them was taken. */
const makeSources = (size: number, streams: number, length: number) => {
  const payload = new Uint8Array(size).fill(7)
  let until = 0
  let sent = 0
  let waiting = 0
  let idle = Deferred.makeUnsafe<void>()
  let wake = Deferred.makeUnsafe<void>()
  const pull: Pull.Pull<readonly [Uint8Array, ...Array<Uint8Array>]> = Effect.suspend(() => {
    if (Role.monotonicNanos() >= until) {
      if (++waiting === streams) Deferred.doneUnsafe(idle, Effect.void)
      return Effect.andThen(Deferred.await(wake), pull)
    }
    const payloads: [Uint8Array, ...Array<Uint8Array>] = [payload]
    while (payloads.length < length) payloads.push(payload)
    sent += length
    return Effect.succeed(payloads)
  })
  return {
    source: Delivery.lossy(Stream.fromPull(Effect.succeed(pull))),
    /** Gives for so long, and succeeds with how many payloads were taken when all of them were handed to the transport. */
    give: (millis: number) =>
      Effect.suspend(() => {
        sent = 0
        waiting = 0
        until = Role.monotonicNanos() + millis * 1e6
        idle = Deferred.makeUnsafe()
        const waking = wake
        wake = Deferred.makeUnsafe()
        Deferred.doneUnsafe(waking, Effect.void)
        return Effect.map(Deferred.await(idle), () => sent)
      })
  }
}

Role.main(
  Parameters,
  Effect.fnUntraced(function*({ array, channel, direction, packed, size, streams: count, url }) {
    const arrivals = Arrivals.make()
    const length = array ?? Math.max(1, Math.min(256, Math.floor(524_288 / size)))
    const { give, source } = makeSources(size, count, length)
    const implemented = Bench.toLayer(Effect.succeed({
      ingress: () => Effect.succeed(source),
      egress: () =>
        Effect.succeed(Delivery.sink({
          idempotent: true,
          deliver: (batch) =>
            Effect.sync(() => {
              let payloads = 0
              for (const { payload } of batch) if (payload.length === size) payloads++
              arrivals.add(payloads)
            })
        }))
    }))
    const options = {
      connectorId: "bench",
      host: "127.0.0.1",
      port: 0,
      packing: { all: packed ? "on" : "off" }
    } as const
    const context = yield* Layer.build(
      Layer.unwrap(
        ConnectorServer.ConnectorServer.useSync(({ port }) =>
          ConnectorClient.layer({ endpoint: `127.0.0.1:${port}`, connectorId: "bench" })
        )
      ).pipe(
        Layer.provideMerge(ConnectorServer.layer(Bench, options)),
        Layer.provide(implemented),
        Layer.provideMerge([NatsTransport.layer({ servers: [url] }), Events.layer]),
        Layer.provide(Layer.succeed(References.MinimumLogLevel, "None"))
      )
    )
    const transport = Context.get(context, Transport.Transport)
    const streams = Array.from({ length: count }, (_, i) => ({
      id: `stream-${i}`,
      direction: direction === "ingress" ? StreamDirection.INGRESS : StreamDirection.EGRESS,
      transportChannel: count === 1 ? channel : `${channel}-${i}`,
      metadata: {}
    }))
    const client = Context.get(context, ConnectorClient.ConnectorClient)
    yield* client.setStreams(streams)
    return {
      ...arrivals.handlers,
      // by a SetPayload of the same streams, over gRPC
      setSame: () =>
        Effect.gen(function*() {
          const startedNanos = Role.monotonicNanos()
          yield* client.setStreams(streams)
          return { millis: (Role.monotonicNanos() - startedNanos) / 1e6 }
        }),
      publish: ({ millis = 0 }) =>
        Effect.gen(function*() {
          const startedCpu = Role.cpuMicros()
          const startedNanos = Role.monotonicNanos()
          const sent = yield* give(millis)
          yield* transport.flush
          return { sent, startedNanos, cpuMicros: Role.cpuMicros() - startedCpu }
        })
    }
  })
)
