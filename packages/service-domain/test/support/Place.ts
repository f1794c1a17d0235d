import { Context, Effect, Layer, type Scope } from "effect"
import * as Documents from "../../src/documents/Documents.ts"
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
