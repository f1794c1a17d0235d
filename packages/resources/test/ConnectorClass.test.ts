import { assert, describe, it } from "@effect/vitest"
import { Connector } from "@kps/connector"
import { ConnectorClass, type Fields, ParameterSchema, Violation } from "@kps/resources"
import { Effect, Schema } from "effect"
import * as Good from "./documents.ts"

const template: string = Good.connectorClass.yamlData

const Address = Schema.Struct({
  name: Schema.String.annotate({ description: "Name of the point." }),
  unit: Schema.optionalKey(Schema.NullOr(Schema.String.annotate({ description: "Unit of what is read." })))
}).annotate({ identifier: "Address", description: "One point." })

const define = (definition: Partial<Connector.AnyDefinition>) =>
  Connector.make("plc")({
    version: "2.1",
    description: "Reads points of a PLC.",
    direction: "INGRESS",
    staticParameters: Schema.Struct({
      image_tag: Schema.String.annotate({ description: "Tag of the image.", examples: ["1.0"] })
    }),
    config: Schema.Struct({}),
    stream: Schema.Struct({
      addresses: Schema.Array(Address).annotate({ description: "What is read." }),
      spare: Schema.optionalKey(Address),
      token: Schema.optionalKey(Schema.RedactedFromValue(
        Schema.String.annotate({ description: "Its token.", writeOnly: true, "x-kps-secret": true })
      ))
    }),
    failures: {},
    ...definition
  } as Connector.Definition<"INGRESS", Connector.AnyCodec, Connector.AnyCodec, {}>)

const fromDefinition = (definition: Partial<Connector.AnyDefinition>, yaml = template) =>
  ConnectorClass.fromDefinition(define(definition), { template: yaml })

const refused = <A>(effect: Effect.Effect<A, { readonly violations: ReadonlyArray<Violation.Violation> }>) =>
  Effect.map(Effect.flip(effect), ({ violations }) => violations.map(Violation.text))

const undescribed = "expected a description: annotate({ description: \"…\" })"

describe("a class from a definition", () => {
  it.effect("has its name, version, direction and draft-07 schemas of its parameters", () =>
    Effect.gen(function*() {
      const { yamlData, ...made } = yield* fromDefinition({})

      assert.strictEqual(yamlData, template)
      assert.deepStrictEqual(made, {
        name: "plc",
        description: "Reads points of a PLC.",
        connectorVersion: "2.1",
        minSvcDomainVersion: "2.3.0",
        type: "INGRESS",
        staticParameterSchema: {
          type: "object",
          properties: { image_tag: { type: "string", description: "Tag of the image.", examples: ["1.0"] } },
          required: ["image_tag"],
          additionalProperties: false
        },
        configParameterSchema: { type: "object", properties: {}, additionalProperties: false },
        streamParameterSchema: {
          type: "object",
          properties: {
            addresses: { type: "array", items: { $ref: "#/definitions/Address" }, description: "What is read." },
            spare: { $ref: "#/definitions/Address" },
            token: { type: "string", description: "Its token.", writeOnly: true, "x-kps-secret": true }
          },
          required: ["addresses"],
          additionalProperties: false,
          definitions: {
            Address: {
              type: "object",
              properties: {
                name: { type: "string", description: "Name of the point." },
                unit: { anyOf: [{ type: "string", description: "Unit of what is read." }, { type: "null" }] }
              },
              required: ["name"],
              additionalProperties: false,
              description: "One point."
            }
          }
        }
      })
    }))

  it.effect("is refused where a property has no description, however deep it is", () =>
    Effect.gen(function*() {
      const Point = Schema.Struct({ name: Schema.String }).annotate({ identifier: "Point" })
      const stream = Schema.Struct({
        a: Schema.String,
        b: Schema.String.annotate({ description: " " }),
        c: Schema.Array(Point).annotate({ description: "points" }),
        d: Schema.Record(Schema.String, Schema.Struct({ "x y": Schema.Int })).annotate({ description: "by name" }),
        e: Schema.Union([Schema.Struct({ f: Schema.Int }), Schema.String]).annotate({ description: "either" }),
        g: Point
      })
      assert.deepStrictEqual(
        yield* refused(fromDefinition({ stream, config: Schema.Struct({ level: Schema.String }) })),
        [
          `configParameterSchema.level: ${undescribed}`,
          `streamParameterSchema.a: ${undescribed}`,
          `streamParameterSchema.b: ${undescribed}`,
          `streamParameterSchema.c[].name: ${undescribed}`,
          `streamParameterSchema.d{}["x y"]: ${undescribed}`,
          `streamParameterSchema.e.f: ${undescribed}`,
          `streamParameterSchema.g: ${undescribed}`
        ]
      )
    }))

  it.effect("is refused where a secret is not marked as one", () =>
    Effect.gen(function*() {
      const Token = Schema.String.annotate({ description: "Its token." })
      const marked = Token.annotate({ writeOnly: true }).check(Schema.isMinLength(8))
      const stream = Schema.Struct({
        a: Schema.RedactedFromValue(Token),
        b: Schema.optionalKey(Schema.RedactedFromValue(Token.check(Schema.isMinLength(8)))),
        c: Schema.RedactedFromValue(marked),
        d: Schema.Array(Schema.Struct({ e: Schema.NullOr(Schema.RedactedFromValue(Token)) }))
          .annotate({ description: "more" })
      })
      const mark = "expected the mark of a secret: annotate({ writeOnly: true }) on the schema within Redacted"
      assert.deepStrictEqual(yield* refused(fromDefinition({ stream })), [
        `streamParameterSchema.a: ${mark}`,
        `streamParameterSchema.b: ${mark}`,
        `streamParameterSchema.d[].e: ${mark}`
      ])
    }))

  it.effect("is refused where the template and the static parameters do not fit", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* refused(fromDefinition({ staticParameters: Schema.Struct({}) })), [
        `line ${lineOf("image_tag")}, yamlData: expected a static parameter (there is none), got "image_tag"`
      ])
      assert.deepStrictEqual(
        yield* refused(fromDefinition({}, "kind: Pod\nmetadata: { name: p-{{ .Parameters.image_tag }} }\n")),
        [
          "line 1, yamlData, document 1 (Pod p-1.0), apiVersion: expected text, got none",
          "line 1, yamlData, document 1 (Pod p-1.0), spec.containers: expected at least one container, got none",
          "yamlData: expected exactly one Service, got none"
        ]
      )
      assert.deepStrictEqual(yield* refused(fromDefinition({}, "")), [
        "yamlData: expected text that is not empty, got \"\""
      ])
    }))

  it.effect("has a schema of its own for a root that refers to itself", () =>
    Effect.gen(function*() {
      interface Tree {
        readonly children: ReadonlyArray<Tree>
      }
      const Tree = Schema.Struct({
        children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree)).annotate({ description: "below" })
      }).annotate({ identifier: "Tree", description: "A tree." })
      const { streamParameterSchema } = yield* fromDefinition({ stream: Tree })
      assert(streamParameterSchema !== undefined)
      assert.strictEqual(streamParameterSchema["type"], "object")
      assert.deepStrictEqual(ParameterSchema.undescribed(streamParameterSchema, ""), [])
    }))
})

const lineOf = (text: string) => template.split("\n").findIndex((line) => line.includes(text)) + 1

describe("a class document", () => {
  it.effect("is checked: its schemas, its template, its resources", () =>
    Effect.gen(function*() {
      const good = yield* ConnectorClass.decode(Good.connectorClass)
      assert.deepStrictEqual(ConnectorClass.check(good), [])

      const bad = { ...good, configParameterSchema: { type: "array" }, yamlData: template.replace("image_tag", "tag") }
      assert.deepStrictEqual(ConnectorClass.check(bad).map(Violation.text), [
        "configParameterSchema.type: expected \"object\": parameters have names, got \"array\"",
        `line ${lineOf("image_tag")}, yamlData: expected a static parameter ("image_tag"), got "tag"`
      ])
    }))

  it.effect("differs from the code in places that are told", () =>
    Effect.gen(function*() {
      const code = yield* ConnectorClass.decode(Good.connectorClass)
      assert.deepStrictEqual(
        ConnectorClass.drift(yield* ConnectorClass.decode({ id: "1", ...Good.connectorClass }), code),
        []
      )

      const { queue: _, ...properties } = Good.connectorClass.streamParameterSchema.properties
      const { minSvcDomainVersion: _min, ...rest } = Good.connectorClass
      const document = yield* ConnectorClass.decode({
        ...rest,
        connectorVersion: "1.1",
        streamParameterSchema: {
          ...Good.connectorClass.streamParameterSchema,
          properties,
          required: ["broker", "subject"],
          more: true
        },
        yamlData: template.replace("replicas: 1", "replicas: 2")
      })
      assert.deepStrictEqual(ConnectorClass.drift(document, code).map(Violation.text), [
        "connectorVersion: expected \"1.0\", as in the code, got \"1.1\"",
        "minSvcDomainVersion: expected \"2.3.0\", as in the code, got none",
        "streamParameterSchema.properties.queue: expected {\"type\":\"string\",\"description\":\"NATS queue group of an ingress stream: each message goes to one of the subscribers that share the group. Without it every subscriber gets every message.\",\"pattern\":\"^[^…, as in the code, got none",
        "streamParameterSchema.required[0]: expected \"subject\", as in the code, got \"broker\"",
        "streamParameterSchema.required[1]: expected \"broker\", as in the code, got \"subject\"",
        "streamParameterSchema.more: expected none, as in the code, got true",
        `line ${lineOf("replicas")}, yamlData: expected "  replicas: 1", as in the template, got "  replicas: 2"`
      ])
    }))
})

describe("an instance's resources", () => {
  const rendered = (
    staticParameters: Readonly<Record<string, unknown>>,
    change: Partial<ConnectorClass.ConnectorClass> = {}
  ) =>
    Effect.gen(function*() {
      const given = yield* ConnectorClass.decode(Good.connectorClass)
      return yield* ConnectorClass.render({ ...given, ...change }, staticParameters)
    })
  const free: Fields.JsonObject = { type: "object", properties: { image_tag: { type: "string" } } }

  it.effect("are the class's with the static parameters in their places", () =>
    Effect.gen(function*() {
      const { resources, yaml } = yield* rendered({ image_tag: "1.2.3" })
      assert.deepStrictEqual(resources.map(({ kind }) => kind), ["Deployment", "Service", "NetworkPolicy"])
      assert.strictEqual(yaml, template.replaceAll("{{ .Parameters.image_tag }}", "1.2.3"))
    }))

  it.effect("are refused with values that the class does not take", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* refused(rendered({ tag: "latest" })), [
        "staticParameters.image_tag: expected a string, got none",
        "staticParameters.tag: expected no such key (known: \"image_tag\")"
      ])
    }))

  it.effect("have defaults where nothing is given", () =>
    Effect.gen(function*() {
      const { yaml } = yield* rendered({}, {
        staticParameterSchema: { type: "object", properties: { image_tag: { type: "string", default: "stable" } } }
      })
      assert.include(yaml, "natsconnector:stable\"")
    }))

  it.effect("are not changed beyond the place of a value", () =>
    Effect.gen(function*() {
      const change = { staticParameterSchema: free }
      const plain = { ...change, yamlData: template.replace(/"(\S+\{\{ \.Parameters\.image_tag \}\})"/, "$1") }
      // fine in quotes, and in plain text what YAML does not take as something else
      yield* rendered({ image_tag: "a # b: [c" }, change)
      yield* rendered({ image_tag: "a#b" }, plain)
      for (
        const [image_tag, template] of [
          ["x\" # ", change],
          ["x\", privileged: \"true", change],
          ["x\\n", change],
          ["x # ", plain],
          ["x ", plain]
        ] as const
      ) {
        const [violation] = yield* refused(rendered({ image_tag }, template))
        assert.match(
          violation ?? "",
          /^yamlData, document 1 .*expected the values of parameters to stay within/,
          image_tag
        )
      }
      assert.match((yield* refused(rendered({ image_tag: "x: y" }, plain))).join(), /yamlData/)
      assert.match((yield* refused(rendered({ image_tag: "x\"\n  y: 1" }, change))).join(), /text of one line/)
    }))
})
