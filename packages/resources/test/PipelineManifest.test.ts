import { assert, describe, it } from "@effect/vitest"
import { Category, ConnectorStream, DataPipeline, Function, PipelineManifest, Project, Violation } from "@kps/resources"
import { Effect } from "effect"
import * as Good from "./documents.ts"

const named = Effect.gen(function*() {
  return {
    projects: [yield* Project.decode(Good.project)],
    categories: [
      yield* Category.decode(Good.category),
      yield* Category.decode({ ...Good.category, id: "cat-2", name: "Line", values: ["a", "b"] })
    ],
    functions: [
      yield* Function.decode({ ...Good.func, id: "f-0", projectId: "p-0" }),
      yield* Function.decode(Good.func)
    ],
    pipelines: [yield* DataPipeline.decode({ ...Good.pipeline, id: "dp-0", name: "first" })],
    streams: [yield* ConnectorStream.decode(Good.ingress), yield* ConnectorStream.decode(Good.egress)]
  }
})

/** Without the id that a store gives. */
const { id: _, ...made } = Good.pipeline

const convert = (change: object) =>
  Effect.gen(function*() {
    return yield* PipelineManifest.toPipeline(
      yield* PipelineManifest.decode({ ...Good.pipelineManifest, ...change }),
      yield* named
    )
  })

const refused = (change: object) =>
  Effect.map(Effect.flip(convert(change)), ({ violations }) => violations.map(Violation.text))

describe("a pipeline in a file", () => {
  it.effect("becomes the pipeline with the ids of what it names", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* DataPipeline.encode(yield* convert({})), made)
    }))

  it.effect("comes back from it as it was, whatever it takes in and puts out", () =>
    Effect.gen(function*() {
      const { localEdge } = Good.pipelineManifest.output
      const changes: ReadonlyArray<object> = [
        {},
        { samplingIntervalMsec: 500 },
        { input: { categorySelectors: { Line: ["a", "b"], "Data Type": ["mqtt"] } } },
        { input: { dataPipeline: "first" } },
        { functions: [] },
        ...["Kafka", "MQTT", "RealTimeStreaming", "ElasticSearch"].map((service) => ({
          output: { localEdge: { type: "DataService", service, endpointName: "e" } }
        })),
        { output: { localEdge: { ...localEdge, type: "DataInterface" } } },
        {
          output: {
            publicCloud: { type: "AWS", service: "Kinesis", region: "us-west-2", endpointName: "e", profile: "aws" }
          }
        },
        { output: { publicCloud: { type: "GCP", service: "PubSub", region: "us-west1", endpointName: "e" } } },
        { output: { publicCloud: { type: "Azure", service: "Blob", endpointName: "e" } } }
      ]
      for (const change of changes) {
        const pipeline = yield* convert(change)
        // what is made of a file is itself a document that is accepted
        yield* DataPipeline.decode(yield* DataPipeline.encode(pipeline))
        const back = yield* PipelineManifest.encode(PipelineManifest.fromPipeline(pipeline, yield* named))
        assert.deepStrictEqual(back, { ...Good.pipelineManifest, ...change })
      }
    }))

  it.effect("has its sampling interval made seconds", () =>
    Effect.gen(function*() {
      const { enableSampling, samplingInterval } = yield* convert({ samplingIntervalMsec: 1500 })
      assert.isTrue(enableSampling)
      assert.strictEqual(samplingInterval, 1.5)
    }))

  it.effect("is refused with everything that it names and that is not there, by its place in the file", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* refused({
          project: "other",
          input: { categorySelectors: { "Data Type": ["nats", "opc"], Colour: ["red"] } },
          functions: [{ name: "echo", args: { prefix: "a", count: 2 } }, { name: "blur" }],
          output: { localEdge: { type: "Connector", endpointName: "natsconnectorstream-in" } }
        }),
        [
          "project: expected a project (known: \"NatsConnectorProject\"), got \"other\"",
          "input.categorySelectors[\"Data Type\"][1]: expected a value of \"Data Type\" (\"nats\", \"mqtt\"), got \"opc\"",
          "input.categorySelectors.Colour: expected a category (known: \"Data Type\", \"Line\"), got \"Colour\"",
          // functions are those of a project that there is not
          "functions[0].name: expected a function of the project (known: ), got \"echo\"",
          "functions[1].name: expected a function of the project (known: ), got \"blur\"",
          "output.localEdge.endpointName: expected the name of an egress stream: this one is an ingress stream, got \"natsconnectorstream-in\""
        ]
      )
      assert.deepStrictEqual(yield* refused({ input: { dataPipeline: "second" } }), [
        "input.dataPipeline: expected a pipeline of the project (known: \"first\"), got \"second\""
      ])
      assert.deepStrictEqual(yield* refused({ output: { localEdge: { type: "Connector", endpointName: "x" } } }), [
        "output.localEdge.endpointName: expected the name of an egress stream (known: \"natsconnectorstream-out\"), got \"x\""
      ])
    }))

  it.effect("gives each parameter of its functions a value of its type, and no other", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* refused({ functions: [{ name: "echo", args: { count: "2.5", more: true } }] }), [
        "functions[0].args.count: expected an integer, got \"2.5\"",
        "functions[0].args.more: expected a parameter of the function \"echo\" (\"prefix\", \"count\"), got \"more\"",
        "functions[0].args.prefix: expected a string for the parameter of the function \"echo\", got none"
      ])
      yield* convert({ functions: [{ name: "echo", args: { count: "-2", prefix: 5 } }] })
    }))
})

describe("a function and a project in a file", () => {
  it.effect("become documents with ids, and come back", () =>
    Effect.gen(function*() {
      const { projects } = yield* named
      const file = yield* Function.manifest.decode(Good.functionManifest)
      const func = yield* Function.fromManifest(file, { code: "def main(ctx, msg): pass", projects })
      assert.strictEqual(func.projectId, "p-1")
      assert.deepStrictEqual(
        yield* Function.manifest.encode(Function.toManifest(func, { projects, sourceCodePath: "echo.py" })),
        Good.functionManifest
      )
      const { message } = yield* Effect.flip(Function.fromManifest({ ...file, project: "x" }, { code: "", projects }))
      assert.include(message, "project: expected a project (known: \"NatsConnectorProject\"), got \"x\"")
      assert.include(message, "sourceCodePath: expected a file that is not empty, got \"echo.py\"")

      const serviceDomains = [{ id: "sd-1", name: "plant-1" }]
      const manifest = {
        name: "p",
        description: "",
        users: ["u-1", { userId: "u-2", role: "PROJECT_ADMIN" }],
        edges: ["plant-1"],
        cloudProfiles: ["aws"],
        dockerProfiles: [],
        privileged: false
      }
      const decoded = yield* Project.manifest.decode(manifest)
      const project = yield* Project.fromManifest(decoded, { serviceDomains })
      assert.deepStrictEqual(project.edgeIds, ["sd-1"])
      yield* Project.decode(yield* Project.encode(project))
      assert.deepStrictEqual(
        yield* Project.manifest.encode(Project.toManifest({ ...project, id: "p-9" }, { serviceDomains })),
        manifest
      )
      const error = yield* Effect.flip(Project.fromManifest({ ...decoded, edges: ["a", "b"] }, { serviceDomains }))
      assert.deepStrictEqual(error.violations.map(Violation.text), [
        "edges[0]: expected a service domain (known: \"plant-1\"), got \"a\"",
        "edges[1]: expected a service domain (known: \"plant-1\"), got \"b\""
      ])
    }))

  it("and a category's description is its purpose", () => {
    const file = { name: "c", description: "why", values: ["v"] }
    const category = Category.fromManifest(file)
    assert.deepStrictEqual(category, { name: "c", purpose: "why", values: ["v"] })
    assert.deepStrictEqual(Category.toManifest({ ...category, id: "c-1", tenantId: "t" }), file)
  })
})
