/**
 * The Kubernetes resources that a class deploys: read from YAML, and checked for what a connector needs.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { isMap, parseAllDocuments } from "yaml"
import { count, describe, isRecord, list, quote } from "./internal/text.ts"
import * as Yaml from "./internal/yaml.ts"
import * as InvalidResource from "./InvalidResource.ts"
import * as Violation from "./Violation.ts"

/**
 * A Kubernetes resource as YAML has it.
 *
 * @category models
 * @since 0.1.0
 */
export type Resource = Readonly<Record<string, unknown>>

/** A resource, and the way to say where something in it is. */
interface Parsed {
  readonly resource: Resource
  readonly kind: string
  readonly name: string
  readonly at: (keys: Violation.Keys, message: string) => Violation.Violation
}

const textOf = (value: unknown): string => typeof value === "string" ? value : ""

const get = (value: unknown, ...keys: Violation.Keys): unknown => {
  let at = value
  for (const key of keys) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return undefined
    // One cast: an own key of an object or array.
    at = (at as { readonly [key: PropertyKey]: unknown })[key]
  }
  return at
}

const record = (value: unknown): Resource => isRecord(value) ? value : {}

const records = (value: unknown): ReadonlyArray<Resource> => Array.isArray(value) ? value.filter(isRecord) : []

const parse = (
  text: string
): { readonly parsed: ReadonlyArray<Parsed>; readonly violations: ReadonlyArray<Violation.Violation> } => {
  const violations: Array<Violation.Violation> = []
  const parsed: Array<Parsed> = []
  for (const [index, { lineOf, value }] of Yaml.read(text).entries()) {
    if (Result.isFailure(value)) {
      violations.push(...value.failure.map((error) => ({ path: `document ${index + 1}`, ...error })))
      continue
    }
    const resource = value.success
    if (!isRecord(resource)) {
      violations.push(Violation.make(`document ${index + 1}`, "a Kubernetes resource", resource))
      continue
    }
    const [kind, name] = [textOf(resource["kind"]), textOf(get(resource, "metadata", "name"))]
    const label = `document ${index + 1} (${[kind === "" ? "no kind" : kind, name].join(" ").trimEnd()})`
    const at = (keys: Violation.Keys, message: string): Violation.Violation => ({
      path: `${label}, ${Violation.path("", keys)}`,
      message,
      line: lineOf(keys)
    })
    parsed.push({ resource, kind, name, at })
  }
  return { parsed, violations }
}

/** Kinds that run containers for as long as they are there, and where their pods are described. */
const podPaths: ReadonlyMap<string, Violation.Keys> = new Map([
  ["Deployment", ["spec", "template"]],
  ["StatefulSet", ["spec", "template"]],
  ["DaemonSet", ["spec", "template"]],
  ["ReplicaSet", ["spec", "template"]],
  ["Pod", []]
])

const dnsName = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/

const isPort = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 65_535

const checkHead = ({ at, kind, name, resource }: Parsed, others: ReadonlyArray<Parsed>) => {
  const { apiVersion } = resource
  const twin = others.find((other) => other.kind === kind && other.name === name && kind !== "" && name !== "")
  return [
    ...(textOf(apiVersion) === "" ? [at(["apiVersion"], `expected text, got ${describe(apiVersion)}`)] : []),
    ...(kind === "" ? [at(["kind"], `expected text, got ${describe(resource["kind"])}`)] : []),
    ...(dnsName.test(name) ? [] : [at(
      ["metadata", "name"],
      `expected a name of lower-case letters, digits, "-" and ".", got ${describe(get(resource, "metadata", "name"))}`
    )]),
    ...(twin === undefined ? [] : [at(["metadata", "name"], `expected a name of its own, got ${quote(name)} twice`)])
  ]
}

interface Workload {
  readonly labels: unknown
  readonly ports: ReadonlyArray<Resource>
}

const checkWorkload = (parsed: Parsed, base: Violation.Keys) => {
  const { at, resource } = parsed
  const template = get(resource, ...base)
  if (!isRecord(template)) {
    return { violations: [at(base, `expected a pod template, got ${describe(template)}`)] }
  }
  const labels = get(template, "metadata", "labels")
  const containers = get(template, "spec", "containers")
  const violations: Array<Violation.Violation> = []
  const within = [...base, "spec", "containers"]
  if (!Array.isArray(containers) || containers.length === 0) {
    violations.push(at(within, `expected at least one container, got ${describe(containers)}`))
  } else {
    for (const [n, container] of containers.entries()) {
      for (const key of ["name", "image"]) {
        const value = get(container, key)
        if (textOf(value) === "") violations.push(at([...within, n, key], `expected text, got ${describe(value)}`))
      }
      for (const [m, port] of records(get(container, "ports")).entries()) {
        if (!isPort(port["containerPort"])) {
          const message = `expected a port from 1 to 65535, got ${describe(port["containerPort"])}`
          violations.push(at([...within, n, "ports", m, "containerPort"], message))
        }
      }
    }
  }
  const { matchExpressions, matchLabels } = record(get(resource, "spec", "selector"))
  const isSelected = matchLabels === undefined
    ? matchExpressions !== undefined
    : isRecord(matchLabels) && isSubset(matchLabels, labels)
  if (base.length > 0 && !isSelected) {
    violations.push(at(["spec", "selector", "matchLabels"], "expected labels that the pod template has"))
  }
  const ports = records(containers).flatMap((container) => records(container["ports"]))
  return { violations, workload: { labels, ports } satisfies Workload }
}

const isSubset = (selector: Resource, labels: unknown): boolean =>
  Object.keys(selector).length > 0 &&
  Object.entries(selector).every(([key, value]) => get(labels, key) === value)

const checkService = ({ at, resource }: Parsed, workloads: ReadonlyArray<Workload>) => {
  const selector = get(resource, "spec", "selector")
  const selected = isRecord(selector) ? workloads.filter(({ labels }) => isSubset(selector, labels)) : []
  const ports = get(resource, "spec", "ports")
  const violations: Array<Violation.Violation> = []
  if (selected.length === 0 && workloads.length > 0) {
    violations.push(at(["spec", "selector"], "expected labels that the pods of a workload have"))
  }
  if (records(ports).length === 0) {
    violations.push(at(["spec", "ports"], `expected at least one port, got ${describe(ports)}`))
  }
  for (const [n, { port, targetPort = port }] of records(ports).entries()) {
    if (!isPort(port)) {
      violations.push(at(["spec", "ports", n, "port"], `expected a port from 1 to 65535, got ${describe(port)}`))
    }
    const offered = selected.flatMap(({ ports }) => ports)
    if (selected.length > 0 && !offered.some((it) => it["containerPort"] === targetPort || it["name"] === targetPort)) {
      const known = list(
        offered.flatMap((it) => [it["name"], it["containerPort"]].filter((value) => value !== undefined).map(String))
      )
      violations.push(at(
        ["spec", "ports", n, "targetPort"],
        `expected a container port of the workload (${known === "" ? "it has none" : known}), got ${
          describe(targetPort)
        }`
      ))
    }
  }
  return violations
}

const checkAll = (parsed: ReadonlyArray<Parsed>): ReadonlyArray<Violation.Violation> => {
  const checked = parsed.flatMap((one) => {
    const base = podPaths.get(one.kind)
    return base === undefined ? [] : [checkWorkload(one, base)]
  })
  const workloads = checked.flatMap(({ workload }) => workload === undefined ? [] : [workload])
  const services = parsed.filter(({ kind }) => kind === "Service")
  const kinds = list([...podPaths.keys()])
  return [
    ...parsed.flatMap((one, n) => checkHead(one, parsed.slice(0, n))),
    ...checked.flatMap(({ violations }) => violations),
    ...services.flatMap((service) => checkService(service, workloads)),
    ...(checked.length === 0 ? [{ path: "", message: `expected a workload (${kinds}), got none` }] : []),
    ...(services.length === 1 ? [] : [{
      path: "",
      message: `expected exactly one Service, got ${services.length === 0 ? "none" : count(services.length, "Service")}`
    }])
  ]
}

/**
 * What is wrong with the resources of a connector.
 *
 * **Details**
 *
 * There is a workload, and exactly one Service that finds its pods, by a port that one of its containers has. Each
 * resource has `apiVersion`, `kind` and a name of its own. Everything else is Kubernetes's to refuse. A violation names
 * the document, its kind and name, the path within, and the line of the text.
 *
 * @category checking
 * @since 0.1.0
 */
export const check = (text: string): ReadonlyArray<Violation.Violation> => {
  const { parsed, violations } = parse(text)
  // of a text that cannot be read it is not known what is missing
  return violations.length > 0 ? violations : checkAll(parsed)
}

/**
 * The resources in a text, checked.
 *
 * @category parsing
 * @since 0.1.0
 */
export const decode = Effect.fnUntraced(function*(
  text: string
): Effect.fn.Return<ReadonlyArray<Resource>, InvalidResource.InvalidResource> {
  yield* InvalidResource.unless("the Kubernetes resources", check(text))
  return parse(text).parsed.map(({ resource }) => resource)
})

/**
 * Where two texts differ in more than their scalars, or in scalars that are not the same after `becomes`.
 *
 * **Details**
 *
 * Of a template with placeholders and the same one with values this tells whether a value stays where it was put: one
 * with a quote or a `#` in it may end the scalar, or add keys.
 *
 * @category checking
 * @since 0.1.0
 */
export const differences = (
  template: string,
  rendered: string,
  becomes: (text: string) => string
): ReadonlyArray<Violation.Violation> => {
  const read = (text: string) => parseAllDocuments(text, { schema: "failsafe", prettyErrors: false })
  const [before, after] = [read(template), read(rendered)]
  if (before.length !== after.length) {
    return [{ path: "", message: `expected ${count(before.length, "document")}, got ${after.length}` }]
  }
  return before.flatMap((document, n) => {
    const kind = isMap(document.contents) ? textOf(document.get("kind")) : ""
    const label = `document ${n + 1} (${kind === "" ? "no kind" : kind})`
    return strayed(document.toJS(), after[n]?.toJS(), [], becomes).map((keys) => ({
      path: [label, Violation.path("", keys)].join(", "),
      message: "expected the values of parameters to stay within their place, got one that changes the document"
    }))
  })
}

const strayed = (
  before: unknown,
  after: unknown,
  keys: Violation.Keys,
  becomes: (text: string) => string
): ReadonlyArray<Violation.Keys> => {
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((item, n) => strayed(item, after[n], [...keys, n], becomes))
  }
  if (isRecord(before) && isRecord(after) && Object.keys(before).length === Object.keys(after).length) {
    return Object.entries(before).flatMap(([key, value]) =>
      strayed(value, get(after, becomes(key)), [...keys, key], becomes)
    )
  }
  return typeof before === "string" && becomes(before) === (after ?? "") ? [] : before === after ? [] : [keys]
}
