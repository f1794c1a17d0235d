import { assert, describe, it } from "@effect/vitest"
import { JsonSchema, Result, Schema } from "effect"
import { readFileSync } from "node:fs"
import { NatsConnector } from "../src/NatsConnector.ts"

const text = (name: string): string => readFileSync(new URL(`../samples/${name}`, import.meta.url), "utf8")
const json = (name: string) => JSON.parse(text(name))
const { definition, name } = NatsConnector

type AnyCodec = NonNullable<typeof definition.staticParameters>

/** The schema of parameters as a class document has it. */
const draft07 = (schema: AnyCodec) =>
  JsonSchema.toDocumentDraft07(Schema.toJsonSchemaDocument(schema, { onExcessProperty: "error" }))

const fits = (schema: AnyCodec, value: unknown) =>
  Result.isSuccess(Schema.decodeUnknownResult(schema, { onExcessProperty: "error" })(value))

describe("samples", () => {
  it("class.json is the class of the definition", () => {
    const document = json("class.json")
    assert.strictEqual(document.name, name)
    assert.strictEqual(document.description, definition.description)
    assert.strictEqual(document.connectorVersion, definition.version)
    assert.strictEqual(document.type, definition.direction)
    assert.strictEqual(document.minSvcDomainVersion, "2.3.0")
    for (
      const [key, schema] of [
        ["staticParameterSchema", definition.staticParameters!],
        ["configParameterSchema", definition.config],
        ["streamParameterSchema", definition.stream]
      ] as const
    ) {
      const { definitions, schema: want } = draft07(schema)
      assert.deepStrictEqual(definitions, {}, key)
      assert.deepStrictEqual(document[key], want, key)
    }
  })

  it("class.json holds connector.yaml as it is", () => {
    assert.strictEqual(json("class.json").yamlData, text("connector.yaml"))
  })

  it("connector.yaml has a pod template, the parameter it is rendered with, and a service", () => {
    const yaml = text("connector.yaml")
    assert.match(yaml, /^ {2}template:\n {4}metadata:/m)
    assert.notMatch(yaml, /^ *nats:/m)
    const parameters = [...yaml.matchAll(/\{\{ \.Parameters\.(\w+) \}\}/g)].map(([, parameter]) => parameter)
    assert.deepStrictEqual(parameters, Object.keys(json("class.json").staticParameterSchema.properties))
    assert.match(yaml, /^kind: Service$/m)
    assert.match(yaml, /targetPort: 8000$/m)
  })

  it("the parameters of instance, streams and config decode", () => {
    assert.isTrue(fits(definition.staticParameters!, json("instance.json").staticParameters))
    assert.isTrue(fits(definition.config, json("config.json").config))
    for (const stream of ["stream-in.json", "stream-out.json"]) {
      assert.isTrue(fits(definition.stream, json(stream).stream), stream)
    }
  })

  it("the streams are the documented one and its egress twin", () => {
    const [ingress, egress] = [json("stream-in.json"), json("stream-out.json")]
    assert.strictEqual(ingress.name, "natsconnectorstream-in")
    assert.strictEqual(ingress.direction, "INGRESS")
    assert.isNotEmpty(ingress.labels)
    assert.strictEqual(egress.direction, "EGRESS")
    assert.notProperty(egress, "labels")
    assert.strictEqual(egress.connectorInstanceID, ingress.connectorInstanceID)
  })
})
