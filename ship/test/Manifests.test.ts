/** The connector's Kubernetes resources: one source, valid, and fit for the restricted profile. */
import { assert, describe, it } from "@effect/vitest"
import { ConnectorClass } from "@kps/resources"
import { Effect } from "effect"
import type { IDeployment } from "kubernetes-models/apps/v1/Deployment"
import type { INetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy"
import type { IConfigMap } from "kubernetes-models/v1/ConfigMap"
import type { INamespace } from "kubernetes-models/v1/Namespace"
import type { IPodSpec } from "kubernetes-models/v1/PodSpec"
import type { IService } from "kubernetes-models/v1/Service"
import { connectorClass, plain, read } from "../manifests.ts"
import * as Kubernetes from "./Kubernetes.ts"

const { name, rendered } = Effect.runSync(Effect.gen(function*() {
  const found = yield* connectorClass
  return { name: found.name, rendered: yield* ConnectorClass.render(found, { image_tag: "1.2.3" }) }
}))

/** What the platform deploys for an instance, and what is applied to a cluster without it. */
const sets: Readonly<Record<string, ReadonlyArray<Kubernetes.Resource>>> = {
  "class.json's yamlData": Kubernetes.parse(rendered.yaml),
  "k8s/": [read("k8s/settings.yaml"), read("k8s/natsconnector.yaml")].flatMap(Kubernetes.parse)
}

interface Kinds {
  readonly ConfigMap: IConfigMap
  readonly Deployment: IDeployment
  readonly Namespace: INamespace
  readonly NetworkPolicy: INetworkPolicy
  readonly Service: IService
}

/** The resources of one kind. */
const ofKind = <Kind extends keyof Kinds>(
  resources: ReadonlyArray<Kubernetes.Resource>,
  kind: Kind
): ReadonlyArray<Kinds[Kind]> =>
  // one cast: `unknownFields` has the compiler check that they are of that type
  resources.filter((resource) => resource.kind === kind) as ReadonlyArray<unknown> as ReadonlyArray<Kinds[Kind]>

const podOf = (resources: ReadonlyArray<Kubernetes.Resource>): IPodSpec => {
  const [deployment] = ofKind(resources, "Deployment")
  assert(deployment?.spec?.template.spec !== undefined)
  return deployment.spec.template.spec
}

it.effect("are made from one source, which k8s/ agrees with: run \"pnpm manifests\"", () =>
  Effect.gen(function*() {
    assert.strictEqual(read("k8s/natsconnector.yaml"), yield* plain)
  }))

for (const [set, resources] of Object.entries(sets)) {
  describe(set, () => {
    it.effect("passes Kubernetes's schemas, and has no field that they do not know", () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* Kubernetes.schemaErrors(resources), [])
        assert.deepStrictEqual(yield* Kubernetes.unknownFields(resources), [])
      }), 30_000)

    it("fits the restricted profile, with a read-only root, limits and no token", () => {
      const pod = podOf(resources)
      assert.deepStrictEqual(Kubernetes.restricted(pod), [])
      assert.isFalse(pod.automountServiceAccountToken)
      assert.strictEqual(pod.securityContext?.runAsUser, 9999)
      for (const { resources, securityContext, volumeMounts } of pod.containers) {
        assert.isTrue(securityContext?.readOnlyRootFilesystem)
        assert.hasAllKeys(resources?.limits, ["cpu", "memory"])
        assert.hasAllKeys(resources?.requests, ["cpu", "memory"])
        assert.isTrue(volumeMounts?.every(({ readOnly }) => readOnly))
      }
    })

    it("is probed by gRPC on the port that it serves, and has the time that draining takes", () => {
      const pod = podOf(resources)
      // a grace period of 10 seconds for streams and calls, then 2 for the connections
      assert.isAbove(pod.terminationGracePeriodSeconds ?? 30, 12)
      for (const { livenessProbe, ports, readinessProbe, startupProbe } of pod.containers) {
        assert.deepStrictEqual(ports?.map(({ containerPort }) => containerPort), [8000])
        for (const probe of [livenessProbe, readinessProbe, startupProbe]) assert.strictEqual(probe?.grpc?.port, 8000)
      }
    })

    it("has exactly one service, from 9000 to 8000, that finds the connector, ready or not", () => {
      const [service, ...others] = ofKind(resources, "Service")
      const [deployment] = ofKind(resources, "Deployment")
      assert(service !== undefined)
      assert.isEmpty(others)
      assert.strictEqual(service.metadata?.name, `${name}-svc`)
      assert.deepStrictEqual(service.spec?.ports?.map(({ port, targetPort }) => [port, targetPort]), [[9000, 8000]])
      assert.deepStrictEqual(service.spec?.selector, deployment?.spec?.template.metadata?.labels)
      assert.deepStrictEqual(service.spec?.selector, deployment?.spec?.selector.matchLabels)
      assert.isTrue(service.spec?.publishNotReadyAddresses)
    })

    it("lets nothing in but calls, and nothing out to a cloud's metadata service", () => {
      const [policy, ...others] = ofKind(resources, "NetworkPolicy")
      const [deployment] = ofKind(resources, "Deployment")
      assert.isEmpty(others)
      assert.deepStrictEqual(policy?.spec?.podSelector?.matchLabels, deployment?.spec?.template.metadata?.labels)
      assert.deepStrictEqual(policy?.spec?.policyTypes, ["Ingress", "Egress"])
      assert.deepStrictEqual(policy?.spec?.ingress, [{ ports: [{ protocol: "TCP", port: 8000 }] }])
      for (const { ports, to } of policy?.spec?.egress ?? []) {
        const toAnywhere = to === undefined
        assert.isTrue(!toAnywhere || ports?.every(({ port }) => port === 53))
        const open = to?.find(({ ipBlock }) => ipBlock?.cidr === "0.0.0.0/0")
        assert.isTrue(toAnywhere || open?.ipBlock?.except?.includes("169.254.0.0/16"))
      }
    })
  })
}

it("find their settings, in a namespace that enforces the profile", () => {
  const resources = sets["k8s/"] ?? []
  const [namespace] = ofKind(resources, "Namespace")
  const [settings] = ofKind(resources, "ConfigMap")
  assert.strictEqual(namespace?.metadata?.labels?.["pod-security.kubernetes.io/enforce"], "restricted")
  for (const { kind, metadata } of resources) {
    if (kind !== "Namespace") assert.strictEqual(metadata.namespace, namespace?.metadata?.name, kind)
  }
  const sources = podOf(resources).containers[0]?.envFrom ?? []
  assert.isTrue(sources.some(({ configMapRef }) => configMapRef?.name === settings?.metadata?.name))
  assert.containsAllKeys(settings?.data, ["CONNECTOR_INSTANCE_ID", "NATS_BROKER"])
})

describe("what is checked here", () => {
  const [deployment] = sets["k8s/"]?.filter(({ kind }) => kind === "Deployment") ?? []
  assert(deployment !== undefined)
  const pod = podOf([deployment])
  const [container] = pod.containers
  assert(container !== undefined)
  const withContainer = (change: object): IPodSpec => ({ ...pod, containers: [{ ...container, ...change }] })
  const withPod = (changed: object): Kubernetes.Resource => {
    const copy = structuredClone(deployment)
    Object.assign(podOf([copy]), changed)
    return copy
  }

  it.effect("refuses a value of another type, and a field that is misspelt", () =>
    Effect.gen(function*() {
      const typed = withPod(withContainer({ securityContext: { runAsUser: "somebody" } }))
      assert.match((yield* Kubernetes.schemaErrors([typed])).join(), /runAsUser must be integer/)
      const misspelt = withPod(withContainer({ securityContext: { readOnlyRootFileSystem: true } }))
      assert.match((yield* Kubernetes.unknownFields([misspelt])).join(), /readOnlyRootFileSystem/)
    }), 30_000)

  it("refuses what the restricted profile refuses", () => {
    const { securityContext } = container
    const cases: ReadonlyArray<readonly [IPodSpec, string]> = [
      [{ ...pod, hostNetwork: true }, "host namespaces"],
      [{ ...pod, securityContext: { ...pod.securityContext, sysctls: [{ name: "a", value: "b" }] } }, "sysctls"],
      [{ ...pod, volumes: [{ name: "v", hostPath: { path: "/" } }] }, "volume v"],
      [withContainer({ securityContext: { ...securityContext, privileged: true } }), "natsconnector: privileged"],
      [
        withContainer({ securityContext: { ...securityContext, allowPrivilegeEscalation: undefined } }),
        "natsconnector: privilege escalation"
      ],
      [
        withContainer({ securityContext: { ...securityContext, capabilities: {} } }),
        "natsconnector: capabilities are not dropped"
      ],
      [
        withContainer({ securityContext: { ...securityContext, capabilities: { drop: ["ALL"], add: ["SYS_TIME"] } } }),
        "natsconnector: added capabilities"
      ],
      [withContainer({ securityContext: { ...securityContext, procMount: "Unmasked" } }), "natsconnector: proc mount"],
      [withContainer({ ports: [{ containerPort: 8000, hostPort: 8000 }] }), "natsconnector: host ports"],
      [
        withContainer({ securityContext: { ...securityContext, runAsNonRoot: false } }),
        "natsconnector: may run as root"
      ],
      [withContainer({ securityContext: { ...securityContext, runAsUser: 0 } }), "natsconnector: runs as root"],
      [
        withContainer({ securityContext: { ...securityContext, seccompProfile: { type: "Unconfined" } } }),
        "natsconnector: seccomp profile"
      ]
    ]
    for (const [pod, objection] of cases) assert.deepStrictEqual(Kubernetes.restricted(pod), [objection])
  })
})
