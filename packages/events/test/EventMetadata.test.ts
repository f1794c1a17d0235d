import { create, fromBinary, type JsonObject, type JsonValue, toBinary } from "@bufbuild/protobuf"
import { assert, describe, it } from "@effect/vitest"
import { AlertSchema } from "@kps/idl"
import { Effect, Option, Redacted, Schema } from "effect"
import { isDeepStrictEqual } from "node:util"
import { AnyMetadata, type MetadataCodec } from "../src/Event.ts"
import * as EventMetadata from "../src/EventMetadata.ts"
import * as Text from "../src/Text.ts"

/** Small, so that two are equal now and then. */
const Leaf = Schema.Union([Schema.Null, Schema.Boolean, Schema.Literals([0, 1, "", "a"])])
const Node = Schema.Union([Leaf, Schema.Array(Leaf), Schema.Record(Schema.Literals(["a", "b"]), Leaf)])
const Json = Schema.Union([Node, Schema.Array(Node), Schema.Struct({ a: Node })])

const encode = (value: unknown) => EventMetadata.encode(AnyMetadata, value, "s-1")
const throughTheWire = (metadata: JsonObject) =>
  fromBinary(AlertSchema, toBinary(AlertSchema, create(AlertSchema, { metadata }))).metadata
const nested = (depth: number): JsonValue => depth === 0 ? "end" : { in: nested(depth - 1) }
const refused = (message: string) => ({
  ErrorMessage: `metadata does not encode: ${message}`,
  StreamID: "s-1",
  ExtraMessage: {}
})

describe("EventMetadata", () => {
  it("encodes by the schema", () => {
    assert.deepStrictEqual(
      EventMetadata.encode(Schema.Struct({ at: Schema.Date, n: Schema.BigInt }), { at: new Date(0), n: 12n }, "s-1"),
      { at: "1970-01-01T00:00:00.000Z", n: "12" }
    )
  })

  it("tells no secret, wherever it is", () => {
    const token = Redacted.make("canary")
    const Secret = Schema.RedactedFromValue(Schema.String)
    const cases: ReadonlyArray<[MetadataCodec, unknown]> = [
      [Schema.Struct({ token: Schema.Redacted(Schema.String) }), { token }],
      [Schema.Struct({ list: Schema.Array(Secret) }), { list: [token] }],
      [Schema.Struct({ map: Schema.ReadonlyMap(Schema.String, Secret) }), { map: new Map([["a", token]]) }],
      [Schema.Struct({ maybe: Schema.OptionFromNullOr(Secret) }), { maybe: Option.some(token) }]
    ]
    for (const [schema, value] of cases) {
      assert.deepStrictEqual(EventMetadata.encode(schema, value, "s-1"), refused("it holds a secret"))
    }
  })

  it("tells no credentials of an address: in texts, keys, lists, and before it cuts", () => {
    assert.deepStrictEqual(
      encode({
        ErrorMessage: "cannot connect to nats://user:canary@a, then to tls://canary@b:4222 as a@b said",
        brokers: ["nats://user:p@canary/#c@a", "nats://a:4222/x", "mail@a"],
        "nats://user:canary@a": 1,
        long: `nats://user:${"canary".repeat(1000)}@a`
      }),
      {
        ErrorMessage: "cannot connect to nats://<redacted>@a, then to tls://<redacted>@b:4222 as a@b said",
        brokers: ["nats://<redacted>@a", "nats://a:4222/x", "mail@a"],
        "nats://<redacted>@a": 1,
        long: "nats://<redacted>@a"
      }
    )
  })

  it("says what is wrong with metadata that does not encode", () => {
    assert.deepStrictEqual(
      EventMetadata.encode(Schema.Struct({ n: Schema.Int }), { n: "x" }, "s-1"),
      refused("Expected number\n  at [\"n\"]")
    )
    assert.deepStrictEqual(EventMetadata.encode(Schema.String, "text", "s-1"), refused("it is not an object"))
    assert.deepStrictEqual(
      EventMetadata.encode(Schema.Array(Schema.Int), [1], "s-1"),
      refused("it is not an object")
    )
  })

  it("lets no number through that JSON does not have", () => {
    assert.deepStrictEqual(encode({ n: Number.NaN }), refused("Expected JSON value\n  at [\"n\"]"))
    assert.deepStrictEqual(
      // @effect-diagnostics-next-line schemaNumber:off
      EventMetadata.encode(Schema.Struct({ n: Schema.Number }), { n: -Infinity }, "s-1"),
      { n: "-Infinity" }
    )
  })

  it("survives metadata that cannot be read", () => {
    const endless: { self?: unknown } = {}
    endless.self = endless
    const throwing = Object.defineProperty({}, "boom", {
      enumerable: true,
      get: () => {
        throw new Error("no")
      }
    })
    const rude = Object.defineProperty({}, "boom", {
      enumerable: true,
      get: () => {
        // oxlint-disable-next-line no-throw-literal -- code that is not ours throws anything
        throw "no"
      }
    })
    for (const value of [endless, throwing, rude]) {
      assert.match(JSON.stringify(encode(value)), /^\{"ErrorMessage":"metadata does not encode: /)
    }
  })

  it("keeps awkward keys and values as they are", () => {
    const awkward: unknown = JSON.parse(`{"__proto__":{"a":null},"constructor":[],"":true,"ä😀":-0.5}`)
    const encoded = encode(awkward)

    assert.deepStrictEqual(Object.entries(encoded), Object.entries(awkward as JsonObject))
    assert.strictEqual(Object.getPrototypeOf(encoded), Object.prototype)
    assert.deepStrictEqual(Object.entries(throughTheWire(encoded) ?? {}), Object.entries(encoded))
  })

  it("cuts long texts", () => {
    const { text } = encode({ text: "x".repeat(10_000) })
    assert.strictEqual(text, `${"x".repeat(4_093)}…`)
  })

  it("cuts what is nested too deep", () => {
    assert.deepStrictEqual(encode({ in: nested(14) }), { in: nested(14) })
    assert.include(JSON.stringify(encode({ in: nested(1_000) })), "\"…\"")
    assert.isBelow(JSON.stringify(encode({ in: nested(1_000) })).length, 200)
  })

  it("leaves out what is beyond its size, and keeps what came first", () => {
    const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, n) => [`key ${n}`, n]))
    const kept = encode(many)
    assert.isAtMost(JSON.stringify(kept).length, EventMetadata.maxBytes)
    assert.isAbove(Object.keys(kept).length, 500)
    assert.deepStrictEqual(Object.keys(kept), Object.keys(many).slice(0, Object.keys(kept).length))

    const list = encode({ list: Array.from({ length: 100_000 }, () => "ä".repeat(100)) })["list"]
    assert.isTrue(Array.isArray(list) && list.length > 50 && list.length < 100)
  })

  it.effect.prop("knows what says the same", [Json, Json], (pair) =>
    Effect.sync(() => {
      const [a, b] = pair as [JsonValue, JsonValue] // but for `readonly`
      assert.strictEqual(EventMetadata.equals(a, b), isDeepStrictEqual(a, b))
      assert.isTrue(EventMetadata.equals(a, structuredClone(a)))
    }), { arbitrary: { runs: 500 } })

  it("tells apart what differs only a little", () => {
    const { equals } = EventMetadata
    assert.isTrue(equals({ a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1 }))
    assert.isFalse(equals({ a: 1 }, { b: 1 }))
    assert.isFalse(equals({ a: 1 }, { a: 1, b: 1 }))
    assert.isFalse(equals([], {}))
    assert.isFalse(equals([1, 2], [1]))
    assert.isFalse(equals(null, {}))
    assert.isFalse(equals({}, undefined))
    assert.isFalse(equals(JSON.parse(`{"__proto__":1}`), { a: 1 }))
    assert.isFalse(equals({ toString: null }, { a: null }))
  })

  it("gives half surrogate pairs as the wire does", () => {
    assert.deepStrictEqual(encode({ "\ud800": "a\udc00b" }), { "\ufffd": "a\ufffdb" })
  })
})

describe("Text", () => {
  it("counts bytes as they are sent", () => {
    for (const text of ["", "a", "ä", "€", "😀", "a\ud800b", "\udc00\ud800", "😀\ud83d"]) {
      assert.strictEqual(Text.byteLength(text), new TextEncoder().encode(text).byteLength, JSON.stringify(text))
    }
  })

  it("cuts between characters, and only what is too long", () => {
    assert.strictEqual(Text.cut("abcdef", 6), "abcdef")
    assert.strictEqual(Text.cut("abcdefg", 6), "abc…")
    assert.strictEqual(Text.cut("😀😀😀", 12), "😀😀😀")
    assert.strictEqual(Text.cut("😀😀😀", 11), "😀😀…")
    assert.strictEqual(Text.cut("😀😀😀", 10), "😀…")
    assert.strictEqual(Text.cut("äää", 5), "ä…")
    assert.strictEqual(Text.cut("abcd", 3), "…")
    assert.strictEqual(Text.cut("\ud800".repeat(2), 6), "\ufffd\ufffd")
    assert.strictEqual(Text.cut("\ud800".repeat(3), 8), "\ufffd…")
  })
})
