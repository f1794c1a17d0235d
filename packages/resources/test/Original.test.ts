/** The documents of the original documentation are good ones, but for its slip in the template. */
import { assert, describe, it } from "@effect/vitest"
import {
  ConnectorClass,
  ConnectorConfig,
  ConnectorInstance,
  ConnectorStream,
  Document,
  Violation
} from "@kps/resources"
import { Effect } from "effect"

const yaml = (template: string) =>
  `apiVersion: apps/v1
kind: Deployment
metadata:
  name: natsconnector
spec:
  replicas: 1
  selector:
    matchLabels:
      app: natsconnector
  ${template}:
    metadata:
      name: natsconnector
      labels:
        app: natsconnector
    spec:
      containers:
        - name: natsconnector
          image: "770301640873.dkr.ecr.us-west-2.amazonaws.com/edgecomputing/connector/natsconnector:{{ .Parameters.image_tag }}"
          imagePullPolicy: Always
          securityContext:
            runAsUser: 9999
            allowPrivilegeEscalation: false
          ports:
            - containerPort: 8000
---
kind: Service
apiVersion: v1
metadata:
  name: natsconnector-svc
spec:
  selector:
    app: natsconnector
  ports:
    - protocol: TCP
      name: natsconnector
      port: 9000
      targetPort: 8000
`

const connectorClass = {
  name: "natsconnector",
  description: "This is a class definition of NATS data connector.",
  connectorVersion: "1.0",
  minSvcDomainVersion: "2.3.0",
  type: "BIDIRECTIONAL",
  staticParameterSchema: {
    type: "object",
    properties: { image_tag: { type: "string", description: "test docker image tag to render in yaml" } }
  },
  configParameterSchema: {
    type: "object",
    properties: { log_level: { type: "string", description: "connector docker container log level" } }
  },
  streamParameterSchema: {
    type: "object",
    description: "Stream schema",
    properties: {
      subject: { type: "string", description: "subject to fetch the messages from / emit the messages to" },
      broker: { type: "string", description: "address of the NATS broker to read from / write to" }
    }
  },
  yamlData: yaml("template")
}

const instance = {
  name: "natsconnector",
  connectorClassID: "107ebd6c-6ae8-4830-a91a-44d2425b575b",
  projectId: "577a55d4-5115-495f-990d-36244af09724",
  staticParameters: { image_tag: "latest" }
}

const stream = {
  name: "natsconnectorstream-in",
  connectorInstanceID: "f29673b0-10f4-44dc-b4fd-02331ace2ffa",
  labels: [{ id: "412c01ae-7fa9-442e-b102-1964c7788214", value: "nats" }],
  direction: "INGRESS",
  serviceDomainIds: ["fe1ec650-d41e-4ecb-9d75-da94089deb7e"],
  stream: { subject: "nats_in", broker: "nats://nats:4222" }
}

const config = {
  name: "natsconnectorsconfig",
  description: "This is a dynamic config for nats connector instance",
  connectorInstanceID: "f29673b0-10f4-44dc-b4fd-02331ace2ffa",
  config: { log_level: "INFO" },
  serviceDomainIds: ["fe1ec650-d41e-4ecb-9d75-da94089deb7e"]
}

describe("the samples of the original", () => {
  it.effect("are read, by the command that names their kind", () =>
    Effect.gen(function*() {
      const samples = { connectorClass, connectorInstance: instance, connectorStream: stream, connectorConfig: config }
      for (const kind of ["connectorClass", "connectorInstance", "connectorStream", "connectorConfig"] as const) {
        const [document] = yield* Document.parse(JSON.stringify(samples[kind]), { file: `${kind}.json`, kind })
        assert(document !== undefined)
        assert.deepStrictEqual(yield* Document.encode(document), samples[kind])
      }
    }))

  it.effect("fit their class", () =>
    Effect.gen(function*() {
      const given = {
        connectorClass: yield* ConnectorClass.decode(connectorClass),
        project: {
          name: "NatsConnectorProject",
          description: "",
          users: [],
          cloudCredentialIds: [],
          dockerProfileIds: [],
          edgeSelectorType: "Explicit" as const,
          edgeIds: ["fe1ec650-d41e-4ecb-9d75-da94089deb7e"]
        },
        categories: [{ id: "412c01ae-7fa9-442e-b102-1964c7788214", name: "Data Type", purpose: "", values: ["nats"] }]
      }
      assert.deepStrictEqual(
        [
          ...ConnectorClass.check(given.connectorClass),
          ...ConnectorInstance.check(yield* ConnectorInstance.decode(instance), given),
          ...ConnectorStream.check(yield* ConnectorStream.decode(stream), given),
          ...ConnectorConfig.check(yield* ConnectorConfig.decode(config), given)
        ].map(Violation.text),
        []
      )
      const { yaml } = yield* ConnectorClass.render(given.connectorClass, instance.staticParameters)
      assert.include(yaml, "connector/natsconnector:latest\"")
    }))

  it.effect("have a template with a slip in the text of the documentation, which is found", () =>
    Effect.gen(function*() {
      const slipped = yield* ConnectorClass.decode({ ...connectorClass, yamlData: yaml("nats") })
      assert.deepStrictEqual(ConnectorClass.check(slipped).map(Violation.text), [
        "line 6, yamlData, document 1 (Deployment natsconnector), spec.template: expected a pod template, got none"
      ])
    }))

  it.effect("need no schemas: a class without one takes any parameters", () =>
    Effect.gen(function*() {
      const { staticParameterSchema: _, ...rest } = connectorClass
      const open = yield* ConnectorClass.decode(rest)
      assert.deepStrictEqual(ConnectorClass.check(open), [])
      const error = yield* Effect.flip(ConnectorClass.render(open, {}))
      assert.match(error.message, /line 18, yamlData: expected a value for the static parameter "image_tag", got none/)
    }))
})
