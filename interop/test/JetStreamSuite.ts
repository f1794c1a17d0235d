import { assert, type Vitest } from "@effect/vitest"
import { Channel, JetStream, Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Stream } from "effect"
import * as Peer from "./Peer.ts"
import { subscriber } from "./Subscriber.ts"
import * as Tally from "./Tally.ts"

const many = 5_000

/** Registers what the Go SDK, which knows nothing of JetStream, and our JetStream have of each other on one channel. */
export const suite = (
  it: Vitest.MethodsNonLive<Peer.Peer | Transport.Transport | JetStream.JetStream | NatsServer.NatsServer>
): void => {
  it.effect("stores what the Go SDK publishes, and delivers it in order, each once", () =>
    Effect.gen(function*() {
      const jetStream = yield* JetStream.JetStream
      const { url } = yield* NatsServer.NatsServer
      const peer = yield* Peer.Peer
      const channel = Channel.ChannelName.make("stored.go")
      yield* jetStream.stream(channel)
      const publisher = yield* peer.start(
        ["publish", "-channel", channel, "-client", "sdk", "-count", `${many}`, "-sizes", "16"],
        url
      )
      const published = yield* publisher.next("published", Tally.Report)
      const tally = Tally.make()
      const sequences: Array<number> = []
      const consumer = yield* jetStream.consumer(channel, { name: "egress", exclusive: true })
      yield* consumer.deliveries.pipe(
        Stream.mapArrayEffect((deliveries) => Effect.as(consumer.ack(deliveries), deliveries)),
        Stream.take(many),
        Stream.runForEachArray((deliveries) =>
          Effect.sync(() => {
            for (const { payloads, sequence } of deliveries) {
              sequences.push(sequence)
              for (const payload of payloads) tally.add(payload)
            }
          })
        )
      )

      assert.deepStrictEqual(published, Tally.reportOf(many, [16]))
      assert.deepStrictEqual(tally.report(), published)
      assert.deepStrictEqual(sequences, Array.from({ length: many }, (_, i) => i + 1))
    }))

  it.effect("gives the Go SDK what is published with a confirmation, with headers that it does not know", () =>
    Effect.gen(function*() {
      const transport = yield* Transport.Transport
      const channel = Channel.ChannelName.make("stored.ours")
      const received = yield* subscriber(channel, "sdk")
      for (let sent = 0; sent < many; sent += 1000) {
        const messages: ReadonlyArray<JetStream.PublishedMessage> = Array.from({ length: 1000 }, (_, i) => ({
          timestampNanos: 1n,
          payloads: [Tally.payload(sent + i, 16)],
          id: `n${sent + i}`,
          position: `${sent + i}`
        }))
        yield* transport.publishConfirmed(channel, messages)
      }
      yield* received.came(many)
      yield* received.endInput

      assert.deepStrictEqual(yield* received.next("received", Tally.Report), Tally.reportOf(many, [16]))
    }))
}
