/** What every kind of document is made of: a schema that keeps the fields it does not know, and rules beyond fields. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Door } from "../Door.ts"
import { InvalidResource } from "../InvalidResource.ts"
import * as Violation from "../Violation.ts"
import { describe, isRecord, quote } from "./text.ts"

/**
 * A struct that keeps the keys it does not know, both ways.
 *
 * They are not in its type: code that works with a document cannot read a misspelt field.
 */
export const open = <Fields extends Schema.Struct.Fields>(
  fields: Fields
): Schema.Codec<Schema.Struct<Fields>["Type"], Schema.Struct<Fields>["Encoded"]> => {
  const known = new Set(Object.keys(fields))
  const unknown = Schema.String.check(Schema.makeFilter((key: string) => !known.has(key)))
  // One cast: to the type without the index signature, and without services, which no field of a document asks for.
  return Schema.StructWithRest(Schema.Struct(fields), [Schema.Record(unknown, Schema.Json)]).annotate({
    expected: "an object"
  }) as unknown as Schema.Codec<Schema.Struct<Fields>["Type"], Schema.Struct<Fields>["Encoded"]>
}

/**
 * What is wrong with a document beyond single fields. It is given the document as it came, so that these violations are
 * told together with those of fields: nothing is known of the types.
 */
export type Rules = (document: Readonly<Record<string, unknown>>) => ReadonlyArray<Violation.Violation>

/** `connector class "x"`, or the noun alone where there is no name. */
export const subject = (noun: string, input: unknown): string =>
  isRecord(input) && typeof input["name"] === "string" ? `${noun} ${quote(input["name"])}` : noun

/** Makes the door of a schema. `known` are the names of its fields, as documents have them. */
export const door = <A, I>(
  noun: string,
  schema: Schema.Codec<A, I>,
  known: ReadonlyArray<string>,
  rules: Rules = () => []
): Door<A> => {
  const decode = Schema.decodeUnknownResult(schema, { errors: "all" })
  const encode = Schema.encodeUnknownResult(schema, { errors: "all" })
  const byLowerCase = new Map(known.map((key) => [key.toLowerCase(), key]))
  const misspelt: Rules = (document) =>
    Object.keys(document).flatMap((key) => {
      const right = byLowerCase.get(key.toLowerCase())
      return right === undefined || right === key
        ? []
        : [{ path: Violation.path("", [key]), message: `expected the key ${quote(right)}, got ${quote(key)}` }]
    })

  return {
    decode: (input) => {
      const decoded = decode(input)
      const violations = [
        ...(Result.isFailure(decoded) ? Violation.fromIssue(decoded.failure.issue, input) : []),
        ...(isRecord(input) ? [...misspelt(input), ...rules(input)] : [])
      ]
      return Result.isFailure(decoded) || violations.length > 0
        ? Effect.fail(new InvalidResource({ subject: subject(noun, input), violations }))
        : Effect.succeed(decoded.success)
    },
    encode: (value) => {
      const encoded = encode(value)
      if (Result.isFailure(encoded)) {
        const violations = Violation.fromIssue(encoded.failure.issue, value)
        return Effect.fail(new InvalidResource({ subject: subject(noun, value), violations }))
      }
      // documents hold JSON and nothing else, which the type of an encoded struct does not say
      return isRecord(encoded.success)
        ? Effect.succeed(encoded.success as Schema.JsonObject)
        : Effect.die(new Error(`expected an object, got ${describe(encoded.success)}`))
    }
  }
}
