/**
 * Decodes the Structs of a request (stream parameters, config) and shows them in answers.
 *
 * @since 0.1.0
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf"
import type { Connector } from "@kps/connector"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Secrets from "./Secrets.ts"
import * as Violation from "./Violation.ts"

/**
 * What one Struct may hold. A Struct has depth 1; each object or list within adds one. Lengths are in UTF-16 units.
 *
 * @category constants
 * @since 0.1.0
 */
export const limits = {
  /** Deeper than about 48 a message is refused before it is decoded, and the error cannot say where. */
  depth: 32,
  /** Keys and list items, together. */
  values: 10_000,
  keyLength: 256,
  /** Keys and strings, together. */
  textLength: 1_048_576
} as const

/**
 * A Struct that was accepted.
 *
 * @category models
 * @since 0.1.0
 */
export interface Decoded {
  /** What the schema made of it. */
  readonly value: unknown
  /** What GetPayload answers: defaults filled in, secrets hidden. */
  readonly metadata: JsonObject
}

/**
 * The two ways between Structs and values of one schema.
 *
 * @category models
 * @since 0.1.0
 */
export interface Metadata {
  /** Fails with everything that is wrong; `at` says where in the request a place of the Struct is. */
  readonly decode: (
    input: JsonObject,
    at: (keys: Violation.Keys) => string
  ) => Effect.Effect<Decoded, ReadonlyArray<Violation.Violation>>
  /** A value that did not come in a request, as an answer shows it. */
  readonly show: (value: unknown) => Effect.Effect<JsonObject>
}

/**
 * Makes the `Metadata` of a schema.
 *
 * **Details**
 *
 * Nothing is mended on the way in. Refused are, besides what the schema refuses: keys it does not know (a misspelt key
 * would otherwise be a default in silence; a schema that wants more keys says so with an index signature), the key
 * `__proto__`, numbers that are not finite, what is over the limits, and the redaction marker in place of a secret.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (schema: Connector.AnyCodec): Metadata => {
  const decodeJson = Schema.decodeUnknownEffect(Schema.toCodecJson(schema), {
    errors: "all",
    onExcessProperty: "error"
  })
  const show = Secrets.shown(schema)
  const hasSecrets = Secrets.contains(schema.ast)

  return {
    decode: Effect.fnUntraced(function*(input, at) {
      const bounds = check(input, at)
      if (bounds.length > 0) return yield* Effect.fail(bounds)
      const marked = (keys: Violation.Keys) => Violation.make(at(keys), "the secret itself", Secrets.marker)

      const value = yield* Effect.mapError(decodeJson(input), ({ issue }) => {
        const violations = Violation.fromIssue(issue, input, at)
        if (!hasSecrets) return violations
        // Which of them are secrets is not known of what did not decode.
        const told = new Set(violations.map(({ path }) => path))
        return [...violations, ...Secrets.markersIn(input).map(marked).filter(({ path }) => !told.has(path))]
      })
      const { markers, metadata } = yield* show(value, input)
      if (markers.length > 0) return yield* Effect.fail(markers.map(marked))
      return { value, metadata }
    }),
    show: (value) => Effect.map(show(value, {}), ({ metadata }) => metadata)
  }
}

interface Place {
  readonly value: JsonValue
  readonly keys: Violation.Keys
}

/** What is wrong with a Struct whatever the schema says. Walks without recursion: the depth is not known yet. */
const check = (input: JsonObject, at: (keys: Violation.Keys) => string): ReadonlyArray<Violation.Violation> => {
  const violations: Array<Violation.Violation> = []
  const refuse = (keys: Violation.Keys, description: string) => violations.push({ path: at(keys), description })
  const pending: Array<Place> = [{ value: input, keys: [] }]
  let values = 0
  let text = 0

  for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
    const { keys, value } = place
    if (typeof value === "string") text += value.length
    else if (typeof value === "number") {
      if (!Number.isFinite(value)) violations.push(Violation.make(at(keys), "a finite number", value))
    } else if (value !== null && typeof value === "object") {
      if (keys.length >= limits.depth) {
        refuse(keys, `expected at most ${limits.depth} levels of objects and lists, got more`)
        continue
      }
      const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
      values += entries.length
      if (values > limits.values) {
        refuse([], `expected at most ${limits.values} keys and list items, got more`)
        break
      }
      for (const [key, child] of entries.toReversed()) {
        const within = [...keys, key]
        if (typeof key === "string") {
          text += key.length
          if (key === "__proto__") {
            refuse(within, "expected any key but \"__proto__\"")
            continue
          }
          if (key.length > limits.keyLength) {
            refuse(within, `expected a key of at most ${limits.keyLength} characters, got ${key.length}`)
            continue
          }
        }
        pending.push({ value: child, keys: within })
      }
    }
    if (text > limits.textLength) {
      refuse([], `expected at most ${limits.textLength} characters in keys and strings, got more`)
      break
    }
  }
  return violations
}
