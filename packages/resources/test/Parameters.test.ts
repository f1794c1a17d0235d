import { assert, describe, it } from "@effect/vitest"
import { type Fields, Parameters } from "@kps/resources"
import * as Good from "./documents.ts"

const texts = (schema: object | undefined, values: unknown) =>
  // One cast: the schemas of this test are JSON.
  Parameters.check(schema as Fields.JsonObject | undefined, values, "stream").map(({ message, path }) =>
    `${path}: ${message}`
  )

const address = { type: "object", properties: { name: { type: "string", minLength: 2 } }, required: ["name"] }
const schema = {
  type: "object",
  properties: {
    addresses: { type: "array", items: address, minItems: 1 },
    rate: { type: "integer", minimum: 1, maximum: 10 },
    mode: { enum: ["a", "b"] },
    either: { anyOf: [{ type: "string" }, { type: "null" }] },
    token: { type: "string", minLength: 8, writeOnly: true },
    when: { type: "string", format: "date-time" },
    "a/b~c": { type: "boolean" }
  },
  additionalProperties: false
}

describe("values of parameters", () => {
  it("that fit their schema have nothing wrong with them", () => {
    assert.deepStrictEqual(texts(Good.connectorClass.streamParameterSchema, Good.ingress.stream), [])
    assert.deepStrictEqual(texts(schema, { addresses: [{ name: "ab" }], either: null, when: "any" }), [])
  })

  it("may be anything where the class has no schema", () => {
    assert.deepStrictEqual(texts(undefined, { any: "thing" }), [])
  })

  it("are refused with everything that is wrong, by paths", () => {
    assert.deepStrictEqual(
      texts(schema, { addresses: [{ name: "a" }, {}], rate: 11, mode: "c", either: 1, "a/b~c": "yes", more: 1 }),
      [
        "stream.more: expected no such key (known: \"addresses\", \"rate\", \"mode\", \"either\", \"token\", \"when\", \"a/b~c\")",
        "stream.addresses[0].name: expected at least 2 characters, got \"a\"",
        "stream.addresses[1].name: expected a string, got none",
        "stream.rate: expected a number <= 10, got 11",
        "stream.mode: expected one of \"a\", \"b\", got \"c\"",
        "stream.either: expected a value that matches a schema in anyOf, got 1",
        "stream[\"a/b~c\"]: expected a boolean, got \"yes\""
      ]
    )
    assert.deepStrictEqual(texts(schema, []), ["stream: expected an object, got an array of 0 items"])
    assert.deepStrictEqual(texts(Good.connectorClass.streamParameterSchema, { broker: "http://x" }), [
      "stream.subject: expected a string, got none",
      `stream.broker: expected text that matches ${Good.connectorClass.streamParameterSchema.properties.broker.pattern}, got "http://x"`
    ])
  })

  it("are not shown where they are secrets", () => {
    assert.deepStrictEqual(texts(schema, { token: "hunter2" }), [
      "stream.token: expected at least 8 characters, got a string"
    ])
    assert.deepStrictEqual(
      texts({ type: "object", properties: { url: { type: "number" } } }, { url: "nats://u:p@h" }),
      [
        "stream.url: expected a number, got \"nats://<redacted>@h\""
      ]
    )
  })
})

describe("a schema of parameters", () => {
  const wrong = (given: object) =>
    Parameters.checkSchema(given as Fields.JsonObject, "streamParameterSchema").map(({ message, path }) =>
      `${path}: ${message}`
    )

  it("is JSON Schema draft-07 about an object", () => {
    assert.deepStrictEqual(Parameters.checkSchema(undefined, "s"), [])
    assert.deepStrictEqual(wrong(schema), [])
    assert.deepStrictEqual(wrong({ $schema: "http://json-schema.org/draft-07/schema#", type: "object" }), [])
    assert.deepStrictEqual(wrong({ type: "string" }), [
      "streamParameterSchema.type: expected \"object\": parameters have names, got \"string\""
    ])
    for (
      const [given, reason] of [
        [{ type: "object", properties: { a: { type: "text" } } }, /schema is invalid/],
        [{ type: "object", properties: { a: { pattern: "(" } } }, /Invalid regular expression/],
        [{ type: "object", properties: { a: { $ref: "#/definitions/b" } } }, /can't resolve reference/],
        [{ type: "object", $schema: "https://json-schema.org/draft/2020-12/schema" }, /2020-12/]
      ] as const
    ) {
      assert.match(wrong(given).join(), /^streamParameterSchema: expected a JSON Schema of draft-07: /)
      assert.match(wrong(given).join(), reason)
    }
  })
})
