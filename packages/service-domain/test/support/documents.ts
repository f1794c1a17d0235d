/** One good document of each kind, as REST has it, with ids; and a store that has all of them. */
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import type { Documents } from "../../src/documents/Documents.ts"
import * as Kind from "../../src/documents/Kind.ts"

const sample = (name: string): object =>
  JSON.parse(readFileSync(new URL(`../../../../apps/nats-connector/samples/${name}`, import.meta.url), "utf8"))

export const category = { id: "cat-1", name: "Data Type", purpose: "What it is", values: ["nats", "mqtt"] }

export const serviceDomain = { id: "sd-1", name: "plant-1", labels: [{ id: "cat-1", value: "nats" }] }

export const project = {
  id: "p-1",
  name: "NatsConnectorProject",
  description: "",
  users: [{ userId: "u-1", role: "PROJECT_ADMIN" }],
  cloudCredentialIds: [],
  dockerProfileIds: [],
  edgeSelectorType: "Explicit",
  edgeIds: ["sd-1"]
}

export const connectorClass = { ...sample("class.json"), id: "c-1" }

export const connectorInstance = {
  id: "i-1",
  name: "nats",
  connectorClassID: "c-1",
  projectId: "p-1",
  staticParameters: { image_tag: "v1" }
}

export const ingress = {
  id: "s-in",
  name: "in",
  connectorInstanceID: "i-1",
  direction: "INGRESS",
  labels: [{ id: "cat-1", value: "nats" }],
  stream: { subject: "nats_in", broker: "nats://127.0.0.1:4222" },
  serviceDomainIds: []
}

export const egress = {
  id: "s-out",
  name: "out",
  connectorInstanceID: "i-1",
  direction: "EGRESS",
  stream: { subject: "nats_out", broker: "nats://127.0.0.1:4222" }
}

export const config = { id: "cfg-1", name: "logging", connectorInstanceID: "i-1", config: { log_level: "DEBUG" } }

export const func = {
  id: "f-1",
  name: "echo",
  type: "Transformation",
  language: "python",
  environment: "python-env",
  code: "def main(ctx, msg):\n  ctx.send(msg)\n",
  params: [{ name: "prefix", type: "string" }, { name: "count", type: "integer" }],
  projectId: "p-1"
}

export const pipeline = {
  id: "dp-1",
  name: "pipeline",
  projectId: "p-1",
  dataType: "Custom",
  origin: "Data Source",
  originSelectors: [{ id: "cat-1", value: "nats" }],
  destination: "Edge",
  edgeStreamType: "Connector",
  endPoint: "out",
  size: 0,
  enableSampling: false,
  transformationArgsList: [{
    transformationId: "f-1",
    args: [{ name: "prefix", type: "string", value: "a" }, { name: "count", type: "integer", value: 2 }]
  }],
  dataRetention: []
}

/** All of them, those that others refer to first. */
export const all: ReadonlyArray<readonly [Kind.Kind, object]> = [
  ["category", category],
  ["serviceDomain", serviceDomain],
  ["project", project],
  ["connectorClass", connectorClass],
  ["connectorInstance", connectorInstance],
  ["connectorStream", ingress],
  ["connectorStream", egress],
  ["connectorConfig", config],
  ["function", func],
  ["dataPipeline", pipeline]
]

/** Creates a document as it came in a file. */
export const create = (documents: Documents["Service"], kind: Kind.Kind, document: object) =>
  Effect.flatMap(
    Effect.orDie(Kind.doors[kind].decode(document) as Effect.Effect<Kind.Values[Kind.Kind], Error>),
    (value) => documents.create(kind, value)
  )

export const update = (documents: Documents["Service"], kind: Kind.Kind, id: string, document: object) =>
  Effect.flatMap(
    Effect.orDie(Kind.doors[kind].decode(document) as Effect.Effect<Kind.Values[Kind.Kind], Error>),
    (value) => documents.update(kind, id, value)
  )

export const createAll = (documents: Documents["Service"]) =>
  Effect.forEach(all, ([kind, document]) => create(documents, kind, document))
