/**
 * What a new version of a class means for what was written for the old one.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { ConnectorClass, ParameterSchemaKey } from "./ConnectorClass.ts"
import type { JsonObject } from "./Fields.ts"
import * as Parameters from "./Parameters.ts"
import * as SchemaExamples from "./SchemaExamples.ts"
import * as SchemaWidth from "./SchemaWidth.ts"
import type { Violation } from "./Violation.ts"

/**
 * What becomes of values that the old schema takes.
 *
 * **Details**
 *
 * - `Compatible`: the new one takes all of them.
 * - `Breaking`: `example` is one of them, and `violations` is what the new one says of it.
 * - `Unproven`: it has changed at `paths` in a way of which neither is known; none of the `tried` values was refused.
 *
 * @category models
 * @since 0.1.0
 */
export type Verdict =
  | { readonly _tag: "Compatible" }
  | { readonly _tag: "Breaking"; readonly example: unknown; readonly violations: ReadonlyArray<Violation> }
  | { readonly _tag: "Unproven"; readonly paths: ReadonlyArray<string>; readonly tried: number }

/**
 * A verdict on each schema, and the directions that streams may no longer have.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClassDiff {
  readonly schemas: Readonly<Record<ParameterSchemaKey, Verdict>>
  readonly lostDirections: ReadonlyArray<"INGRESS" | "EGRESS">
}

/** A class without a schema takes any parameters. */
const any: JsonObject = { type: "object" }

/**
 * The verdict on a schema. A verdict on the same schemas is always the same.
 *
 * @category comparing
 * @since 0.1.0
 */
export const compareSchemas = Effect.fnUntraced(function*(
  old: JsonObject = any,
  next: JsonObject = any
): Effect.fn.Return<Verdict> {
  const paths = SchemaWidth.narrowings(old, next)
  if (paths.length === 0) return { _tag: "Compatible" }
  const taken = (yield* SchemaExamples.candidates(old, next))
    .filter((value) => Parameters.check(old, value, "").length === 0)
  for (const example of taken) {
    const violations = Parameters.check(next, example, "")
    if (violations.length > 0) return { _tag: "Breaking", example, violations }
  }
  return { _tag: "Unproven", paths, tried: taken.length }
})

/**
 * Compares two versions of a class by what they take. Texts, names and the template are not looked at.
 *
 * @category comparing
 * @since 0.1.0
 */
export const compare = Effect.fnUntraced(function*(
  old: ConnectorClass,
  next: ConnectorClass
): Effect.fn.Return<ClassDiff> {
  const has = (type: ConnectorClass["type"], direction: "INGRESS" | "EGRESS") =>
    type === "BIDIRECTIONAL" || type === direction
  return {
    schemas: yield* Effect.all({
      staticParameterSchema: compareSchemas(old.staticParameterSchema, next.staticParameterSchema),
      configParameterSchema: compareSchemas(old.configParameterSchema, next.configParameterSchema),
      streamParameterSchema: compareSchemas(old.streamParameterSchema, next.streamParameterSchema)
    }),
    lostDirections: (["INGRESS", "EGRESS"] as const).filter((direction) =>
      has(old.type, direction) && !has(next.type, direction)
    )
  }
})

/**
 * Whether everything that was written for the old version is known to be good for the new one.
 *
 * @category comparing
 * @since 0.1.0
 */
export const isCompatible = ({ lostDirections, schemas }: ClassDiff): boolean =>
  lostDirections.length === 0 && Object.values(schemas).every(({ _tag }) => _tag === "Compatible")
