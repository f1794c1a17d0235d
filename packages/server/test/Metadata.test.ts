import type { JsonObject } from "@bufbuild/protobuf"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schema, SchemaGetter, SchemaTransformation } from "effect"
import * as Metadata from "../src/Metadata.ts"
import * as Violation from "../src/Violation.ts"

const Password = Schema.RedactedFromValue(Schema.String.check(Schema.isMinLength(5)), { label: "password" })

const Parameters = Schema.Struct({
  subject: Schema.String.check(Schema.isPattern(/^\S+$/u, { expected: "a subject without white space" })),
  batch: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 })).pipe(
    Schema.withDecodingDefaultTypeKey(Effect.succeed(10))
  ),
  mode: Schema.optionalKey(Schema.Literals(["fast", "safe"])),
  password: Schema.optionalKey(Password),
  broker: Schema.optionalKey(Schema.Struct({
    hosts: Schema.Array(Schema.Struct({ name: Schema.String, token: Schema.optionalKey(Password) }))
  }))
})

const decode = (schema: Parameters<typeof Metadata.make>[0], input: JsonObject) =>
  Metadata.make(schema).decode(input, (keys) => Violation.path("metadata", keys))

const violations = (schema: Parameters<typeof Metadata.make>[0], input: JsonObject) =>
  Effect.map(
    Effect.flip(decode(schema, input)),
    (violations) => violations.map(({ description, path }) => `${path}: ${description}`)
  )

describe("Metadata", () => {
  it.effect("decodes, and shows what it decoded with defaults and without secrets, wherever they are", () =>
    Effect.gen(function*() {
      const { metadata, value } = yield* decode(Parameters, {
        subject: "a",
        password: "canary-1",
        broker: { hosts: [{ name: "h", token: "canary-2" }, { name: "i" }] }
      })

      assert.deepStrictEqual(metadata, {
        subject: "a",
        batch: 10,
        password: "<redacted>",
        broker: { hosts: [{ name: "h", token: "<redacted>" }, { name: "i" }] }
      })
      const decoded = value as typeof Parameters.Type
      assert.strictEqual(decoded.password === undefined ? "" : Redacted.value(decoded.password), "canary-1")
    }))

  it.effect("says everything that is wrong at once, each with its path, what was expected and what came", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* violations(Parameters, {
          subject: "a b",
          batch: 101,
          mode: "slow",
          broker: { hosts: [{ name: 5 }, "h", { name: "ok", tokn: "x" }] },
          subjct: "a"
        }),
        [
          "metadata.subjct: expected no such key (known: \"subject\", \"batch\", \"mode\", \"password\", \"broker\")",
          "metadata.subject: expected a subject without white space, got \"a b\"",
          "metadata.batch: expected a value between 1 and 100, got 101",
          "metadata.mode: expected \"fast\" | \"safe\", got \"slow\"",
          "metadata.broker.hosts[0].name: expected string, got 5",
          "metadata.broker.hosts[1]: expected object, got a string",
          "metadata.broker.hosts[2].tokn: expected no such key (known: \"name\", \"token\")"
        ]
      )
    }))

  it.effect("names what a missing key should be", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* violations(Parameters, {}), ["metadata.subject: expected string, got none"])
    }))

  it.effect("refuses null, and says so", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* violations(Parameters, { subject: null }), [
        "metadata.subject: expected string, got null"
      ])
    }))

  it.effect("keeps null where the schema wants it", () =>
    Effect.gen(function*() {
      const schema = Schema.Struct({ at: Schema.NullOr(Schema.String) })

      assert.deepStrictEqual((yield* decode(schema, { at: null })).metadata, { at: null })
    }))

  it.effect("refuses numbers that are not finite, wherever they are", () =>
    Effect.gen(function*() {
      const schema = Schema.Struct({ a: Schema.Unknown })

      assert.deepStrictEqual(yield* violations(schema, { a: [NaN, { b: Infinity }] }), [
        "metadata.a[0]: expected a finite number, got NaN",
        "metadata.a[1].b: expected a finite number, got Infinity"
      ])
    }))

  it.effect("refuses the key __proto__, also where a schema takes any key", () =>
    Effect.gen(function*() {
      const schema = Schema.Record(Schema.String, Schema.Unknown)
      const input: JsonObject = JSON.parse("{\"a\":{\"__proto__\":{\"polluted\":true}},\"__proto__\":1}")

      assert.deepStrictEqual(yield* violations(schema, input), [
        "metadata.__proto__: expected any key but \"__proto__\"",
        "metadata.a.__proto__: expected any key but \"__proto__\""
      ])
      assert.notProperty({}, "polluted")
    }))

  it.effect("keeps other keys of objects as they are", () =>
    Effect.gen(function*() {
      const schema = Schema.Record(Schema.String, Schema.Unknown)
      const input: JsonObject = { constructor: "a", toString: "b", "": "c", "ü 1": "d" }

      assert.deepStrictEqual((yield* decode(schema, input)).metadata, input)
    }))

  it.effect("allows 32 levels and refuses more", () =>
    Effect.gen(function*() {
      const nested = (depth: number): JsonObject => depth === 1 ? {} : { a: depth % 2 === 0 ? [] : nested(depth - 1) }
      const deep = (depth: number): JsonObject => {
        let value: JsonObject = {}
        for (let i = 1; i < depth; i++) value = { a: value }
        return value
      }
      const schema = Schema.Record(Schema.String, Schema.Unknown)

      yield* decode(schema, nested(2))
      yield* decode(schema, deep(32))
      const [violation] = yield* violations(schema, deep(33))
      assert.strictEqual(
        violation,
        `metadata${".a".repeat(32)}: expected at most 32 levels of objects and lists, got more`
      )
    }))

  it.effect("survives a depth that no recursion would", () =>
    Effect.gen(function*() {
      let value: JsonObject = {}
      for (let i = 0; i < 100_000; i++) value = { a: value }

      assert.lengthOf(yield* violations(Schema.Record(Schema.String, Schema.Unknown), value), 1)
    }))

  it.effect("bounds the number of values, the length of keys and the length of everything", () =>
    Effect.gen(function*() {
      const schema = Schema.Record(Schema.String, Schema.Unknown)
      const items = (n: number): JsonObject => ({ a: Array.from({ length: n }, () => 0) })

      yield* decode(schema, items(9_999))
      assert.deepStrictEqual(yield* violations(schema, items(10_000)), [
        "metadata: expected at most 10000 keys and list items, got more"
      ])
      yield* decode(schema, { ["k".repeat(256)]: 0 })
      assert.deepStrictEqual(yield* violations(schema, { ["k".repeat(257)]: 0 }), [
        `metadata.${"k".repeat(200)}…: expected a key of at most 256 characters, got 257`
      ])
      yield* decode(schema, { a: "x".repeat(1_048_575) })
      assert.deepStrictEqual(yield* violations(schema, { a: "x".repeat(1_048_576) }), [
        "metadata: expected at most 1048576 characters in keys and strings, got more"
      ])
    }))

  it.effect("cuts what it echoes", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* violations(Parameters, { subject: " ".repeat(5_000) }), [
        `metadata.subject: expected a subject without white space, got "${" ".repeat(200)}…"`
      ])
    }))

  it.effect("does not echo the user info of an address that it refuses", () =>
    Effect.gen(function*() {
      const refused = (subject: string) => violations(Parameters, { subject })

      assert.deepStrictEqual(yield* refused("nats://user:canary@b:4222 "), [
        "metadata.subject: expected a subject without white space, got \"nats://<redacted>@b:4222 \""
      ])
      assert.deepStrictEqual(yield* refused("tls://t:can@ /ry@b, c@d"), [
        "metadata.subject: expected a subject without white space, got \"tls://<redacted>@d\""
      ])
      assert.deepStrictEqual(yield* refused("a @ b"), [
        "metadata.subject: expected a subject without white space, got \"a @ b\""
      ])
    }))

  describe("secrets", () => {
    const canary = "canary-secret"

    it.effect("refuses the marker where a secret belongs, and nowhere else", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(
          yield* violations(Parameters, {
            subject: "<redacted>",
            password: "<redacted>",
            broker: { hosts: [{ name: "<redacted>", token: "<redacted>" }] }
          }),
          [
            "metadata.password: expected the secret itself, got \"<redacted>\"",
            "metadata.broker.hosts[0].token: expected the secret itself, got \"<redacted>\""
          ]
        )
        assert.strictEqual((yield* decode(Parameters, { subject: "<redacted>" })).metadata["subject"], "<redacted>")
      }))

    it.effect("refuses the marker along with everything else that is wrong", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* violations(Parameters, { subject: "a b", password: "<redacted>" }), [
          "metadata.subject: expected a subject without white space, got \"a b\"",
          "metadata.password: expected the secret itself, got \"<redacted>\""
        ])
      }))

    it.effect("does not show a refused secret, nor what may be one", () =>
      Effect.gen(function*() {
        const Talkative = Schema.RedactedFromValue(
          Schema.String.check(Schema.makeFilter((value) => `the value ${value} is not good`))
        )
        const schemas = {
          short: Schema.Struct({ secret: Schema.RedactedFromValue(Schema.String.check(Schema.isMaxLength(3))) }),
          number: Schema.Struct({ secret: Schema.RedactedFromValue(Schema.Number) }),
          talkative: Schema.Struct({ secret: Talkative }),
          misspelt: Schema.Struct({ secrt: Schema.optionalKey(Password) }),
          holder: Schema.Struct({ secret: Schema.Struct({ inner: Password }) }),
          union: Schema.Struct({ secret: Schema.Union([Schema.Number, Schema.RedactedFromValue(Schema.Boolean)]) }),
          list: Schema.Struct({ secret: Schema.Array(Password) }),
          json: Schema.Struct({ secret: Schema.RedactedFromValue(Schema.fromJsonString(Schema.Number)) }),
          renamed: Schema.Struct({ hidden: Schema.RedactedFromValue(Schema.Number) }).pipe(
            Schema.encodeKeys({ hidden: "secret" })
          ),
          redacted: Schema.Struct({ secret: Schema.Redacted(Schema.String.check(Schema.isMaxLength(3))) })
        }
        for (const [name, schema] of Object.entries(schemas)) {
          const texts = yield* violations(schema, { secret: canary })
          assert.isNotEmpty(texts, name)
          assert.notInclude(texts.join("\n"), canary, name)
          assert.include(texts[0], "metadata.secret: expected", name)
        }
      }))

    it.effect("hides secrets behind transformations, classes, unions, lists, records, options and recursion", () =>
      Effect.gen(function*() {
        class Login extends Schema.Class<Login>("Login")({ user: Schema.String, secret: Password }) {}
        interface Tree {
          readonly secret: Redacted.Redacted
          readonly children: ReadonlyArray<Tree>
        }
        interface TreeEncoded {
          readonly secret: string
          readonly children: ReadonlyArray<TreeEncoded>
        }
        const Tree = Schema.Struct({
          secret: Password,
          children: Schema.Array(Schema.suspend((): Schema.Codec<Tree, TreeEncoded> => Tree))
        })
        const Joined = Schema.Struct({ secret: Password }).pipe(
          Schema.decodeTo(Schema.String, {
            decode: SchemaGetter.transform(({ secret }) => Redacted.value(secret)),
            encode: SchemaGetter.transform((secret) => ({ secret: Redacted.make(secret, { label: "password" }) }))
          })
        )
        const cases: ReadonlyArray<readonly [string, Parameters<typeof Metadata.make>[0], JsonObject, JsonObject]> = [
          [
            "class",
            Schema.Struct({ login: Login }),
            { login: { user: "u", secret: canary } },
            { login: { user: "u", secret: "<redacted>" } }
          ],
          [
            "renamed",
            Schema.Struct({ hidden: Password, plain: Schema.String }).pipe(Schema.encodeKeys({ hidden: "the_secret" })),
            { the_secret: canary, plain: "p" },
            { the_secret: "<redacted>", plain: "p" }
          ],
          [
            "union",
            Schema.Struct({ a: Schema.Union([Schema.Number, Password]), b: Schema.Union([Schema.Number, Password]) }),
            { a: 1, b: canary },
            { a: 1, b: "<redacted>" }
          ],
          [
            "record",
            Schema.Record(Schema.String, Schema.Array(Password)),
            { x: [canary] },
            { x: ["<redacted>"] }
          ],
          ["option", Schema.Struct({ o: Schema.OptionFromNullOr(Password) }), { o: canary }, { o: "<redacted>" }],
          [
            "recursion",
            Tree,
            { secret: canary, children: [{ secret: canary, children: [] }] },
            { secret: "<redacted>", children: [{ secret: "<redacted>", children: [] }] }
          ],
          ["whole object", Schema.Struct({ s: Schema.RedactedFromValue(Schema.Struct({ u: Schema.String })) }), {
            s: { u: canary }
          }, { s: "<redacted>" }],
          ["number", Schema.Struct({ pin: Schema.RedactedFromValue(Schema.Int) }), { pin: 1234 }, {
            pin: "<redacted>"
          }],
          ["not encodable", Schema.Struct({ s: Schema.RedactedFromValue(Schema.String, { disallowEncode: true }) }), {
            s: canary
          }, { s: "<redacted>" }],
          ["made plain", Schema.Struct({ s: Joined }), { s: { secret: canary } }, { s: "<redacted>" }]
        ]
        for (const [name, schema, input, want] of cases) {
          assert.deepStrictEqual((yield* decode(schema, input)).metadata, want, name)
        }
      }))

    it.effect("hides everything where a schema with a secret cannot encode", () =>
      Effect.gen(function*() {
        const OneWay = Schema.Struct({ secret: Password, plain: Schema.String }).pipe(
          Schema.decodeTo(
            Schema.Struct({ all: Schema.String }),
            SchemaTransformation.transform({
              decode: ({ plain }) => ({ all: plain }),
              encode: (): { readonly secret: Redacted.Redacted; readonly plain: string } => {
                throw new Error("one way")
              }
            })
          )
        )

        assert.deepStrictEqual((yield* decode(OneWay, { secret: canary, plain: "p" })).metadata, {
          secret: "<redacted>",
          plain: "<redacted>"
        })
      }))

    it.effect("shows what came where a schema without secrets cannot encode", () =>
      Effect.gen(function*() {
        const OneWay = Schema.Struct({ a: Schema.String }).pipe(
          Schema.decodeTo(Schema.Struct({ b: Schema.String }), {
            decode: SchemaGetter.transform(({ a }) => ({ b: a })),
            encode: SchemaGetter.forbidden(() => "one way")
          })
        )

        assert.deepStrictEqual((yield* decode(OneWay, { a: "x" })).metadata, { a: "x" })
      }))
  })
})
