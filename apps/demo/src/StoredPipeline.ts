/**
 * The data pipeline of the demo over JetStream: what comes on its ingress channel goes out on its egress channel, and is
 * acknowledged then.
 */
import { JetStream, Transport } from "@kps/transport"
import type { TransportError } from "@kps/transport"
import { Effect, Schedule, Stream } from "effect"
import type { Scope } from "effect"
import { egressChannel, ingressChannel, type Pipeline, watchConnection } from "./Pipeline.ts"

/**
 * Reads, and echoes as long as the scope is open.
 *
 * **Details**
 *
 * What was not acknowledged comes again; its message id is made from its sequence, so it is stored once on the way out.
 */
export const start = Effect.gen(function*(): Effect.fn.Return<
  Pipeline,
  TransportError.TransportError,
  Transport.Transport | JetStream.JetStream | Scope.Scope
> {
  const transport = yield* Transport.Transport
  const jetStream = yield* JetStream.JetStream
  const connection = yield* watchConnection
  let received = 0
  let republished = 0

  const consumer = yield* jetStream.consumer(ingressChannel, { name: "demo-echo", exclusive: true })
  const echo = Effect.fnUntraced(function*(deliveries: ReadonlyArray<JetStream.Delivery>) {
    received += deliveries.length
    const messages: ReadonlyArray<JetStream.PublishedMessage> = deliveries.map(
      ({ payloads, sequence, timestampNanos }) => ({ payloads, timestampNanos, id: `demo-echo-${sequence}` })
    )
    yield* transport.publishConfirmed(egressChannel, messages).pipe(
      Effect.retry({ schedule: Schedule.spaced("100 millis"), while: (error) => error.isRetryable })
    )
    republished += deliveries.length
    yield* consumer.ack(deliveries)
  })
  yield* consumer.deliveries.pipe(Stream.runForEachArray(echo), Effect.orDie, Effect.forkScoped)
  return { received: () => received, republished: () => republished, ...connection }
})
