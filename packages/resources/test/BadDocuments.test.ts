import { assert, describe, it } from "@effect/vitest"
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
import { Effect } from "effect"
import * as Good from "./documents.ts"

type Decode = (input: unknown) => Effect.Effect<unknown, InvalidResource.InvalidResource>

/** What is changed in a good document, and the violations that this makes: path and message. */
type Row = readonly [change: object, ...violations: ReadonlyArray<readonly [path: string, message: string]>]

const { connectorInstanceID: _, ...ofNoInstance } = Good.ingress
const long = "a".repeat(201)

const table: ReadonlyArray<readonly [noun: string, Decode, good: object, ReadonlyArray<Row>]> = [
  ["connector class", ConnectorClass.decode, Good.connectorClass, [
    [{ name: undefined }, ["name", "expected a string, got none"]],
    [{ name: "" }, ["name", "expected a name without white space around it, got \"\""]],
    [{ name: " a" }, ["name", "expected a name without white space around it, got \" a\""]],
    [{ name: "a\u0007b" }, ["name", "expected a name without control characters, got \"a\\u0007b\""]],
    [{ name: long }, ["name", `expected a name of at most 200 characters, got "${"a".repeat(200)}…"`]],
    [{ type: "BOTH" }, ["type", "expected \"INGRESS\" or \"EGRESS\" or \"BIDIRECTIONAL\", got \"BOTH\""]],
    [{ connectorVersion: 1 }, ["connectorVersion", "expected a string, got 1"]],
    [{ connectorVersion: "" }, ["connectorVersion", "expected text that is not empty, got \"\""]],
    [{ yamlData: undefined }, ["yamlData", "expected a string, got none"]],
    [{ streamParameterSchema: "{}" }, ["streamParameterSchema", "expected an object, got \"{}\""]],
    [{ YamlData: "a" }, ["YamlData", "expected the key \"yamlData\", got \"YamlData\""]],
    [
      { type: 1, minSvcDomainVersion: 2.3, description: null },
      ["description", "expected a string, got null"],
      ["minSvcDomainVersion", "expected a string, got 2.3"],
      ["type", "expected \"INGRESS\" or \"EGRESS\" or \"BIDIRECTIONAL\", got 1"]
    ]
  ]],
  ["connector instance", ConnectorInstance.decode, Good.instance, [
    [{ connectorClassID: undefined }, ["connectorClassID", "expected a string, got none"]],
    [
      { connectorClassID: undefined, connectorClassId: "c" },
      ["connectorClassID", "expected a string, got none"],
      ["connectorClassId", "expected the key \"connectorClassID\", got \"connectorClassId\""]
    ],
    [{ projectId: " " }, ["projectId", "expected an id without white space around it, got \" \""]],
    [{ staticParameters: ["latest"] }, ["staticParameters", "expected an object, got an array of 1 item"]],
    [{ id: "a".repeat(37) }, ["id", `expected an id of at most 36 characters, got "${"a".repeat(37)}"`]],
    [{ id: "a/b" }, ["id", "expected an id of letters, digits, \"_\", \"=\", \".\" and \"-\", got \"a/b\""]]
  ]],
  ["connector stream", ConnectorStream.decode, Good.ingress, [
    [{ labels: [] }, ["labels", "expected at least one label: a pipeline finds an ingress stream by them"]],
    [{ labels: undefined }, ["labels", "expected at least one label: a pipeline finds an ingress stream by them"]],
    [
      { direction: "EGRESS" },
      ["labels", "expected no labels: only ingress streams have them, got an array of 1 item"]
    ],
    [{ direction: "SINK" }, ["labels", "expected no labels: only ingress streams have them, got an array of 1 item"]],
    [{ direction: "BIDIRECTIONAL" }, ["direction", "expected \"INGRESS\" or \"EGRESS\", got \"BIDIRECTIONAL\""]],
    [{ stream: undefined }, ["stream", "expected an object, got none"]],
    [{ labels: [{ id: "c" }] }, ["labels[0].value", "expected a string, got none"]],
    [{ labels: [{ id: "c", value: "" }] }, ["labels[0].value", "expected text that is not empty, got \"\""]],
    [{ serviceDomainIds: "sd-1" }, ["serviceDomainIds", "expected an array, got \"sd-1\""]],
    [
      { serviceDomainIds: [1, "a", null] },
      ["serviceDomainIds[0]", "expected a string, got 1"],
      ["serviceDomainIds[2]", "expected a string, got null"]
    ],
    [
      { direction: "EGRESS", name: 5 },
      ["name", "expected a string, got 5"],
      ["labels", "expected no labels: only ingress streams have them, got an array of 1 item"]
    ],
    [
      { name: "nats://user:secret@broker " },
      ["name", "expected a name without white space around it, got \"nats://<redacted>@broker \""]
    ]
  ]],
  ["connector config", ConnectorConfig.decode, Good.config, [
    [{ config: 5 }, ["config", "expected an object, got 5"]],
    [{ config: undefined, parameters: "x" }, ["parameters", "expected an object, got \"x\""]],
    [
      { parameters: { log_level: "DEBUG" } },
      ["parameters", "expected the same values as in \"config\", or only one of the two"]
    ],
    [{ connectorInstanceID: null }, ["connectorInstanceID", "expected a string, got null"]],
    [{ serviceDomainSelectors: [{ value: "a" }] }, ["serviceDomainSelectors[0].id", "expected a string, got none"]]
  ]],
  ["category", Category.decode, Good.category, [
    [{ values: [] }, ["values", "expected at least one value, got an array of 0 items"]],
    [{ values: ["a", "b", "a"] }, ["values[2]", "expected each value once, got \"a\""]],
    [{ values: [1] }, ["values[0]", "expected a string, got 1"]],
    [{ purpose: undefined }, ["purpose", "expected a string, got none"]]
  ]],
  ["category in a file", Category.manifest.decode, { name: "c", values: ["a"] }, [
    [{ values: undefined }, ["values", "expected an array, got none"]]
  ]],
  ["service domain", ServiceDomain.decode, Good.serviceDomain, [
    [
      { name: "Plant 1" },
      ["name", "expected a name of lower-case letters, digits and \"-\", such as \"plant-1\", got \"Plant 1\""]
    ],
    [{ name: "a".repeat(61) }, ["name", `expected a name of at most 60 characters, got "${"a".repeat(61)}"`]],
    [
      { profile: { ingressType: "HAProxy" } },
      ["profile.ingressType", "expected \"Traefik\" or \"NGINX\", got \"HAProxy\""]
    ]
  ]],
  ["project", Project.decode, Good.project, [
    [{ edgeSelectorType: "All" }, ["edgeSelectorType", "expected \"Category\" or \"Explicit\", got \"All\""]],
    [
      { edgeSelectorType: "Category" },
      ["edgeIds", "expected none where edgeSelectorType is \"Category\", got an array of 1 item"]
    ],
    [
      { edgeSelectors: [{ id: "c", value: "v" }] },
      ["edgeSelectors", "expected none where edgeSelectorType is \"Explicit\", got an array of 1 item"]
    ],
    [
      { users: [{ userId: "u", role: "OWNER" }] },
      ["users[0].role", "expected \"PROJECT_ADMIN\" or \"PROJECT_USER\", got \"OWNER\""]
    ],
    [
      { description: "d".repeat(201) },
      ["description", `expected a description of at most 200 characters, got "${"d".repeat(200)}…"`]
    ]
  ]],
  ["function", Function.decode, Good.func, [
    [{ language: "ruby" }, ["language", "expected \"python\" or \"node\" or \"golang\", got \"ruby\""]],
    [
      { environment: "node-env" },
      ["environment", "expected a runtime for python, this one is for node, got \"node-env\""]
    ],
    [{ code: "" }, ["code", "expected text that is not empty, got \"\""]],
    [
      { params: [{ name: "a", type: "float" }] },
      ["params[0].type", "expected \"string\" or \"integer\", got \"float\""]
    ],
    [
      { params: [{ name: "a", type: "string" }, { name: "a", type: "integer" }] },
      ["params[1].name", "expected each parameter once, got \"a\""]
    ],
    [
      { params: [{ name: "a b", type: "string" }] },
      ["params[0].name", "expected a name of letters, digits and \"_\", got \"a b\""]
    ]
  ]],
  ["function in a file", Function.manifest.decode, Good.functionManifest, [
    [{ sourceCodePath: undefined }, ["sourceCodePath", "expected a string, got none"]]
  ]],
  ["data pipeline", DataPipeline.decode, Good.pipeline, [
    [{ originSelectors: [] }, ["originSelectors", "expected at least one selector, got none"]],
    [{ originId: "dp-2" }, ["originId", "expected none where origin is \"Data Source\", got \"dp-2\""]],
    [
      { origin: "Data Stream" },
      ["originId", "expected the id of the pipeline that it takes from, got none"],
      ["originSelectors", "expected none where origin is \"Data Stream\", got an array of 1 item"]
    ],
    [{ endPoint: "" }, ["endPoint", "expected the name of its endpoint, got none"]],
    [{ destination: "Cloud" }, ["cloudType", "expected the cloud that it goes to, got none"]],
    [
      { destination: "Cloud", cloudType: "AWS", gcpStreamType: "PubSub" },
      ["awsStreamType", "expected a service of AWS (\"Kinesis\", \"SQS\", \"S3\", \"DynamoDB\"), got none"]
    ],
    [{ samplingInterval: -1 }, ["samplingInterval", "expected seconds from 0, got -1"]]
  ]],
  ["data pipeline in a file", PipelineManifest.decode, Good.pipelineManifest, [
    [
      { input: { ...Good.pipelineManifest.input, dataPipeline: "other" } },
      ["input", "expected either \"categorySelectors\" or \"dataPipeline\", got both"]
    ],
    [{ input: {} }, ["input", "expected either \"categorySelectors\" or \"dataPipeline\", got neither"]],
    [
      { input: { categorySelectors: {} } },
      ["input.categorySelectors", "expected at least one category, got none"]
    ],
    [
      { input: { categorySelectors: { "a b": [] } } },
      ["input.categorySelectors[\"a b\"]", "expected at least one value, got an array of 0 items"]
    ],
    [{ output: {} }, ["output", "expected either \"localEdge\" or \"publicCloud\", got neither"]],
    [
      { output: { localEdge: { type: "Connector" } } },
      ["output.localEdge.endpointName", "expected a string, got none"]
    ],
    [
      { output: { localEdge: { type: "DataService", endpointName: "e" } } },
      ["output.localEdge.service", "expected a service where type is \"DataService\", got none"]
    ],
    [
      { output: { localEdge: { type: "Connector", service: "MQTT", endpointName: "e" } } },
      [
        "output.localEdge.service",
        "expected none where type is \"Connector\": endpointName is the egress stream, got \"MQTT\""
      ]
    ],
    [
      { output: { publicCloud: { type: "Azure", service: "S3", endpointName: "e" } } },
      ["output.publicCloud.service", "expected a service of Azure (\"Blob\"), got \"S3\""]
    ],
    [
      { functions: [{ name: "f", args: { a: [1] } }] },
      ["functions[0].args.a", "expected a string, a number or a boolean, got an array of 1 item"]
    ],
    [{ samplingIntervalMsec: "1s" }, ["samplingIntervalMsec", "expected a number, got \"1s\""]]
  ]]
]

const without = (document: object) =>
  Object.fromEntries(Object.entries(document).filter(([, value]) => value !== undefined))

for (const [noun, decode, good, rows] of table) {
  describe(`a bad ${noun}`, () => {
    it.effect("is a good one that was changed", () => decode(good))

    for (const [change, ...violations] of rows) {
      it.effect(`with ${JSON.stringify(change, (_, value) => value === undefined ? "(none)" : value)} is refused`, () =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(decode(without({ ...good, ...change })))

          assert.deepStrictEqual(
            error.violations.map(({ message, path }) => [path, message]),
            violations.map(([path, message]) => [path, message])
          )
          for (const [path, message] of violations) assert.include(error.message, `${path}: ${message}`)
        }))
    }
  })
}

it("are at least forty", () => {
  assert.isAtLeast(table.flatMap(([, , , rows]) => rows).length, 40)
})

it.effect("what is no object at all is refused as a whole", () =>
  Effect.gen(function*() {
    for (const input of [null, 5, "text", [ofNoInstance]]) {
      const { message } = yield* Effect.flip(ConnectorStream.decode(input))
      assert.match(message, /^1 violation in connector stream:\n {2}expected an object, got /)
    }
  }))
