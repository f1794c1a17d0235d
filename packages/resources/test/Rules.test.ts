/** What is wrong with a document beside those that it is about. */
import { assert, describe, it } from "@effect/vitest"
import {
  Category,
  ConnectorClass,
  ConnectorConfig,
  ConnectorInstance,
  ConnectorStream,
  DataPipeline,
  Function,
  Placement,
  Project,
  ServiceDomain,
  Violation
} from "@kps/resources"
import { Effect } from "effect"
import * as Good from "./documents.ts"

const world = Effect.gen(function*() {
  return {
    connectorClass: yield* ConnectorClass.decode(Good.connectorClass),
    project: yield* Project.decode({ ...Good.project, edgeIds: ["sd-1", "sd-2"] }),
    byCategory: yield* Project.decode({
      ...Good.project,
      edgeSelectorType: "Category",
      edgeIds: [],
      edgeSelectors: [{ id: "cat-1", value: "nats" }]
    }),
    categories: [yield* Category.decode(Good.category)],
    functions: [yield* Function.decode(Good.func)],
    pipelines: [yield* DataPipeline.decode(Good.pipeline)],
    streams: [yield* ConnectorStream.decode(Good.ingress), yield* ConnectorStream.decode(Good.egress)],
    serviceDomains: [yield* ServiceDomain.decode(Good.serviceDomain)]
  }
})

const ingress = {
  ...Good.ingress,
  labels: [{ id: "cat-1", value: "nats" }],
  serviceDomainIds: ["sd-1"]
}

const texts = (violations: ReadonlyArray<Violation.Violation>) => violations.map(Violation.text)

describe("a stream", () => {
  it.effect("has a direction of its class, parameters, labels and service domains that there are", () =>
    Effect.gen(function*() {
      const given = yield* world
      const stream = yield* ConnectorStream.decode(ingress)
      assert.deepStrictEqual(ConnectorStream.check(stream, given), [])

      const wrong = yield* ConnectorStream.decode({
        ...ingress,
        labels: [{ id: "cat-1", value: "opc" }, { id: "cat-9", value: "x" }],
        stream: { subject: "a..b", colour: "red" },
        serviceDomainIds: ["sd-2", "sd-3"],
        excludeServiceDomainIds: ["sd-4"],
        serviceDomainSelectors: [{ id: "cat-1", value: "nats" }]
      })
      const connectorClass = { ...given.connectorClass, type: "EGRESS" as const }
      const found = texts(ConnectorStream.check(wrong, { ...given, connectorClass }))
      const { pattern } = Good.connectorClass.streamParameterSchema.properties.subject
      assert.deepStrictEqual(found, [
        "direction: expected \"EGRESS\", the type of the class \"natsconnector\", got \"INGRESS\"",
        "stream.broker: expected a string, got none",
        "stream.colour: expected no such key (known: \"subject\", \"broker\", \"queue\", \"credentials\", \"jetstream\")",
        `stream.subject: expected text that matches ${pattern}, got "a..b"`,
        "labels[0].value: expected a value of \"Data Type\" (\"nats\", \"mqtt\"), got \"opc\"",
        "labels[1].id: expected the id of a category, got \"cat-9\"",
        "serviceDomainIds[1]: expected a service domain of the project (\"sd-1\", \"sd-2\"), got \"sd-3\"",
        "excludeServiceDomainIds[0]: expected a service domain of the project (\"sd-1\", \"sd-2\"), got \"sd-4\"",
        "serviceDomainSelectors: expected none in the project \"NatsConnectorProject\", which lists its service domains, got an array of 1 item"
      ])
    }))

  it.effect("names no service domain in a project that selects them by categories", () =>
    Effect.gen(function*() {
      const { byCategory, ...given } = yield* world
      const stream = yield* ConnectorStream.decode({
        ...ingress,
        serviceDomainSelectors: [{ id: "cat-1", value: "x" }]
      })
      assert.deepStrictEqual(texts(ConnectorStream.check(stream, { ...given, project: byCategory })), [
        "serviceDomainIds: expected none in the project \"NatsConnectorProject\", which selects its service domains by category, got an array of 1 item",
        "serviceDomainSelectors[0].value: expected a value of \"Data Type\" (\"nats\", \"mqtt\"), got \"x\""
      ])
    }))
})

it.effect("an instance and a config have parameters of their class", () =>
  Effect.gen(function*() {
    const given = yield* world
    const instance = yield* ConnectorInstance.decode(Good.instance)
    const config = yield* ConnectorConfig.decode({ ...Good.config, serviceDomainIds: [] })
    assert.deepStrictEqual(ConnectorInstance.check(instance, given), [])
    assert.deepStrictEqual(ConnectorConfig.check(config, given), [])

    const { staticParameters: _, ...none } = instance
    assert.deepStrictEqual(texts(ConnectorInstance.check(none, given)), [
      "staticParameters.image_tag: expected a string, got none"
    ])
    assert.deepStrictEqual(texts(ConnectorConfig.check({ ...config, config: { log_level: "LOUD" } }, given)), [
      "config.log_level: expected one of \"DEBUG\", \"INFO\", \"WARN\", \"ERROR\", got \"LOUD\""
    ])
  }))

describe("a pipeline", () => {
  it.effect("names categories, functions, pipelines and egress streams that there are", () =>
    Effect.gen(function*() {
      const given = yield* world
      const [pipeline] = given.pipelines
      assert(pipeline !== undefined)
      assert.deepStrictEqual(DataPipeline.check(pipeline, given), [])

      const wrong: DataPipeline.DataPipeline = {
        ...pipeline,
        originSelectors: [{ id: "cat-9", value: "nats" }],
        endPoint: "natsconnectorstream-in",
        transformationArgsList: [
          { transformationId: "f-9", args: [] },
          { transformationId: "f-1", args: [{ name: "count", type: "integer", value: "x" }] }
        ]
      }
      assert.deepStrictEqual(texts(DataPipeline.check(wrong, given)), [
        "originSelectors[0].id: expected the id of a category, got \"cat-9\"",
        "endPoint: expected the name of an egress stream: this one is an ingress stream, got \"natsconnectorstream-in\"",
        "transformationArgsList[0].transformationId: expected the id of a function, got \"f-9\"",
        "transformationArgsList[1].args[0]: expected an integer, got \"x\"",
        "transformationArgsList[1].args.prefix: expected a string for the parameter of the function \"echo\", got none"
      ])
    }))

  it.effect("does not take from itself, over however many others", () =>
    Effect.gen(function*() {
      const given = yield* world
      const [first] = given.pipelines
      assert(first !== undefined)
      const after = (id: string, originId: string): DataPipeline.DataPipeline => ({
        ...first,
        id,
        origin: "Data Stream",
        originSelectors: [],
        originId
      })
      const check = (pipeline: DataPipeline.DataPipeline, ...pipelines: ReadonlyArray<DataPipeline.DataPipeline>) =>
        texts(DataPipeline.check(pipeline, { ...given, pipelines: [first, ...pipelines] }))
      const loop = "originId: expected a pipeline that does not take from this one, got "

      assert.deepStrictEqual(check(after("a", "dp-1")), [])
      assert.deepStrictEqual(check(after("b", "a"), after("a", "dp-1")), [])
      assert.deepStrictEqual(check(after("a", "dp-9")), ["originId: expected the id of a pipeline, got \"dp-9\""])
      assert.deepStrictEqual(check(after("a", "a"), after("a", "dp-1")), [`${loop}"a"`])
      assert.deepStrictEqual(check(after("a", "c"), after("b", "a"), after("c", "b"), after("a", "dp-1")), [
        `${loop}"c"`
      ])
    }))
})

it.effect("a project and a service domain name what there is", () =>
  Effect.gen(function*() {
    const given = yield* world
    const [domain] = given.serviceDomains
    assert(domain !== undefined)
    assert.deepStrictEqual(texts(Project.check(given.project, given)), [
      "edgeIds[1]: expected the id of a service domain, got \"sd-2\""
    ])
    assert.deepStrictEqual(texts(Project.check(given.byCategory, { ...given, categories: [] })), [
      "edgeSelectors[0].id: expected the id of a category, got \"cat-1\""
    ])
    assert.deepStrictEqual(ServiceDomain.check(domain, given), [])
    assert.deepStrictEqual(texts(ServiceDomain.check(domain, { categories: [] })), [
      "labels[0].id: expected the id of a category, got \"cat-1\""
    ])
  }))

describe("placement", () => {
  const labels = (value: string) => [{ id: "line", value }, { id: "type", value: "t" }]
  const domains = ["a", "b", "c"].map((id) => ({ id, name: id, labels: labels(id) }))
  const names = (placement: Placement.Placement, project: Project.Project) =>
    Placement.resolve(placement, project, domains).map(({ id }) => id).join("")

  it("selects by all categories, and any value of each", () => {
    const selects = (...selectors: ReadonlyArray<readonly [id: string, value: string]>) =>
      Placement.selects(selectors.map(([id, value]) => ({ id, value })), labels("a"))
    assert.isTrue(selects(["line", "a"]))
    assert.isTrue(selects(["line", "b"], ["line", "a"], ["type", "t"]))
    assert.isFalse(selects(["line", "a"], ["type", "u"]))
    assert.isFalse(selects(["line", "b"]))
    assert.isFalse(selects())
  })

  it.effect("is all service domains of the project, unless it names some", () =>
    Effect.gen(function*() {
      const { byCategory, project } = yield* world
      const explicit = { ...project, edgeIds: ["a", "b"] }
      const selecting = { ...byCategory, edgeSelectors: [{ id: "line", value: "b" }, { id: "line", value: "c" }] }

      assert.strictEqual(names({}, explicit), "ab")
      assert.strictEqual(names({ serviceDomainIds: [] }, explicit), "ab")
      assert.strictEqual(names({ serviceDomainIds: ["b", "c"] }, explicit), "b")
      assert.strictEqual(names({ excludeServiceDomainIds: ["a"] }, explicit), "b")
      assert.strictEqual(names({}, selecting), "bc")
      assert.strictEqual(names({ serviceDomainSelectors: [{ id: "line", value: "c" }] }, selecting), "c")
      assert.strictEqual(names({ excludeServiceDomainIds: ["c"] }, selecting), "b")
    }))
})
