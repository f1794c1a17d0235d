import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import {
  Category,
  ConnectorClass,
  ConnectorConfig,
  ConnectorInstance,
  ConnectorStream,
  DataPipeline,
  Function,
  type InvalidResource,
  PipelineManifest,
  Project,
  ServiceDomain
} from "@kps/resources"
import { Effect, Schema } from "effect"
import * as Good from "./documents.ts"

interface Door {
  readonly decode: (input: unknown) => Effect.Effect<unknown, InvalidResource.InvalidResource>
  // a method, which TypeScript compares less strictly: each door encodes its own type
  encode(value: unknown): Effect.Effect<Schema.JsonObject, InvalidResource.InvalidResource>
}

const documents: Readonly<Record<string, readonly [door: Door, document: object]>> = {
  "a connector class": [ConnectorClass, Good.connectorClass],
  "a connector instance": [ConnectorInstance, Good.instance],
  "an ingress stream": [ConnectorStream, Good.ingress],
  "an egress stream": [ConnectorStream, Good.egress],
  "a connector config": [ConnectorConfig, Good.config],
  "a category": [Category, Good.category],
  "a category in a file": [Category.manifest, { name: "c", description: "d", values: ["v"] }],
  "a service domain": [ServiceDomain, Good.serviceDomain],
  "a project": [Project, Good.project],
  "a project in a file": [Project.manifest, { name: "p", description: "", users: ["u-1"], edges: ["plant-1"] }],
  "a function": [Function, Good.func],
  "a function in a file": [Function.manifest, Good.functionManifest],
  "a data pipeline": [DataPipeline, Good.pipeline],
  "a data pipeline in a file": [PipelineManifest, Good.pipelineManifest]
}

/** What a store of the platform adds, and what no version of ours knows. */
const added = {
  id: "1-2",
  tenantId: "t-1",
  version: 1_600_000_000,
  createdAt: "2021-07-01T00:00:00Z",
  "a key": { of: ["others", null, { deep: true }], constructor: 1 }
}

for (const [noun, [door, document]] of Object.entries(documents)) {
  describe(noun, () => {
    it.effect("is given back as it came", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* door.encode(yield* door.decode(document)), document)
      }))

    it.effect("keeps the keys that it does not know", () =>
      Effect.gen(function*() {
        const more = { ...added, ...document }
        assert.deepStrictEqual(yield* door.encode(yield* door.decode(more)), more)
      }))
  })
}

describe("earlier spellings are read, and not written", () => {
  it.effect("SOURCE and SINK", () =>
    Effect.gen(function*() {
      const source = yield* ConnectorStream.decode({ ...Good.ingress, direction: "SOURCE" })
      const sink = yield* ConnectorClass.decode({ ...Good.connectorClass, type: "SINK" })

      assert.strictEqual(source.direction, "INGRESS")
      assert.strictEqual(sink.type, "EGRESS")
      assert.deepStrictEqual(yield* ConnectorStream.encode(source), Good.ingress)
    }))

  it.effect("the parameters of a config", () =>
    Effect.gen(function*() {
      const { config, ...rest } = Good.config
      const named = yield* ConnectorConfig.decode({ ...rest, parameters: config, more: 1 })
      const both = yield* ConnectorConfig.decode({ ...Good.config, parameters: { ...config } })
      const neither = yield* ConnectorConfig.decode(rest)

      assert.deepStrictEqual(yield* ConnectorConfig.encode(named), { ...Good.config, more: 1 })
      assert.deepStrictEqual(yield* ConnectorConfig.encode(both), Good.config)
      assert.deepStrictEqual(neither.config, {})
    }))

  it.effect("javascript and DataDriver", () =>
    Effect.gen(function*() {
      const func = yield* Function.decode({ ...Good.func, language: "javascript", environment: "node-env" })
      const pipeline = yield* DataPipeline.decode({ ...Good.pipeline, edgeStreamType: "DataDriver" })

      assert.strictEqual(func.language, "node")
      assert.strictEqual(pipeline.edgeStreamType, "Connector")
    }))
})

it.effect("a value that breaks the rules of its fields is not written", () =>
  Effect.gen(function*() {
    const category = yield* Category.decode(Good.category)
    const error = yield* Effect.flip(Category.encode({ ...category, values: [] }))

    assert.strictEqual(
      error.message,
      "1 violation in category \"Data Type\":\n  values: expected at least one value, got an array of 0 items"
    )
  }))

it.effect.prop(
  "whatever a document holds, it is the same after it was written and read",
  [ConnectorStream.ConnectorStream, DataPipeline.DataPipeline, Project.Project, Function.Function],
  ([stream, pipeline, project, func]) =>
    Effect.gen(function*() {
      const schemas = [
        [ConnectorStream.ConnectorStream, stream],
        [DataPipeline.DataPipeline, pipeline],
        [Project.Project, project],
        [Function.Function, func]
      ] as const
      for (const [schema, value] of schemas) {
        const json: unknown = JSON.parse(JSON.stringify(yield* Schema.encodeUnknownEffect(schema)(value)))
        assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(schema)(json), JSON.parse(JSON.stringify(value)))
      }
    }),
  { arbitrary: { runs: 50, seed: 1 }, timeout: 120_000 }
)

it("a field that there is not is none of a document's type, though it is kept", () => {
  expectTypeOf<ConnectorStream.ConnectorStream>().toHaveProperty("labels")
  expectTypeOf<ConnectorStream.ConnectorStream>().not.toHaveProperty("label")
})

it.effect("a key called __proto__ is kept as any other", () =>
  Effect.gen(function*() {
    const document = JSON.parse(`{"name":"c","purpose":"","values":["v"],"__proto__":{"name":"other"}}`)
    const category = yield* Category.decode(document)

    assert.strictEqual(category.name, "c")
    assert.strictEqual(JSON.stringify(yield* Category.encode(category)), JSON.stringify(document))
  }))
