/**
 * The data pipeline of the demo: whatever comes on its ingress channel goes out on its egress channel.
 */
import { Channel, Transport } from "@kps/transport"
import type { TransportError } from "@kps/transport"
import { Effect, Stream } from "effect"
import type { Scope } from "effect"

export const ingressChannel = Channel.ChannelName.make("demo.echo.in")
export const egressChannel = Channel.ChannelName.make("demo.echo.out")

export interface Pipeline {
  /** Messages that came on the ingress channel. */
  readonly received: () => number
  /** Messages handed to the egress channel. */
  readonly republished: () => number
  readonly isConnected: () => boolean
  /** The largest frame the platform's broker takes; 0 before it was ever connected. */
  readonly maxFrameBytes: () => number
}

const handedOver = (error: TransportError.TransportError): number =>
  error.reason._tag === "NotConnected" ? error.reason.handedOver : 0

/** How the connection of the transport stands. */
export const watchConnection: Effect.Effect<
  Pick<Pipeline, "isConnected" | "maxFrameBytes">,
  never,
  Transport.Transport | Scope.Scope
> = Effect.gen(function*() {
  const transport = yield* Transport.Transport
  let connected = false
  let maxFrameBytes = 0
  yield* transport.statusChanges.pipe(
    Stream.runForEach((status) =>
      Effect.sync(() => {
        connected = status._tag === "Connected"
        if (status._tag === "Connected") maxFrameBytes = status.maxPayloadBytes
      })
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  return { isConnected: () => connected, maxFrameBytes: () => maxFrameBytes }
})

/**
 * Subscribes, and echoes as long as the scope is open.
 *
 * **Details**
 *
 * At most once, as core NATS is: what comes while the platform's broker is away is not kept.
 */
export const start = Effect.gen(function*(): Effect.fn.Return<
  Pipeline,
  TransportError.TransportError,
  Transport.Transport | Scope.Scope
> {
  const transport = yield* Transport.Transport
  const connection = yield* watchConnection
  let received = 0
  let republished = 0

  const echo = Effect.fnUntraced(function*(messages: ReadonlyArray<Channel.Message>) {
    received += messages.length
    const handed = yield* transport.publishAll(egressChannel, messages).pipe(
      Effect.as(messages.length),
      Effect.catch((error) => Effect.succeed(handedOver(error)))
    )
    republished += handed
  })

  const messages = yield* transport.subscription(ingressChannel)
  // the stream of a subscription does not end or fail before the transport is closed
  yield* messages.pipe(Stream.runForEachArray(echo), Effect.orDie, Effect.forkScoped)
  return { received: () => received, republished: () => republished, ...connection }
})
