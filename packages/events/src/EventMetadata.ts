/**
 * Metadata as it is recorded: encoded by its schema, JSON, and bounded.
 *
 * @since 0.1.0
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { MetadataCodec } from "./Event.ts"
import * as Text from "./Text.ts"

/**
 * How much of one event's metadata is kept, in bytes of UTF-8 of its keys and values.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxBytes = 16_384

/**
 * How much of one text in metadata is kept, in bytes of UTF-8.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxTextBytes = 4_096

/**
 * How deep metadata may be nested. Readers refuse a Struct that is much deeper than this.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxDepth = 16

/**
 * Encodes metadata by its schema. Never throws.
 *
 * **Details**
 *
 * Texts lose the credentials in their URLs and are cut at `maxTextBytes`, what is nested deeper than `maxDepth` is "…", and what is beyond `maxBytes` is
 * left out. Metadata that its schema does not encode, or not to an object,
 * is replaced by the three keys of the built-in events: `ErrorMessage` says what is wrong with it. So is metadata that
 * holds a `Redacted`, whose codec would tell the secret: events are for everybody to read.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (schema: MetadataCodec, value: unknown, streamId: string): JsonObject => {
  const encoded = Result.flatMap(encoder(schema)(value), (json) =>
    isJsonObject(json)
      ? Result.succeed(boundedObject(json, 1, { left: maxBytes }))
      : Result.fail("it is not an object"))
  return Result.getOrElse(encoded, (reason) => ({
    ErrorMessage: Text.cut(`metadata does not encode: ${reason}`, 200),
    StreamID: streamId,
    ExtraMessage: {}
  }))
}

/**
 * Whether two encoded metadata say the same. `Equal.equals` does too, at several times the cost of all else.
 *
 * @category equality
 * @since 0.1.0
 */
export const equals = (a: JsonValue | undefined, b: JsonValue | undefined): boolean => {
  if (a === b) return true
  if (!Predicate.isObjectOrArray(a) || !Predicate.isObjectOrArray(b)) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, n) => equals(item, b[n]))
  }
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equals(a[key], b[key]))
}

type Encoder = (value: unknown) => Result.Result<Schema.Json, string>

const encoders = new WeakMap<MetadataCodec, Encoder>()

const encoder = (schema: MetadataCodec): Encoder => {
  const known = encoders.get(schema)
  if (known !== undefined) return known
  const encodeSync = Schema.encodeUnknownSync(Schema.toCodecJson(schema))
  const made: Encoder = (value) =>
    Result.try({
      try: () => holdsSecret(value, new Set()) ? Result.fail("it holds a secret") : Result.succeed(encodeSync(value)),
      // A schema's own error says where; an endless value or a getter that throws is anything.
      catch: (cause) => Predicate.isError(cause) ? cause.message : "it cannot be read"
    }).pipe(Result.flatMap((encoded) => encoded))
  encoders.set(schema, made)
  return made
}

const holdsSecret = (value: unknown, seen: Set<unknown>): boolean => {
  if (!Predicate.isObjectOrArray(value) || seen.has(value)) return false
  if (Redacted.isRedacted(value)) return true
  seen.add(value)
  const members = value instanceof Map || value instanceof Set ? Array.from<unknown>(value) : Object.values(value)
  return members.some((member) => holdsSecret(member, seen))
}

interface Budget {
  left: number
}

const isJsonObject = (json: Schema.Json): json is Schema.JsonObject => Predicate.isObject(json)

const boundedObject = (value: Schema.JsonObject, depth: number, budget: Budget): JsonObject => {
  const entries: Array<[string, JsonValue]> = []
  for (const [key, member] of Object.entries(value)) {
    const kept = Text.cut(Text.mask(key), maxTextBytes)
    budget.left -= Text.byteLength(kept)
    if (budget.left <= 0) break
    entries.push([kept, bounded(member, depth, budget)])
  }
  // Defines own properties: "__proto__" is a key like any other.
  return Object.fromEntries(entries)
}

const bounded = (value: Schema.Json, depth: number, budget: Budget): JsonValue => {
  budget.left -= 8
  if (Predicate.isString(value)) {
    const kept = Text.cut(Text.mask(value), Math.max(3, Math.min(maxTextBytes, budget.left)))
    budget.left -= Text.byteLength(kept)
    return kept
  }
  if (typeof value !== "object" || value === null) return value
  if (depth >= maxDepth) return "…"
  if (isJsonObject(value)) return boundedObject(value, depth + 1, budget)
  const items: Array<JsonValue> = []
  for (const item of value) {
    if (budget.left <= 0) break
    items.push(bounded(item, depth + 1, budget))
  }
  return items
}
