/** Documents that are refused, each with the place and the reason; nothing of them is kept. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Kind } from "../src/documents/Kind.ts"
import * as sample from "./support/documents.ts"
import { rest } from "./support/Rest.ts"

const paths: Readonly<Record<Kind, string>> = {
  category: "/v1.0/categories",
  serviceDomain: "/v1.0/servicedomains",
  project: "/v1.0/projects",
  connectorClass: "/v1.0/connector/classes",
  connectorInstance: "/v1.0/connector/instances",
  connectorStream: "/v1.0/connector/streams",
  connectorConfig: "/v1.0/connector/configs",
  function: "/v1.0/functions",
  dataPipeline: "/v1.0/datapipelines"
}

const without = (document: object, key: string): object =>
  Object.fromEntries(Object.entries(document).filter(([name]) => name !== key))

const { category, config, connectorClass, connectorInstance, egress, func, ingress, pipeline, project, serviceDomain } =
  sample

const { yamlData: yaml } = { yamlData: "", ...connectorClass }

interface Bad {
  readonly kind: Kind
  readonly document: unknown
  /** Where it is wrong, and a part of why. */
  readonly violations: ReadonlyArray<readonly [path: string, message: string]>
}

const bad = (kind: Kind, document: unknown, ...violations: Bad["violations"]): Bad => ({ kind, document, violations })

const step = (args: ReadonlyArray<object>) => ({
  ...pipeline,
  transformationArgsList: [{ transformationId: "f-1", args }]
})

const prefix = { name: "prefix", type: "string", value: "a" }
const count = { name: "count", type: "integer", value: 2 }

/** What is created: each is refused. */
const created: ReadonlyArray<Bad> = [
  bad("category", [], ["", "expected an object, got an array of 0 items"]),
  bad("category", null, ["", "expected an object, got null"]),
  bad("category", {}, ["name", "expected a"], ["purpose", "expected a string, got none"], ["values", "expected an"]),
  bad("category", { ...category, name: "" }, ["name", "expected a name without white space around it"]),
  bad("category", { ...category, name: "a\u0007b" }, ["name", "without control characters"]),
  bad("category", { ...category, name: "x".repeat(201) }, ["name", "at most 200 characters"]),
  bad("category", { ...category, id: "a/b" }, ["id", "expected an id of letters, digits"]),
  bad("category", { ...category, id: "x".repeat(65) }, ["id", "at most 64 characters"]),
  bad("category", { ...category, values: [] }, ["values", "expected at least one value"]),
  bad("category", { ...category, values: ["a", "b", "a"] }, ["values[2]", "expected each value once"]),
  bad("category", { ...without(category, "values"), Values: ["a"] }, ["values", "got none"], ["Values", "\"values\""]),
  bad("serviceDomain", { ...serviceDomain, name: "Plant 1" }, ["name", "expected a name of lower-case letters"]),
  bad("serviceDomain", { ...serviceDomain, labels: [{ id: "none", value: "x" }] }, [
    "labels[0].id",
    "id of a category"
  ]),
  bad("serviceDomain", { ...serviceDomain, labels: [{ id: "cat-1", value: "red" }] }, [
    "labels[0].value",
    "a value of \"Data Type\" (\"nats\", \"mqtt\"), got \"red\""
  ]),
  bad("serviceDomain", { ...serviceDomain, profile: { ingressType: "IIS" } }, ["profile.ingressType", "\"Traefik\""]),
  bad("project", { ...project, edgeIds: ["sd-1", "sd-2"] }, ["edgeIds[1]", "the id of a service domain, got \"sd-2\""]),
  bad("project", { ...project, edgeSelectors: [{ id: "cat-1", value: "nats" }] }, ["edgeSelectors", "none where"]),
  bad("project", { ...project, edgeSelectorType: "Some" }, ["edgeSelectorType", "\"Category\""]),
  bad("project", { ...project, description: "x".repeat(201) }, ["description", "at most 200 characters"]),
  bad("project", { ...project, users: [{ userId: "u", role: "KING" }] }, ["users[0].role", "\"PROJECT_ADMIN\""]),
  bad("connectorClass", { ...connectorClass, type: "SIDEWAYS" }, ["type", "\"INGRESS\" or \"EGRESS\""]),
  bad("connectorClass", without(connectorClass, "connectorVersion"), ["connectorVersion", "got none"]),
  bad(
    "connectorClass",
    { ...connectorClass, yamlData: "kind: Pod" },
    ["yamlData, document 1 (Pod), apiVersion", "expected text, got none"],
    ["yamlData, document 1 (Pod), metadata.name", "expected a name"],
    ["yamlData, document 1 (Pod), spec.containers", "at least one container"],
    ["yamlData", "expected exactly one Service, got none"]
  ),
  bad(
    "connectorClass",
    { ...connectorClass, yamlData: yaml.replace("{{ .Parameters.image_tag }}", "{{ .Values.x }}") },
    [
      "yamlData",
      "expected {{ .Parameters.<name> }}"
    ]
  ),
  bad("connectorClass", { ...connectorClass, yamlData: yaml.replace(".Parameters.image_tag", ".Parameters.tag") }, [
    "yamlData",
    "expected a static parameter (\"image_tag\"), got \"tag\""
  ]),
  bad("connectorClass", { ...connectorClass, streamParameterSchema: { type: "array" } }, [
    "streamParameterSchema.type",
    "\"object\""
  ]),
  bad("connectorClass", { ...connectorClass, configParameterSchema: { type: "object", properties: 5 } }, [
    "configParameterSchema",
    "expected a JSON Schema of draft-07"
  ]),
  bad("connectorInstance", { ...connectorInstance, connectorClassID: "none" }, [
    "connectorClassID",
    "expected the id or the name of a connector class (known: \"natsconnector\"), got \"none\""
  ]),
  bad("connectorInstance", { ...connectorInstance, projectId: "none" }, ["projectId", "a project (known:"]),
  bad("connectorInstance", { ...connectorInstance, staticParameters: {} }, [
    "staticParameters.image_tag",
    "expected a string, got none"
  ]),
  bad("connectorInstance", { ...connectorInstance, staticParameters: { image_tag: 5 } }, [
    "staticParameters.image_tag",
    "expected a string, got 5"
  ]),
  bad("connectorInstance", { ...connectorInstance, staticParameters: { image_tag: "a", tag: "b" } }, [
    "staticParameters.tag",
    "expected no such key (known: \"image_tag\")"
  ]),
  bad("connectorStream", { ...ingress, connectorInstanceID: "none" }, ["connectorInstanceID", "a connector instance"]),
  bad("connectorStream", { ...ingress, labels: [] }, ["labels", "expected at least one label"]),
  bad("connectorStream", without(ingress, "labels"), ["labels", "expected at least one label"]),
  bad("connectorStream", { ...egress, labels: ingress.labels }, ["labels", "expected no labels"]),
  bad("connectorStream", { ...ingress, direction: "BIDIRECTIONAL" }, ["direction", "\"INGRESS\" or \"EGRESS\""]),
  bad("connectorStream", { ...ingress, labels: [{ id: "cat-1", value: "no" }] }, ["labels[0].value", "a value of"]),
  bad("connectorStream", { ...ingress, stream: { broker: "nats://a" } }, ["stream.subject", "got none"]),
  bad("connectorStream", { ...ingress, stream: { subject: "a b", broker: "x" } }, ["stream.subject", "matches"], [
    "stream.broker",
    "matches"
  ]),
  bad("connectorStream", { ...ingress, stream: { ...ingress.stream, broker: "nats://u:secret@h" } }, [
    "stream.broker",
    "<redacted>"
  ]),
  bad("connectorStream", { ...ingress, serviceDomainIds: ["none"] }, ["serviceDomainIds[0]", "a service domain"]),
  bad("connectorStream", { ...ingress, serviceDomainSelectors: [{ id: "cat-1", value: "nats" }] }, [
    "serviceDomainSelectors",
    "none in the project"
  ]),
  bad("connectorStream", { ...egress, id: "s-3", connectorInstanceID: "i-2" }, [
    "name",
    "another name than \"out\": pipelines of the project put out to the egress stream of that name"
  ]),
  bad("connectorConfig", { ...config, config: { log_level: "LOUD" } }, ["config.log_level", "one of \"DEBUG\""]),
  bad("connectorConfig", { ...config, parameters: { log_level: "INFO" } }, ["parameters", "only one of the two"]),
  bad("connectorConfig", { ...config, connectorInstanceID: 5 }, ["connectorInstanceID", "got 5"]),
  bad("function", { ...func, language: "cobol" }, ["language", "\"python\" or \"node\" or \"golang\""]),
  bad("function", { ...func, environment: "node-env" }, ["environment", "a runtime for python"]),
  bad("function", { ...func, projectId: "none" }, ["projectId", "the id of a project"]),
  bad("function", { ...func, params: [{ name: "a b", type: "string" }] }, ["params[0].name", "letters, digits"]),
  bad("function", { ...func, code: "" }, ["code", "expected text that is not empty"]),
  bad("dataPipeline", { ...pipeline, originSelectors: [] }, ["originSelectors", "at least one selector"]),
  bad("dataPipeline", { ...pipeline, originSelectors: [{ id: "no", value: "x" }] }, [
    "originSelectors[0].id",
    "category"
  ]),
  bad("dataPipeline", { ...pipeline, origin: "Data Stream", originSelectors: [], originId: "no" }, [
    "originId",
    "the id of a pipeline"
  ]),
  bad("dataPipeline", { ...pipeline, endPoint: "none" }, ["endPoint", "the name of an egress stream (known: \"out\")"]),
  bad("dataPipeline", { ...pipeline, endPoint: "in" }, ["endPoint", "this one is an ingress stream"]),
  bad("dataPipeline", step([prefix]), ["transformationArgsList[0].args.count", "expected an integer"]),
  bad("dataPipeline", step([prefix, { ...count, value: "two" }]), [
    "transformationArgsList[0].args[1]",
    "expected an integer, got \"two\""
  ]),
  bad("dataPipeline", step([prefix, count, { ...prefix, name: "other" }]), [
    "transformationArgsList[0].args[2]",
    "expected a parameter of the function \"echo\""
  ]),
  bad("dataPipeline", { ...pipeline, destination: "Cloud" }, ["cloudType", "the cloud that it goes to"]),
  bad("dataPipeline", { ...pipeline, samplingInterval: -1 }, ["samplingInterval", "seconds from 0"])
]

/** Of an instance that has the same name of a stream as another one of its project. */
const twin = { ...connectorInstance, id: "i-2", name: "twin" }

/** What is put in the place of documents that others refer to: each would break one of those, or move what runs. */
const updated: ReadonlyArray<Bad> = [
  bad("connectorClass", { ...connectorClass, type: "INGRESS" }, ["connector stream \"out\", direction", "\"INGRESS\""]),
  bad("connectorClass", { ...connectorClass, staticParameterSchema: { type: "object", properties: { tag: {} } } }, [
    "yamlData",
    "expected a static parameter (\"tag\")"
  ]),
  bad("category", { ...category, values: ["mqtt"] }, ["service domain \"plant-1\", labels[0].value", "a value of"], [
    "connector stream \"in\", labels[0].value",
    "a value of"
  ], ["data pipeline \"pipeline\", originSelectors[0].value", "a value of"]),
  bad("function", { ...func, params: [] }, ["data pipeline \"pipeline\", transformationArgsList[0].args[0]", "none"], [
    "data pipeline \"pipeline\", transformationArgsList[0].args[1]",
    "none"
  ]),
  bad("connectorStream", { ...egress, name: "renamed" }, [
    "data pipeline \"pipeline\", endPoint",
    "known: \"renamed\""
  ]),
  bad("connectorInstance", { ...connectorInstance, projectId: "p-2" }, ["projectId", "a project"]),
  bad("connectorStream", { ...ingress, id: "other" }, [
    "id",
    "expected \"s-in\", the id of the document, got \"other\""
  ]),
  bad("dataPipeline", { ...pipeline, origin: "Data Stream", originSelectors: [], originId: "dp-1" }, [
    "originId",
    "a pipeline that does not take from this one"
  ])
]

const idOf = (document: unknown): string => (document as { readonly id: string }).id

const known = new Set(sample.all.map(([, document]) => idOf(document)))

/** Without the id of a sample: or it would be told that it is there already. */
const anew = (bad: Bad): Bad =>
  typeof bad.document === "object" && bad.document !== null && known.has(idOf(bad.document))
    ? { ...bad, document: without(bad.document, "id") }
    : bad

const tell = ({ kind, violations }: Bad) =>
  `${kind}: ${violations.map(([path, message]) => `${path} ${message}`).join("; ")}`

describe("bad documents", () => {
  it("are many", () => {
    assert.isAtLeast(created.length + updated.length, 40)
  })

  it.live("are refused with every place and reason, and nothing of them is kept", () =>
    Effect.gen(function*() {
      const { call, documents } = yield* rest
      for (const [kind, document] of sample.all) yield* call("POST", paths[kind], document)
      yield* call("POST", paths.connectorInstance, twin)
      const { revision } = yield* documents.snapshot
      const problems: Array<string> = []
      const check = Effect.fnUntraced(function*(bad: Bad, method: string, path: string) {
        const { body, status } = yield* call(method, path, bad.document)
        const got: ReadonlyArray<{ readonly path: string; readonly message: string }> = body.violations ?? []
        const isRefused = status === 400 && body.statusCode === 400 && body.errorCode === 2
        const isTold = got.length === bad.violations.length && bad.violations.every(([path, message], index) => {
          const found = got[index] ?? { path: "", message: "" }
          return found.path.startsWith(path) && found.message.includes(message) && body.message.includes(found.message)
        })
        if (!isRefused || !isTold) problems.push(`${tell(bad)} --- ${JSON.stringify(body)}`)
      })
      for (const document of created) yield* check(anew(document), "POST", paths[document.kind])
      for (const document of updated) {
        const id = idOf(document.document)
        yield* check(document, "PUT", `${paths[document.kind]}/${id === "other" ? "s-in" : id}`)
      }

      assert.deepStrictEqual(problems, [])
      assert.strictEqual((yield* documents.snapshot).revision, revision)
    }), 60_000)
})
