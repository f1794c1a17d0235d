/** What Kubernetes would say of a manifest: its schemas, its types, and the restricted Pod Security profile. */
import { Effect } from "effect"
import type { IPodSpec } from "kubernetes-models/v1/PodSpec"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseAllDocuments } from "yaml"
import { root, run } from "./Command.ts"
import { temporaryFolder } from "./Packed.ts"

export interface Resource {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

/** The resources of a text in YAML. */
export const parse = (text: string): ReadonlyArray<Resource> =>
  parseAllDocuments(text).map((document) => {
    if (document.errors[0] !== undefined) throw document.errors[0]
    return document.toJS()
  })

const module = ({ apiVersion, kind }: Resource) => `kubernetes-models/${apiVersion}/${kind}`

/** What the schemas object to, resource by resource. */
export const schemaErrors = (resources: ReadonlyArray<Resource>): Effect.Effect<ReadonlyArray<string>> =>
  Effect.forEach(resources, (resource) =>
    Effect.promise(async () => {
      const { [resource.kind]: Model } = await import(module(resource))
      try {
        new Model(resource).validate()
        return []
      } catch (error) {
        return [`${resource.kind} ${resource.metadata.name}: ${String(error)}`]
      }
    })).pipe(Effect.map((errors) => errors.flat()))

/** Fields that no schema knows, which the schemas alone let pass: as objects that the compiler checks by their types. */
export const unknownFields = Effect.fnUntraced(function*(resources: ReadonlyArray<Resource>) {
  // below this package, where the types are found
  const caches = join(root, "ship", "node_modules", ".cache")
  yield* Effect.sync(() => mkdirSync(caches, { recursive: true }))
  const folder = yield* temporaryFolder("manifests-", caches)
  const lines = resources.flatMap((resource, i) => [
    `import type { I${resource.kind} as T${i} } from "${module(resource)}"`,
    `export const r${i}: T${i} = ${JSON.stringify(resource)}`
  ])
  writeFileSync(join(folder, "resources.ts"), lines.join("\n"))
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      files: ["resources.ts"],
      compilerOptions: {
        module: "NodeNext",
        target: "ES2024",
        types: [],
        strict: true,
        noEmit: true,
        skipLibCheck: true
      }
    })
  )
  const { code, stderr, stdout } = yield* run("tsc", ["-p", folder, "--pretty", "false"])
  return code === 0 ? [] : [stdout + stderr]
})

const allowedVolumes: ReadonlySet<string> = new Set([
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "persistentVolumeClaim",
  "projected",
  "secret"
])

/** What the restricted profile of the Pod Security Standards objects to in a pod. */
export const restricted = (pod: IPodSpec): ReadonlyArray<string> => {
  const found: Array<string> = []
  const must = (holds: boolean, what: string) => holds || found.push(what)
  must(pod.hostNetwork !== true && pod.hostPID !== true && pod.hostIPC !== true, "host namespaces")
  must((pod.securityContext?.sysctls ?? []).length === 0, "sysctls")
  for (const { name, ...source } of pod.volumes ?? []) {
    must(Object.keys(source).every((kind) => allowedVolumes.has(kind)), `volume ${name}`)
  }
  for (const container of [...pod.containers, ...(pod.initContainers ?? []), ...(pod.ephemeralContainers ?? [])]) {
    const { name, ports = [], securityContext: own = {} } = container
    const context = { ...pod.securityContext, ...own }
    const seccomp = context.seccompProfile?.type
    must(own.privileged !== true, `${name}: privileged`)
    must(own.allowPrivilegeEscalation === false, `${name}: privilege escalation`)
    must(own.capabilities?.drop?.includes("ALL") === true, `${name}: capabilities are not dropped`)
    must((own.capabilities?.add ?? []).every((added) => added === "NET_BIND_SERVICE"), `${name}: added capabilities`)
    must(own.procMount === undefined || own.procMount === "Default", `${name}: proc mount`)
    must(ports.every(({ hostPort }) => (hostPort ?? 0) === 0), `${name}: host ports`)
    must(context.runAsNonRoot === true, `${name}: may run as root`)
    must(context.runAsUser !== 0, `${name}: runs as root`)
    must(seccomp === "RuntimeDefault" || seccomp === "Localhost", `${name}: seccomp profile`)
  }
  return found
}
