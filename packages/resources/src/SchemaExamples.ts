/**
 * Values that show the difference between two JSON Schemas.
 *
 * @since 0.1.0
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as JsonSchema from "effect/JsonSchema"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import type { JsonObject } from "./Fields.ts"
import { isRecord } from "./internal/text.ts"

type Node = Readonly<Record<string, unknown>>

/** How much is tried: samples of the old schema, values for the whole and for a place within it. */
const limits = { samples: 100, values: 20_000, within: 300, depth: 6 } as const

/**
 * Values that the old schema may take and that are at the limits of either, the smaller ones first; then samples of
 * the old one.
 *
 * **Details**
 *
 * Made of the keywords of both schemas (limits and what is just beyond them, literals, keys that are there or not), and of
 * samples of the old one, which find texts that fit a pattern. The same for the same schemas. Whether a value is taken has
 * yet to be asked.
 *
 * @category constructors
 * @since 0.1.0
 */
export const candidates = Effect.fnUntraced(function*(
  old: JsonObject,
  next: JsonObject
): Effect.fn.Return<ReadonlyArray<unknown>> {
  const samples = yield* sample(old)
  const bySize = (values: ReadonlyArray<unknown>) =>
    [...new Map(values.map((value) => [JSON.stringify(value), value]))]
      .toSorted(([one], [other]) => one.length - other.length)
      .map(([, value]) => value)
  // what a sample has is true, and seldom what a person would write
  return [...bySize(variants({ old, next, roots: { old, next }, samples, depth: 0 })), ...bySize(samples)]
})

/** None of a schema that Effect cannot read. */
const sample = (schema: JsonObject): Effect.Effect<ReadonlyArray<unknown>> =>
  Effect.try(() =>
    Arbitrary.schema(
      SchemaRepresentation.fromJsonSchemaDocument(JsonSchema.fromSchemaDraft07(schema), { patterns: "apply" })
    )
  ).pipe(
    Effect.flatMap((arbitrary) => Arbitrary.sampleEffect(arbitrary, { count: limits.samples, seed: 1 })),
    Effect.catchCause(() => Effect.succeed([]))
  )

/** One place in both schemas, and what samples have there. */
interface Place {
  readonly old: Node
  readonly next: Node
  readonly roots: { readonly old: JsonObject; readonly next: JsonObject }
  readonly samples: ReadonlyArray<unknown>
  readonly depth: number
}

const target = (node: Node, root: JsonObject): Node => {
  const { $ref: ref } = node
  const { definitions } = root
  const name = typeof ref === "string" ? ref.replace("#/definitions/", "") : undefined
  const found = name !== undefined && isRecord(definitions) ? definitions[name] : undefined
  return isRecord(found) ? found : node
}

const branches = (node: Node): ReadonlyArray<Node> =>
  ["anyOf", "oneOf", "allOf"].flatMap((key) => {
    const some = node[key]
    return Array.isArray(some) ? some.filter(isRecord) : []
  })

const below = (place: Place, change: Partial<Place>): Place => ({ ...place, ...change, depth: place.depth + 1 })

const variants = (place: Place): ReadonlyArray<unknown> => {
  if (place.depth > limits.depth) return []
  const [old, next] = [target(place.old, place.roots.old), target(place.next, place.roots.next)]
  const at = { ...place, old, next }
  const within = [
    ...branches(old).map((branch) => below(at, { old: branch })),
    ...branches(next).map((branch) => below(at, { next: branch }))
  ].flatMap(variants)
  const found = [
    ...[old, next].flatMap(literals),
    ...objects(at),
    ...arrays(at),
    ...texts(at),
    ...numbers(at),
    ...within,
    true,
    false,
    null
  ]
  return found.slice(0, at.depth === 0 ? limits.values : limits.within)
}

const literals = (node: Node): ReadonlyArray<unknown> => [
  ...["const", "default"].flatMap((key) => node[key] === undefined ? [] : [node[key]]),
  ...["enum", "examples"].flatMap((key) => {
    const some = node[key]
    return Array.isArray(some) ? some : []
  })
]

const limitsOf = ({ next, old }: Place, keys: ReadonlyArray<string>): ReadonlyArray<number> =>
  [old, next].flatMap((node) =>
    keys.flatMap((key) => {
      const limit = node[key]
      return typeof limit === "number" ? [limit] : []
    })
  )

const anyNumbers = [0, 1, -1, 0.5, 1e6]
const anyTexts = ["", "x", "X", "0", " ", "a b", "a-b", "a.b", "a_b", "a/b", "a:b", "é", "a\nb"]

const numbers = (place: Place): ReadonlyArray<number> => [
  ...place.samples.filter((value) => typeof value === "number").slice(0, 10),
  ...limitsOf(place, ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]).flatMap((
    limit
  ) => [limit, limit - 1, limit + 1, limit + 0.5]),
  ...anyNumbers
]

const texts = (place: Place): ReadonlyArray<string> => {
  const own = place.samples.filter((value) => typeof value === "string").slice(0, 100)
  // lengths up to which it is worth making a text to show that it is too long
  const lengths = limitsOf(place, ["minLength", "maxLength"]).filter((limit) => limit < 100_000)
  const some = ["x", ...own.slice(0, 5)]
  return [
    ...anyTexts,
    ...lengths.flatMap((limit) => [limit, limit - 1, limit + 1]).filter((length) => length > 0)
      .flatMap((length) => some.map((text) => stretch(text, length))),
    ...own
  ]
}

/** A text of that length: its last character again and again, which patterns mostly allow. */
const stretch = (text: string, length: number): string =>
  text.length >= length ? text.slice(0, length) : text + (text.at(-1) ?? "x").repeat(length - text.length)

const properties = (node: Node): Node => isRecord(node["properties"]) ? node["properties"] : {}

const names = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value) ? value.filter((name) => typeof name === "string") : []

const record = (value: unknown): Node => isRecord(value) ? value : {}

const objects = (place: Place): ReadonlyArray<Node> => {
  const { next, old, samples } = place
  const [before, after] = [properties(old), properties(next)]
  const all = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  const own = samples.filter(isRecord)
  const valuesOf = new Map(all.map((name) => [
    name,
    variants({
      ...place,
      old: record(before[name] ?? after[name]),
      next: record(after[name] ?? before[name]),
      samples: own.flatMap((sample) => name in sample ? [sample[name]] : []),
      depth: place.depth + 1
    })
  ]))
  const first = (name: string) => own.find((sample) => name in sample)?.[name] ?? valuesOf.get(name)?.[0]
  const required = names(old["required"])
  const least = Object.fromEntries(required.map((name) => [name, first(name)]))
  const full = Object.fromEntries(all.map((name) => [name, first(name)]))
  const shortest = own.toSorted((one, other) => JSON.stringify(one).length - JSON.stringify(other).length).slice(0, 3)
  const bases = [least, ...shortest]
  return [
    ...bases,
    full,
    ...bases.flatMap((base) => ["x", "another key"].map((key) => change(base, key, "x"))),
    ...bases.flatMap((base) => all.filter((name) => name in base).map((name) => without(base, name))),
    ...inTurn(
      all.map((name) =>
        (valuesOf.get(name) ?? []).flatMap((value) => bases.slice(0, 2).map((base) => change(base, name, value)))
      )
    )
  ]
}

/** The first of each, then the second of each, and so on: so that no property has all the values that are looked at. */
const inTurn = <A>(lists: ReadonlyArray<ReadonlyArray<A>>): ReadonlyArray<A> =>
  Array.from({ length: Math.max(0, ...lists.map(({ length }) => length)) }, (_, n) => n)
    .flatMap((n) => lists.flatMap((list) => list.slice(n, n + 1)))

const change = (base: Node, name: string, value: unknown): Node => ({ ...base, [name]: value })

const without = (base: Node, name: string): Node =>
  Object.fromEntries(Object.entries(base).filter(([key]) => key !== name))

const arrays = (place: Place): ReadonlyArray<ReadonlyArray<unknown>> => {
  const { next, old, samples } = place
  if (old["items"] === undefined && next["items"] === undefined && old["type"] !== "array") return [[]]
  const own = samples.filter((value) => Array.isArray(value))
  const items = variants({
    ...place,
    old: record(old["items"]),
    next: record(next["items"]),
    samples: own.flat(),
    depth: place.depth + 1
  })
  const lengths = limitsOf(place, ["minItems", "maxItems"]).flatMap((limit) => limit < 1000 ? [limit, limit + 1] : [])
  const some = [...own.flat().slice(0, 3), ...items.slice(0, 3)]
  return [
    [],
    ...own.slice(0, 20),
    ...items.map((item) => [item]),
    ...some.flatMap((item) => [2, ...lengths].map((length) => Array.from({ length }, () => item)))
  ]
}
