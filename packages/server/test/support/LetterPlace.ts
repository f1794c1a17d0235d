import { Channel, NatsTransport, Transport, type TransportError } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Context, Effect, Layer, References, type Scope } from "effect"
import * as DeadLetters from "../../src/DeadLetters.ts"
import * as JetStreamDeadLetters from "../../src/JetStreamDeadLetters.ts"

/** Where dead letters are kept, as several processes have it, and what replays go to. */
export class LetterPlace extends Context.Service<LetterPlace, {
  readonly process: (
    bounds?: DeadLetters.Bounds
  ) => Effect.Effect<DeadLetters.DeadLetters["Service"], never, Scope.Scope>
  readonly transport: Transport.Transport["Service"]
}>()("test/LetterPlace") {}

/** Those with the same bounds are one and the same. */
export const memory: Layer.Layer<LetterPlace> = Layer.effect(
  LetterPlace,
  Effect.map(Transport.Transport, (transport) => {
    const made = new Map<string, DeadLetters.DeadLetters["Service"]>()
    return {
      transport,
      process: (bounds = {}) =>
        Effect.sync(() => {
          const key = JSON.stringify(bounds)
          const one = made.get(key) ?? DeadLetters.makeMemory(transport, bounds)
          made.set(key, one)
          return one
        })
    }
  })
).pipe(Layer.provide(Transport.layerMemory))

const quiet = Layer.succeed(References.MinimumLogLevel, "None")

/** Dead letters over a connection of their own. */
export const connect = (url: string, options: JetStreamDeadLetters.Options = {}) =>
  Effect.map(
    Layer.build(
      JetStreamDeadLetters.layer(options).pipe(
        Layer.provide(NatsTransport.layer({ servers: [url], reconnectDelay: "20 millis" })),
        Layer.provide(quiet)
      )
    ).pipe(Effect.orDie),
    Context.get(DeadLetters.DeadLetters)
  )

export const jetStream: Layer.Layer<LetterPlace, NatsServer.NatsServerError | TransportError.TransportError> = Layer
  .effect(
    LetterPlace,
    Effect.gen(function*() {
      const { url } = yield* NatsServer.NatsServer
      const context = yield* Layer.build(NatsTransport.layer({ servers: [url] }))
      return {
        transport: Context.get(context, Transport.Transport),
        process: (bounds: DeadLetters.Bounds = {}) => connect(url, bounds)
      }
    })
  ).pipe(Layer.provide(NatsServer.layer({ jetstream: true })))

let count = 0

/** A letter that differs from all others. */
export const letter = (over: Partial<DeadLetters.Letter> = {}): DeadLetters.Letter => {
  count++
  return {
    instance: "i",
    stream: "s",
    channel: Channel.ChannelName.make("ch.1"),
    kind: "payload",
    bytes: new TextEncoder().encode(`payload ${count}`),
    timestampNanos: 1_700_000_000_123_456_789n,
    headers: [],
    key: `key-${count}`,
    tag: "Refused",
    cause: "the outside refused it",
    attempts: 3,
    firstTriedMillis: 1_700_000_000_000,
    lastTriedMillis: 1_700_000_060_000,
    ...over
  }
}
