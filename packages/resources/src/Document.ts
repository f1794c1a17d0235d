/**
 * The documents of a file: JSON, or YAML with one or several documents, of whichever kinds.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Category from "./Category.ts"
import * as ConnectorClass from "./ConnectorClass.ts"
import * as ConnectorConfig from "./ConnectorConfig.ts"
import * as ConnectorInstance from "./ConnectorInstance.ts"
import * as ConnectorStream from "./ConnectorStream.ts"
import type { Door } from "./Door.ts"
import * as Function from "./Function.ts"
import { isRecord } from "./internal/text.ts"
import * as Yaml from "./internal/yaml.ts"
import * as InvalidResource from "./InvalidResource.ts"
import * as PipelineManifest from "./PipelineManifest.ts"
import * as Project from "./Project.ts"
import * as ServiceDomain from "./ServiceDomain.ts"
import * as Violation from "./Violation.ts"

/**
 * What a document of each kind is, by the kind as YAML has it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Values {
  readonly connectorClass: ConnectorClass.ConnectorClass
  readonly connectorInstance: ConnectorInstance.ConnectorInstance
  readonly connectorStream: ConnectorStream.ConnectorStream
  readonly connectorConfig: ConnectorConfig.ConnectorConfig
  readonly serviceDomain: ServiceDomain.ServiceDomain
  readonly category: Category.Manifest
  readonly project: Project.Manifest
  readonly function: Function.Manifest
  readonly dataPipeline: PipelineManifest.PipelineManifest
}

/**
 * The kinds of documents that a file can hold.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = keyof Values

const doors: { readonly [K in Kind]: Door<Values[K]> } = {
  connectorClass: ConnectorClass,
  connectorInstance: ConnectorInstance,
  connectorStream: ConnectorStream,
  connectorConfig: ConnectorConfig,
  serviceDomain: ServiceDomain,
  category: Category.manifest,
  project: Project.manifest,
  function: Function.manifest,
  dataPipeline: PipelineManifest
}

/**
 * @category models
 * @since 0.1.0
 */
export const kinds: ReadonlyArray<Kind> = [
  "connectorClass",
  "connectorInstance",
  "connectorStream",
  "connectorConfig",
  "serviceDomain",
  "category",
  "project",
  "function",
  "dataPipeline"
]

/** Kinds of the original that have no place here. */
const others = ["dataSource", "application", "logcollector"]

/**
 * A document of a file: its kind, what it says, and the line it begins on, from 1.
 *
 * @category models
 * @since 0.1.0
 */
export type Document = {
  readonly [K in Kind]: { readonly kind: K; readonly value: Values[K]; readonly line: number }
}[Kind]

/** The kind that is meant, however it is spelt. */
const known = (text: string): Kind | undefined => kinds.find((kind) => kind.toLowerCase() === text.toLowerCase())

/** Documents of the connector kinds say nothing of their kind: no other kind has these keys. */
const inferred = (document: Readonly<Record<string, unknown>>): Kind | undefined => {
  if ("yamlData" in document) return "connectorClass"
  if ("connectorClassID" in document) return "connectorInstance"
  if (!("connectorInstanceID" in document)) return undefined
  if ("stream" in document || "direction" in document) return "connectorStream"
  return "config" in document || "parameters" in document ? "connectorConfig" : undefined
}

const kindOf = (document: Readonly<Record<string, unknown>>, given: Kind | undefined): Result.Result<Kind, string> => {
  const { kind } = document
  if (kind === undefined) {
    const byKeys = inferred(document)
    if (given !== undefined && byKeys !== undefined && given !== byKeys) {
      return Result.fail(`expected a ${given}, got what is a ${byKeys} by its keys`)
    }
    const found = given ?? byKeys
    return found === undefined
      ? Result.fail(`expected a kind (${kinds.join(", ")}), got none`)
      : Result.succeed(found)
  }
  const found = typeof kind === "string" ? known(kind) : undefined
  if (found !== undefined) {
    return given === undefined || given === found
      ? Result.succeed(found)
      : Result.fail(`expected the kind ${given}, got ${JSON.stringify(kind)}`)
  }
  const { message } = Violation.make("", `a kind (${kinds.join(", ")})`, kind)
  const isOther = typeof kind === "string" && others.some((other) => other.toLowerCase() === kind.toLowerCase())
  return Result.fail(isOther ? `${message}, which this platform does not have` : message)
}

const decodeAs = (
  kind: Kind,
  document: unknown,
  line: number
): Effect.Effect<Document, InvalidResource.InvalidResource> => {
  const door: Pick<Door<unknown>, "decode"> = doors[kind]
  // One cast: the door of a kind gives the value of that kind.
  return Effect.map(door.decode(document), (value) => ({ kind, value, line }) as Document)
}

/** The keys of a path that `Violation.path` has written. */
const keysOf = (path: string): Violation.Keys =>
  [...path.matchAll(/\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|([^.[\]]+)/g)].map(([, index, quoted, key]) =>
    index === undefined ? quoted ?? key ?? "" : Number(index)
  )

/**
 * Reads all documents of a file, in their order.
 *
 * **Details**
 *
 * A document says its kind by the key `kind`, in any case. One without it is of the kind that is given (`kps create
 * connectorstream -f …` knows it), or a connector class, instance, stream or config by its keys. Fails with everything
 * that is wrong with any of them, each with its line and path; paths begin with `[n]` where there are several documents.
 *
 * @category decoding
 * @since 0.1.0
 */
export const parse = Effect.fnUntraced(function*(
  text: string,
  options: { readonly file: string; readonly kind?: Kind }
): Effect.fn.Return<ReadonlyArray<Document>, InvalidResource.InvalidResource> {
  const documents = Yaml.read(text)
  const violations: Array<Violation.Violation> = []
  const decoded: Array<Document> = []
  for (const [index, { lineOf, value }] of documents.entries()) {
    const at = (found: ReadonlyArray<Violation.Violation>) => {
      const placed = found.map((violation) => ({ line: lineOf(keysOf(violation.path)), ...violation }))
        .toSorted((a, b) => a.line - b.line)
      violations.push(...(documents.length === 1 ? placed : Violation.within(`[${index}]`, placed)))
    }
    if (Result.isFailure(value)) {
      at(value.failure.map((error) => ({ path: "", ...error })))
      continue
    }
    if (!isRecord(value.success)) {
      at([Violation.make("", "an object", value.success)])
      continue
    }
    const { kind: _, ...rest } = value.success
    const kind = kindOf(value.success, options.kind)
    if (Result.isFailure(kind)) {
      at([{ path: "kind", message: kind.failure }])
      continue
    }
    const result = yield* Effect.result(decodeAs(kind.success, rest, lineOf([])))
    if (Result.isSuccess(result)) decoded.push(result.success)
    else at(result.failure.violations)
  }
  if (documents.length === 0) violations.push({ path: "", message: "expected at least one document, got none" })
  yield* InvalidResource.unless(options.file, violations)
  return decoded
})

/**
 * A document as the object that a file holds: with its kind, where files of that kind have one.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (
  document: { readonly [K in Kind]: { readonly kind: K; readonly value: Values[K] } }[Kind]
): Effect.Effect<Readonly<Record<string, unknown>>, InvalidResource.InvalidResource> => {
  // One cast: each door is given the value of its own kind.
  const door = doors[document.kind] as Door<unknown>
  const kind = document.kind.startsWith("connector") ? {} : { kind: document.kind }
  return Effect.map(door.encode(document.value), (value) => Object.assign(kind, value))
}
