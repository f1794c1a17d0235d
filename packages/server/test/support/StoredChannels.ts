import { JetStream, Transport } from "@kps/transport"
import { Effect, Layer, Option, Stream } from "effect"

/**
 * Says that channels are in JetStream: consumers and writers of the transport that is given, which keeps nothing. Gets
 * the sequences of what is acknowledged.
 */
export const layerOf = (
  acked: Array<number>
): Layer.Layer<JetStream.JetStream, never, Transport.Transport> =>
  Layer.effect(
    JetStream.JetStream,
    Effect.map(Transport.Transport, (transport) => {
      let sequence = 0
      return JetStream.JetStream.of({
        stream: () => Effect.succeed("stream"),
        settings: () =>
          Effect.succeed({
            storage: "file",
            replicas: 1,
            retention: "limits",
            discard: "old",
            maxAgeMillis: null,
            maxBytes: null,
            maxMessages: null,
            duplicateWindowMillis: 120_000
          }),
        consumerSettings: () => Effect.die("nobody asks"),
        lastMessage: () => Effect.succeedNone,
        resumePoint: () => Effect.succeed({ sequence: 0, message: Option.none() }),
        writer: (channel) =>
          Effect.succeed({
            publishAll: (messages, options) => transport.publishAll(channel, messages, options),
            publishConfirmed: (messages, options) => transport.publishConfirmed(channel, messages, options),
            flush: transport.flush,
            sequence: Effect.succeed(0)
          }),
        consumer: (channel, { drainWhen, name }) =>
          Effect.map(
            transport.subscription(channel, { queue: name, ...(drainWhen === undefined ? {} : { drainWhen }) }),
            (messages) => ({
              deliveries: Stream.map(messages, (message) => ({
                ...message,
                sequence: ++sequence,
                id: undefined,
                position: undefined,
                epoch: undefined,
                deliveryCount: 1,
                storedMillis: 0,
                frame: new Uint8Array(),
                headers: []
              })),
              ack: (deliveries) => Effect.sync(() => acked.push(...deliveries.map((one) => one.sequence))),
              extend: () => Effect.void,
              giveBack: () => Effect.void,
              state: Effect.succeed({ pending: 0, ackPending: 0, ackFloor: sequence })
            })
          ),
        stats: Effect.die("nobody asks")
      })
    })
  )

export const layer = layerOf([])
