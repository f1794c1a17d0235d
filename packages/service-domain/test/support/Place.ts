import { NatsTransport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Context, Effect, Layer, References, type Scope } from "effect"
import * as Documents from "../../src/documents/Documents.ts"
import * as JetStreamJournal from "../../src/documents/JetStreamJournal.ts"
import * as Journal from "../../src/documents/Journal.ts"

/** A store as several processes have it: each `process` reaches it by itself. `fresh` is another, empty one. */
export class Place extends Context.Service<Place, {
  readonly fresh: Effect.Effect<
    {
      readonly process: Effect.Effect<Documents.Documents["Service"], never, Scope.Scope>
    },
    never,
    Scope.Scope
  >
}>()("test/Place") {}

/** The documents of one process over a journal. */
export const over = (journal: Layer.Layer<Journal.Journal>) =>
  Effect.map(
    Layer.build(Layer.fresh(Documents.layer({ timeout: "20 seconds" })).pipe(Layer.provide(journal))),
    Context.get(Documents.Documents)
  )

export const memory: Layer.Layer<Place> = Layer.succeed(Place, {
  fresh: Effect.map(
    Effect.map(Layer.build(Layer.fresh(Journal.layerMemory)), Context.get(Journal.Journal)),
    (journal) => ({ process: over(Layer.succeed(Journal.Journal, journal)) })
  )
})

const quiet = Layer.succeed(References.MinimumLogLevel, "None")

let count = 0

/** Documents over a connection of their own, to a store of the name. */
export const connect = (url: string, options: JetStreamJournal.Options = {}) =>
  over(
    JetStreamJournal.layer(options).pipe(
      Layer.provide(NatsTransport.layer({ servers: [url], reconnectDelay: "20 millis" })),
      Layer.provide(quiet),
      Layer.orDie
    )
  )

export const jetStream: Layer.Layer<Place, NatsServer.NatsServerError> = Layer.effect(
  Place,
  Effect.map(NatsServer.NatsServer, ({ url }) => ({
    fresh: Effect.sync(() => ({ process: connect(url, { prefix: `kps${++count}` }) }))
  }))
).pipe(Layer.provide(NatsServer.layer({ jetstream: true })))
