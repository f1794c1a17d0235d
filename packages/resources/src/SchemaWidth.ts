/**
 * Whether one JSON Schema takes everything that another takes, as far as their keywords tell.
 *
 * @since 0.1.0
 */
import * as Equal from "effect/Equal"
import type { JsonObject } from "./Fields.ts"
import { isRecord } from "./internal/text.ts"
import * as Parameters from "./Parameters.ts"
import * as Violation from "./Violation.ts"

type Node = Readonly<Record<string, unknown>>

/** Two schemas side by side, each with the root that its references lead into. */
interface Roots {
  readonly old: JsonObject
  readonly next: JsonObject
}

/** The schema that a reference leads to, or itself. */
const resolve = (node: Node, root: JsonObject): Node => {
  let at = node
  // a reference to a reference, and so on; longer chains are not told from loops
  for (let n = 0; n < 20; n++) {
    const { $ref: ref } = at
    if (typeof ref !== "string" || !ref.startsWith("#")) return at
    let target: unknown = root
    for (const step of ref.split("/").slice(1)) {
      target = isRecord(target) ? target[step.replaceAll("~1", "/").replaceAll("~0", "~")] : undefined
    }
    if (!isRecord(target)) return at
    at = target
  }
  return at
}

/** Keywords that refuse nothing. */
const annotations = new Set(
  "title description default examples readOnly writeOnly $schema $id $comment definitions format".split(" ")
)

/** Keywords that are understood; of any other it is only known whether both have the same. */
const understood = new Set(
  ("$ref type enum const minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength minItems maxItems " +
    "uniqueItems items required properties additionalProperties minProperties maxProperties anyOf oneOf").split(" ")
)

const constraints = (node: Node): Node =>
  Object.fromEntries(Object.entries(node).filter(([key]) => !annotations.has(key) && !key.startsWith("x-")))

const typesOf = ({ type }: Node): ReadonlySet<unknown> | undefined =>
  type === undefined ? undefined : new Set(Array.isArray(type) ? type : [type])

const literalsOf = (node: Node): ReadonlyArray<unknown> | undefined =>
  "const" in node ? [node["const"]] : Array.isArray(node["enum"]) ? node["enum"] : undefined

const isOfType = (value: unknown, node: Node): boolean =>
  typesOf(node) === undefined || Parameters.check({ type: node["type"] } as JsonObject, value, "").length === 0

const hasType = (types: ReadonlySet<unknown>, type: unknown) =>
  types.has(type) || (type === "integer" && types.has("number"))

/** What the keyword leaves out where it is absent. */
const lowest = { minimum: -Infinity, exclusiveMinimum: -Infinity, minLength: 0, minItems: 0, minProperties: 0 }
const highest = {
  maximum: Infinity,
  exclusiveMaximum: Infinity,
  maxLength: Infinity,
  maxItems: Infinity,
  maxProperties: Infinity
}

const numberOf = (value: unknown, absent: number): number => typeof value === "number" ? value : absent

const isBoundNarrower = (old: Node, next: Node): boolean =>
  Object.entries(lowest).some(([key, absent]) => {
    // an open bound of the old one keeps within a closed one of the new
    const also = key === "minimum" ? numberOf(old["exclusiveMinimum"], absent) : absent
    return numberOf(next[key], absent) > Math.max(numberOf(old[key], absent), also)
  }) || Object.entries(highest).some(([key, absent]) => {
    const also = key === "maximum" ? numberOf(old["exclusiveMaximum"], absent) : absent
    return numberOf(next[key], absent) < Math.min(numberOf(old[key], absent), also)
  })

const branchesOf = (node: Node): ReadonlyArray<Node> | undefined => {
  const { anyOf = node["oneOf"] } = node
  return Array.isArray(anyOf) ? anyOf.filter(isRecord) : undefined
}

/**
 * Where a new schema may refuse what the old one takes: paths of values. None: it refuses nothing of it.
 *
 * **Details**
 *
 * A path says "may", not "does": of two patterns it is not known whether one takes what the other takes.
 *
 * @category comparing
 * @since 0.1.0
 */
export const narrowings = (old: JsonObject, next: JsonObject): ReadonlyArray<string> => {
  const found = new Set<string>()
  compare(old, next, "", { old, next }, found, [])
  return [...found].map((path) => path === "" ? "the whole" : path)
}

const compare = (
  before: Node,
  after: Node,
  path: string,
  roots: Roots,
  found: Set<string>,
  seen: ReadonlyArray<readonly [Node, Node]>
): void => {
  const [old, next] = [resolve(before, roots.old), resolve(after, roots.next)]
  if (Object.keys(constraints(next)).length === 0) return
  // within a schema that contains itself: what is being compared already holds or is told
  if (seen.some(([one, other]) => one === old && other === next)) return
  const within = [...seen, [old, next] as const]
  const go = (from: Node, to: Node, at = path) => compare(from, to, at, roots, found, within)
  const isWithin = (from: Node, to: Node) => {
    const inner = new Set<string>()
    compare(from, to, path, roots, inner, within)
    return inner.size === 0
  }

  const [oldBranches, nextBranches] = [branchesOf(old), branchesOf(next)]
  if (oldBranches !== undefined) return oldBranches.forEach((branch) => go({ ...omit(old), ...branch }, next))
  if (nextBranches !== undefined) {
    const isAny = next["oneOf"] === undefined &&
      nextBranches.some((branch) => isWithin(old, { ...omit(next), ...branch }))
    if (!isAny) found.add(path)
    return
  }
  const literals = literalsOf(old)
  if (literals !== undefined) {
    // so few values that each can be asked for
    const asked = { ...next, ...("definitions" in roots.next ? { definitions: roots.next["definitions"] } : {}) }
    const isTaken = (value: unknown) => Parameters.check(asked, value, "").length === 0
    if (!literals.every((value) => isTaken(value) || !isOfType(value, old))) found.add(path)
    return
  }
  const [oldRest, nextRest] = [constraints(old), constraints(next)]
  for (const [key, value] of Object.entries(nextRest)) {
    if (!understood.has(key) && !Equal.equals(value, oldRest[key])) found.add(path)
  }
  if (isBoundNarrower(old, next) || (next["uniqueItems"] === true && old["uniqueItems"] !== true)) found.add(path)
  compareTypes(old, next, path, found)
  compareObjects(old, next, path, found, go)
  compareItems(old, next, path, found, go)
}

const omit = ({ anyOf: _, oneOf: _one, ...rest }: Node): Node => rest

const compareTypes = (old: Node, next: Node, path: string, found: Set<string>): void => {
  const [oldTypes, nextTypes] = [typesOf(old), typesOf(next)]
  if (literalsOf(next) !== undefined) found.add(path)
  else if (
    nextTypes !== undefined && (oldTypes === undefined || ![...oldTypes].every((type) => hasType(nextTypes, type)))
  ) {
    found.add(path)
  }
}

const namesOf = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value) ? value.filter((name) => typeof name === "string") : []

/** A schema, or what `true`, `false` and nothing stand for. */
const schemaOf = (value: unknown): Node | false => value === false ? false : isRecord(value) ? value : {}

const compareObjects = (
  old: Node,
  next: Node,
  path: string,
  found: Set<string>,
  go: (from: Node, to: Node, at?: string) => void
): void => {
  const required = namesOf(old["required"])
  for (const name of namesOf(next["required"])) if (!required.includes(name)) found.add(Violation.path(path, [name]))
  const [oldProperties, nextProperties] = [schemaOf(old["properties"]) || {}, schemaOf(next["properties"]) || {}]
  const [oldMore, nextMore] = [schemaOf(old["additionalProperties"]), schemaOf(next["additionalProperties"])]
  const names = new Set([...Object.keys(oldProperties), ...Object.keys(nextProperties)])
  const at = (name: string, from: Node | false, to: Node | false) => {
    if (from === false) return
    if (to === false) found.add(Violation.path(path, [name]))
    else go(from, to, Violation.path(path, [name]))
  }
  for (const name of names) {
    const of = (properties: Node, more: Node | false) => name in properties ? schemaOf(properties[name]) : more
    at(name, of(oldProperties, oldMore), of(nextProperties, nextMore))
  }
  if (oldMore !== false && nextMore === false) found.add(path)
  else if (oldMore !== false && nextMore !== false) go(oldMore, nextMore, `${path}{}`)
}

const compareItems = (
  old: Node,
  next: Node,
  path: string,
  found: Set<string>,
  go: (from: Node, to: Node, at?: string) => void
): void => {
  const { items } = next
  if (items === undefined || Equal.equals(items, old["items"])) return
  if (Array.isArray(items) || Array.isArray(old["items"])) {
    found.add(`${path}[]`)
    return
  }
  const [from, to] = [schemaOf(old["items"]), schemaOf(items)]
  if (to === false) found.add(`${path}[]`)
  else if (from !== false) go(from, to, `${path}[]`)
}
