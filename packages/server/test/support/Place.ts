import { NatsTransport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Context, Effect, Layer, References, type Scope } from "effect"
import * as Bucket from "../../src/Bucket.ts"
import * as JetStreamBuckets from "../../src/JetStreamBuckets.ts"

/** Where state is kept, as several processes have it: each `process` reaches it by itself. */
export class Place extends Context.Service<Place, {
  readonly process: Effect.Effect<Bucket.Buckets["Service"], never, Scope.Scope>
}>()("test/Place") {}

export const memory: Layer.Layer<Place> = Layer.effect(
  Place,
  Effect.map(Bucket.Buckets, (buckets) => ({ process: Effect.succeed(buckets) }))
).pipe(Layer.provide(Bucket.layerMemory))

const quiet = Layer.succeed(References.MinimumLogLevel, "None")

/** Buckets over a connection of their own. */
export const connect = (url: string, options: JetStreamBuckets.Options = {}) =>
  Effect.map(
    Layer.build(
      JetStreamBuckets.layer(options).pipe(
        Layer.provide(NatsTransport.layer({ servers: [url], reconnectDelay: "20 millis" })),
        Layer.provide(quiet)
      )
    ).pipe(Effect.orDie),
    Context.get(Bucket.Buckets)
  )

export const jetStream: Layer.Layer<Place, NatsServer.NatsServerError> = Layer.effect(
  Place,
  Effect.map(NatsServer.NatsServer, ({ url }) => ({ process: connect(url) }))
).pipe(Layer.provide(NatsServer.layer({ jetstream: true })))

/** A process's service of state, by its constructor. */
export const inProcess = <A>(make: (buckets: Bucket.Buckets["Service"]) => A) =>
  Place.use(({ process }) => Effect.map(process, make))

/** Puts bytes where a service keeps a value, as damage or a later version would. */
export const overwrite = Effect.fnUntraced(function*(name: string, key: string, text: string) {
  const buckets = yield* Place.use(({ process }) => process)
  const bucket = buckets.open(name)
  const now = yield* bucket.get(key)
  yield* bucket.put(key, new TextEncoder().encode(text), now._tag === "Some" ? now.value.revision : 0)
})

let count = 0

/** An id that nobody else has. */
export const fresh = (what: string): string => `${what} ${++count} ö/*.>`
