/** The samples of the original documentation, and one good document of each other kind. */
import { readFileSync } from "node:fs"

const sample = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../apps/nats-connector/samples/${name}`, import.meta.url), "utf8"))

export const connectorClass = sample("class.json")
export const instance = sample("instance.json")
export const ingress = sample("stream-in.json")
export const egress = sample("stream-out.json")
export const config = sample("config.json")

export const category = { id: "cat-1", name: "Data Type", purpose: "What it is", values: ["nats", "mqtt"] }

export const serviceDomain = {
  id: "sd-1",
  name: "plant-1",
  labels: [{ id: "cat-1", value: "nats" }],
  profile: { ingressType: "Traefik", privileged: false, gpu: 2 }
}

export const project = {
  id: "p-1",
  name: "NatsConnectorProject",
  description: "",
  users: [{ userId: "u-1", role: "PROJECT_ADMIN" }, { userId: "u-2", role: "PROJECT_USER" }],
  cloudCredentialIds: [],
  dockerProfileIds: [],
  edgeSelectorType: "Explicit",
  edgeIds: ["sd-1"]
}

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
  description: "in to out",
  projectId: "p-1",
  dataType: "Custom",
  origin: "Data Source",
  originSelectors: [{ id: "cat-1", value: "nats" }],
  destination: "Edge",
  edgeStreamType: "Connector",
  endPoint: "natsconnectorstream-out",
  size: 0,
  enableSampling: false,
  transformationArgsList: [{
    transformationId: "f-1",
    args: [{ name: "prefix", type: "string", value: "a" }, { name: "count", type: "integer", value: 2 }]
  }],
  dataRetention: []
}

export const pipelineManifest = {
  name: "pipeline",
  project: "NatsConnectorProject",
  description: "in to out",
  functions: [{ name: "echo", args: { prefix: "a", count: 2 } }],
  input: { categorySelectors: { "Data Type": ["nats"] } },
  output: { localEdge: { type: "Connector", endpointName: "natsconnectorstream-out" } }
}

export const functionManifest = {
  name: "echo",
  project: "NatsConnectorProject",
  sourceCodePath: "echo.py",
  language: "python",
  environment: "python-env",
  params: [{ name: "prefix", type: "string" }]
}
