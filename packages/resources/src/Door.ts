/**
 * Both ways between a document and its model.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { InvalidResource } from "./InvalidResource.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Door<A> {
  /** Reads a document that came as JSON or YAML; fails with everything that is wrong with it. */
  readonly decode: (input: unknown) => Effect.Effect<A, InvalidResource>
  /** Gives the document back; fails with a value that breaks the rules of its fields. */
  readonly encode: (value: A) => Effect.Effect<Schema.JsonObject, InvalidResource>
}
