import { assert, describe, it } from "@effect/vitest"
import { Kubernetes, Violation } from "@kps/resources"
import { Effect } from "effect"

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: natsconnector
spec:
  selector:
    matchLabels:
      app: natsconnector
  template:
    metadata:
      labels:
        app: natsconnector
        tier: edge
    spec:
      containers:
        - name: natsconnector
          image: repo/natsconnector:1.0
          ports:
            - name: grpc
              containerPort: 8000
`
const service = `kind: Service
apiVersion: v1
metadata:
  name: natsconnector-svc
spec:
  selector:
    app: natsconnector
  ports:
    - port: 9000
      targetPort: 8000
`
const both = `${deployment}---\n${service}`

const change = (from: string, to: string, text = both) => {
  assert.include(text, from)
  return text.replace(from, to)
}

const good: Readonly<Record<string, string>> = {
  "a Deployment and its Service": both,
  "the Service first, and nothing between separators": `---\n${service}---\n---\n${deployment}`,
  "a target port by its name": change("targetPort: 8000", "targetPort: grpc"),
  "a port that is the target port too": change("port: 9000\n      targetPort: 8000", "port: 8000"),
  "a StatefulSet": change("kind: Deployment", "kind: StatefulSet"),
  "a Pod": `apiVersion: v1
kind: Pod
metadata: { name: p, labels: { app: natsconnector } }
spec: { containers: [{ name: c, image: i, ports: [{ containerPort: 8000 }] }] }
---
${service}`,
  "a Deployment that selects its pods by expressions": change(
    "    matchLabels:\n      app: natsconnector",
    "    matchExpressions: [{ key: app, operator: In, values: [natsconnector] }]"
  ),
  "more resources": `${both}---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: natsconnector }\n`
}

const bad: ReadonlyArray<readonly [text: string, ...violations: ReadonlyArray<string>]> = [
  [deployment, "expected exactly one Service, got none"],
  [
    `${both}---\n${change("natsconnector-svc", "other", service)}`,
    "expected exactly one Service, got 2 Services"
  ],
  [service, "expected a workload (\"Deployment\", \"StatefulSet\", \"DaemonSet\", \"ReplicaSet\", \"Pod\"), got none"],
  [
    `${both}---\n${change("targetPort: 8000", "targetPort: 8000", service)}`,
    "line 36, document 3 (Service natsconnector-svc), metadata.name: expected a name of its own, got \"natsconnector-svc\" twice",
    "expected exactly one Service, got 2 Services"
  ],
  [
    // the slip in the original documentation
    change("  template:\n", "  nats:\n"),
    "line 6, document 1 (Deployment natsconnector), spec.template: expected a pod template, got none"
  ],
  [
    change("targetPort: 8000", "targetPort: 8001"),
    "line 31, document 2 (Service natsconnector-svc), spec.ports[0].targetPort: expected a container port of the workload (\"grpc\", \"8000\"), got 8001"
  ],
  [
    change("targetPort: 8000", "targetPort: \"8000\""),
    "line 31, document 2 (Service natsconnector-svc), spec.ports[0].targetPort: expected a container port of the workload (\"grpc\", \"8000\"), got \"8000\""
  ],
  [
    change("port: 9000", "port: 90000"),
    "line 30, document 2 (Service natsconnector-svc), spec.ports[0].port: expected a port from 1 to 65535, got 90000"
  ],
  [
    change("    app: natsconnector\n  ports", "    app: other\n  ports"),
    "line 28, document 2 (Service natsconnector-svc), spec.selector: expected labels that the pods of a workload have"
  ],
  [
    change("      app: natsconnector\n  template", "      app: other\n  template"),
    "line 8, document 1 (Deployment natsconnector), spec.selector.matchLabels: expected labels that the pod template has"
  ],
  [
    change("          image: repo/natsconnector:1.0\n", ""),
    "line 16, document 1 (Deployment natsconnector), spec.template.spec.containers[0].image: expected text, got none"
  ],
  [
    change("containerPort: 8000", "containerPort: http"),
    "line 20, document 1 (Deployment natsconnector), spec.template.spec.containers[0].ports[0].containerPort: expected a port from 1 to 65535, got \"http\"",
    "line 31, document 2 (Service natsconnector-svc), spec.ports[0].targetPort: expected a container port of the workload (\"grpc\", \"http\"), got 8000"
  ],
  [
    change("name: natsconnector-svc", "name: Nats_Connector"),
    "line 25, document 2 (Service Nats_Connector), metadata.name: expected a name of lower-case letters, digits, \"-\" and \".\", got \"Nats_Connector\""
  ],
  [
    change("kind: Service\napiVersion: v1", "kind: Service"),
    "line 22, document 2 (Service natsconnector-svc), apiVersion: expected text, got none"
  ],
  [
    change("  ports:\n    - port: 9000\n      targetPort: 8000\n", ""),
    "line 27, document 2 (Service natsconnector-svc), spec.ports: expected at least one port, got none"
  ],
  [`${both}---\n- a\n`, "document 3: expected a Kubernetes resource, got an array of 1 item"]
]

describe("the resources of a connector", () => {
  for (const [name, text] of Object.entries(good)) {
    it(`may be ${name}`, () => assert.deepStrictEqual(Kubernetes.check(text), []))
  }

  for (const [text, ...violations] of bad) {
    it(`are refused: ${violations[0]}`, () => {
      assert.deepStrictEqual(Kubernetes.check(text).map(Violation.text), [...violations])
    })
  }

  it("are refused with the line where YAML cannot be read", () => {
    const [first] = Kubernetes.check(`${both}---\na: [1\nb: 2\n`)
    assert.strictEqual(first?.path, "document 3")
    assert.strictEqual(first?.line, 34)
  })

  it.effect("are read as they are", () =>
    Effect.gen(function*() {
      const resources = yield* Kubernetes.decode(both)
      assert.deepStrictEqual(resources.map(({ kind }) => kind), ["Deployment", "Service"])
      assert.include((yield* Effect.flip(Kubernetes.decode(service))).message, "expected a workload")
    }))
})
