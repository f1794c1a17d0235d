import { assert, describe, it } from "@effect/vitest"
import { ClassDiff, ConnectorClass, type Fields, Parameters, SchemaExamples, Violation } from "@kps/resources"
import { Effect, Schema as EffectSchema } from "effect"
import * as Good from "./documents.ts"

type Schema = Fields.JsonObject | undefined

const object = (properties: object, more: object = {}) =>
  // One cast: the schemas of this test are JSON.
  ({ type: "object", properties, additionalProperties: false, ...more }) as unknown as NonNullable<Schema>
const s = (more: object) => object({ s: { type: "string", ...more } }, { required: ["s"] })
const n = (more: object) => object({ n: { type: "integer", ...more } }, { required: ["n"] })
const list = (items: object, more: object = {}) => object({ l: { type: "array", items, ...more } }, { required: ["l"] })
const tree = (more: object) =>
  object({ tree: { $ref: "#/definitions/Tree" } }, {
    definitions: {
      Tree: {
        type: "object",
        properties: {
          name: { type: "string", ...more },
          children: { type: "array", items: { $ref: "#/definitions/Tree" } }
        },
        additionalProperties: false
      }
    }
  })

const open = { additionalProperties: true }

const compatible: ReadonlyArray<readonly [what: string, old: Schema, next: Schema]> = [
  ["the same", s({ pattern: "^a" }), s({ pattern: "^a" })],
  [
    "other texts, defaults and marks",
    s({ description: "a" }),
    s({ description: "b", default: "x", "x-kps-secret": true })
  ],
  ["a property more", s({}), object({ s: { type: "string" }, t: { type: "string" } }, { required: ["s"] })],
  ["a property that is no longer required", s({}), object({ s: { type: "string" } })],
  ["any other properties", s({}), { ...s({}), ...open }],
  ["a literal more", s({ enum: ["a"] }), s({ enum: ["b", "a"] })],
  ["any text for literals", s({ enum: ["ab", "ac"] }), s({ pattern: "^a", minLength: 2 })],
  ["wider limits", n({ minimum: 2, maximum: 5 }), n({ minimum: 1, maximum: 6 })],
  ["an open limit that becomes closed", n({ exclusiveMinimum: 2 }), n({ minimum: 2 })],
  ["no pattern any more", s({ pattern: "^a$", maxLength: 5 }), s({ maxLength: 5 })],
  ["a number for an integer", n({}), object({ n: { type: "number" } }, { required: ["n"] })],
  ["null too", s({}), object({ s: { anyOf: [{ type: "string" }, { type: "null" }] } }, { required: ["s"] })],
  [
    "wider branches",
    object({ s: { anyOf: [{ type: "string", maxLength: 2 }, { type: "null" }] } }),
    object({ s: { type: ["string", "null"] } })
  ],
  ["wider items", list({ type: "string", maxLength: 2 }), list({ type: "string" })],
  ["a schema that refers to itself", tree({ maxLength: 3 }), tree({ maxLength: 4 })],
  ["no schema", s({}), undefined]
]

const breaking: ReadonlyArray<
  readonly [what: string, old: Schema, next: Schema, example: unknown, violation: string | RegExp]
> = [
  [
    "a required property more",
    s({}),
    object({ s: { type: "string" }, t: { type: "string" } }, { required: ["s", "t"] }),
    { s: "" },
    "t: expected a string, got none"
  ],
  [
    "a property that becomes required",
    object({ s: {} }),
    object({ s: {} }, { required: ["s"] }),
    {},
    "s: expected a value, got none"
  ],
  ["a property less", object({ s: { type: "string" } }), object({}), { s: "" }, "s: expected no such key"],
  ["no other properties", { ...object({}), ...open }, object({}), { x: "x" }, "x: expected no such key"],
  ["a literal less", s({ enum: ["a", "b"] }), s({ enum: ["b"] }), { s: "a" }, "s: expected one of \"b\", got \"a\""],
  ["literals for any text", s({}), s({ enum: ["", "x"] }), undefined, /^s: expected one of "", "x", got /],
  ["a higher minimum", n({ minimum: 1 }), n({ minimum: 3 }), { n: 2 }, "n: expected a number >= 3, got 2"],
  ["a lower maximum", n({}), n({ maximum: 99 }), { n: 100 }, "n: expected a number <= 99, got 100"],
  [
    "a shorter text",
    s({ pattern: "^[a-z]+$" }),
    s({ pattern: "^[a-z]+$", maxLength: 40 }),
    undefined,
    /^s: expected at most 40 characters, got "[a-z]{41}"$/
  ],
  ["a longer text", s({}), s({ minLength: 1 }), { s: "" }, "s: expected at least 1 characters, got \"\""],
  ["a pattern", s({}), s({ pattern: "^[a-z]*$" }), { s: "X" }, "s: expected text that matches ^[a-z]*$, got \"X\""],
  [
    "a narrower pattern",
    s({ pattern: "^(?:nats|tls)://[a-z]+$" }),
    s({ pattern: "^tls://[a-z]+$" }),
    undefined,
    /^s: expected text that matches \^tls:\/\/\[a-z\]\+\$, got "nats:\/\/[a-z]+"$/
  ],
  [
    "another type",
    s({}),
    object({ s: { type: "integer" } }, { required: ["s"] }),
    { s: "" },
    "s: expected an integer, got \"\""
  ],
  [
    "null no more",
    object({ s: { type: ["string", "null"] } }),
    object({ s: { type: "string" } }),
    { s: null },
    "s: expected a string, got null"
  ],
  [
    "a branch less",
    object({ s: { anyOf: [{ type: "string" }, { type: "integer" }] } }),
    object({ s: { anyOf: [{ type: "string" }, { type: "boolean" }] } }),
    { s: 0 },
    /^s: expected a value that matches a schema in anyOf, got 0/
  ],
  [
    "fewer items",
    list({ type: "string" }),
    list({ type: "string" }, { maxItems: 2 }),
    { l: ["", "", ""] },
    "l: expected at most 2 items, got an array of 3 items"
  ],
  [
    "narrower items",
    list({ type: "object", properties: { a: { type: "string" } }, ...open }),
    list({ type: "object", properties: { a: { type: "string" } }, required: ["a"] }),
    { l: [{}] },
    "l[0].a: expected a string, got none"
  ],
  [
    "a schema that refers to itself",
    tree({}),
    tree({ maxLength: 3 }),
    { tree: { name: "xxxx" } },
    "tree.name: expected at most 3 characters, got \"xxxx\""
  ],
  ["a schema at all", undefined, object({}), { x: "x" }, "x: expected no such key"]
]

describe("what the old schema takes, the new one takes", () => {
  for (const [what, old, next] of compatible) {
    it.effect(`with ${what}`, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* ClassDiff.compareSchemas(old, next), { _tag: "Compatible" })
      }))
  }
})

describe("a value is refused that the old schema takes", () => {
  for (const [what, old, next, example, violation] of breaking) {
    it.effect(`with ${what}`, () =>
      Effect.gen(function*() {
        const verdict = yield* ClassDiff.compareSchemas(old, next)
        assert(verdict._tag === "Breaking", JSON.stringify(verdict))
        if (example !== undefined) assert.deepStrictEqual(verdict.example, example)
        const [first = ""] = verdict.violations.map(Violation.text)
        if (typeof violation === "string") assert.strictEqual(first, violation)
        else assert.match(first, violation)
        // the other way round nothing of it can be claimed as compatible by mistake
        assert.deepStrictEqual(yield* ClassDiff.compareSchemas(old, old), { _tag: "Compatible" })
      }))
  }
})

it.effect("of a change that cannot be told it is said where it is, and how much was tried", () =>
  Effect.gen(function*() {
    const verdict = yield* ClassDiff.compareSchemas(s({ pattern: "^[a-f]{3}$" }), s({ pattern: "^[a-z]{3}$" }))
    assert(verdict._tag === "Unproven", JSON.stringify(verdict))
    assert.deepStrictEqual(verdict.paths, ["s"])
    assert.isAbove(verdict.tried, 20)
  }))

/** Schemas of parameters, small enough that two of them often have something to do with each other. */
const small = EffectSchema.Int.check(EffectSchema.isBetween({ minimum: 0, maximum: 3 }))
const optional = <S extends EffectSchema.Constraint>(schema: S) => EffectSchema.optionalKey(schema)
const Leaf = EffectSchema.Union([
  EffectSchema.Struct({
    type: EffectSchema.Literal("string"),
    minLength: optional(small),
    maxLength: optional(small),
    pattern: optional(EffectSchema.Literals(["^x*$", "^[a-z]*$"]))
  }),
  EffectSchema.Struct({
    type: EffectSchema.Literals(["integer", "number"]),
    minimum: optional(small),
    exclusiveMaximum: optional(small)
  }),
  EffectSchema.Struct({
    enum: EffectSchema.Union([
      EffectSchema.Tuple([EffectSchema.Literals(["x", "", 1])]),
      EffectSchema.Tuple([EffectSchema.Literals(["x", 2]), EffectSchema.Literal("y")])
    ])
  }),
  EffectSchema.Struct({
    type: EffectSchema.Tuple([EffectSchema.Literals(["string", "null"]), EffectSchema.Literal("boolean")])
  }),
  EffectSchema.Struct({})
])
const Node = EffectSchema.Union([
  Leaf,
  EffectSchema.Struct({ anyOf: EffectSchema.NonEmptyArray(Leaf) }),
  EffectSchema.Struct({
    type: EffectSchema.Literal("array"),
    items: optional(Leaf),
    minItems: optional(small),
    maxItems: optional(small)
  })
])
const Root = EffectSchema.Struct({
  type: EffectSchema.Literal("object"),
  properties: EffectSchema.Struct({ a: Node, b: optional(Node) }),
  required: optional(
    EffectSchema.Union([EffectSchema.Tuple([EffectSchema.Literals(["a", "b"])]), EffectSchema.Tuple([])])
  ),
  additionalProperties: optional(EffectSchema.Union([EffectSchema.Boolean, Leaf]))
})

it.effect.prop(
  "what is called compatible takes every value that can be found for the old schema",
  [Root, Root, EffectSchema.Literals(["other", "without b", "open"])],
  ([old, other, how]) =>
    Effect.gen(function*() {
      // two that have nothing to do with each other are seldom compatible
      const next = how === "other"
        ? other
        : how === "open"
        ? { ...old, additionalProperties: true, required: [] }
        : { ...old, properties: { ...other.properties, a: old.properties.a } }
      const verdict = yield* ClassDiff.compareSchemas(old, next)
      if (verdict._tag !== "Compatible") return
      for (const value of yield* SchemaExamples.candidates(old, next)) {
        if (Parameters.check(old, value, "").length === 0) {
          assert.deepStrictEqual(Parameters.check(next, value, ""), [], JSON.stringify({ old, next, value }))
        }
      }
    }),
  { arbitrary: { runs: 80, seed: 1 }, timeout: 120_000 }
)

it.effect("of many properties that have changed in one place, that one is found", () =>
  Effect.gen(function*() {
    const old = Good.connectorClass.streamParameterSchema
    const { credentials, queue, ...properties } = old.properties
    const next = { ...old, properties: { ...properties, credentials: { ...credentials, maxLength: 20 }, queue } }
    const verdict = yield* ClassDiff.compareSchemas(old, next)
    assert(verdict._tag === "Breaking", JSON.stringify(verdict))
    assert.match(
      verdict.violations.map(Violation.text).join(),
      /^credentials: expected at most 20 characters, got "[a-z0-9-]{21}"$/
    )
  }))

describe("two versions of a class", () => {
  it.effect("are compared by their schemas and directions", () =>
    Effect.gen(function*() {
      const old = yield* ConnectorClass.decode(Good.connectorClass)
      assert.isTrue(
        ClassDiff.isCompatible(yield* ClassDiff.compare(old, { ...old, description: "other", connectorVersion: "2" }))
      )

      const { streamParameterSchema } = Good.connectorClass
      const next = yield* ConnectorClass.decode({
        ...Good.connectorClass,
        type: "INGRESS",
        streamParameterSchema: { ...streamParameterSchema, required: ["subject", "broker", "queue"] }
      })
      const diff = yield* ClassDiff.compare(old, next)
      assert.isFalse(ClassDiff.isCompatible(diff))
      assert.deepStrictEqual(diff.lostDirections, ["EGRESS"])
      assert.strictEqual(diff.schemas.configParameterSchema._tag, "Compatible")
      const { streamParameterSchema: verdict } = diff.schemas
      assert(verdict._tag === "Breaking")
      assert.deepStrictEqual(verdict.violations.map(Violation.text), ["queue: expected a string, got none"])
      assert.isTrue(ClassDiff.isCompatible(yield* ClassDiff.compare(next, { ...next, type: "BIDIRECTIONAL" })))
    }))
})
