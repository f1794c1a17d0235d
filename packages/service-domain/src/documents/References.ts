/**
 * Which documents a document refers to.
 *
 * @since 0.1.0
 */
import type { Fields } from "@kps/resources"
import * as Option from "effect/Option"
import { all, type Kind, nouns, type Values } from "./Kind.ts"
import type { AnyDocument, Snapshot } from "./Snapshot.ts"

/**
 * A document by its kind and id.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reference {
  readonly kind: Kind
  readonly id: string
}

/**
 * The streams of a project.
 *
 * @category matching
 * @since 0.1.0
 */
export const streamsOf = (
  snapshot: Snapshot,
  projectId: string | undefined
): ReadonlyArray<Values["connectorStream"]> =>
  snapshot.values("connectorStream").filter((stream) => projectOf(snapshot, stream) === projectId)

const projectOf = (snapshot: Snapshot, { connectorInstanceID }: Values["connectorStream"]): string | undefined =>
  Option.getOrUndefined(snapshot.get("connectorInstance", connectorInstanceID))?.value.projectId

const categories = (infos: ReadonlyArray<Fields.CategoryInfo> = []): ReadonlyArray<Reference> =>
  infos.map(({ id }) => ({ kind: "category", id }))

const serviceDomains = (ids: ReadonlyArray<string> = []): ReadonlyArray<Reference> =>
  ids.map((id) => ({ kind: "serviceDomain", id }))

/** An egress stream is named by its name. */
const egressStreams = (snapshot: Snapshot, projectId: string | undefined, name: string | undefined) =>
  snapshot.values("connectorStream").flatMap((stream): ReadonlyArray<Reference> =>
    stream.name === name && stream.direction === "EGRESS" && stream.id !== undefined &&
      projectOf(snapshot, stream) === projectId
      ? [{ kind: "connectorStream", id: stream.id }]
      : []
  )

type Placed = Pick<
  Values["connectorStream"],
  "serviceDomainIds" | "serviceDomainSelectors" | "excludeServiceDomainIds"
>

const placement = (placed: Placed): ReadonlyArray<Reference> => [
  ...serviceDomains(placed.serviceDomainIds),
  ...serviceDomains(placed.excludeServiceDomainIds),
  ...categories(placed.serviceDomainSelectors)
]

const inProject = (projectId: string | undefined): ReadonlyArray<Reference> =>
  projectId === undefined ? [] : [{ kind: "project", id: projectId }]

const finders: { readonly [K in Kind]: (value: Values[K], snapshot: Snapshot) => ReadonlyArray<Reference> } = {
  category: () => [],
  connectorClass: () => [],
  serviceDomain: ({ labels }) => categories(labels),
  project: ({ edgeIds, edgeSelectors }) => [...serviceDomains(edgeIds), ...categories(edgeSelectors)],
  connectorInstance: ({ connectorClassID, projectId }) => [
    { kind: "connectorClass", id: connectorClassID },
    { kind: "project", id: projectId }
  ],
  connectorStream: (stream) => [
    { kind: "connectorInstance", id: stream.connectorInstanceID },
    ...categories(stream.labels),
    ...placement(stream)
  ],
  connectorConfig: (config) => [{ kind: "connectorInstance", id: config.connectorInstanceID }, ...placement(config)],
  function: ({ projectId }) => inProject(projectId),
  dataPipeline: (
    { edgeStreamType, endPoint, originId, originSelectors, projectId, transformationArgsList },
    snapshot
  ) => [
    ...inProject(projectId),
    ...categories(originSelectors),
    ...(originId === undefined ? [] : [{ kind: "dataPipeline", id: originId } as const]),
    ...transformationArgsList.map(({ transformationId }) => ({ kind: "function", id: transformationId }) as const),
    ...(edgeStreamType === "Connector" ? egressStreams(snapshot, projectId, endPoint) : [])
  ]
}

/**
 * The documents that a document refers to.
 *
 * @category matching
 * @since 0.1.0
 */
export const of = ({ kind, value }: AnyDocument, snapshot: Snapshot): ReadonlyArray<Reference> => {
  // One cast: the finder of a kind is given a value of that kind.
  const find = finders[kind] as (value: AnyDocument["value"], snapshot: Snapshot) => ReadonlyArray<Reference>
  return find(value, snapshot)
}

const keyOf = ({ id, kind }: Reference): string => `${kind}.${id}`

/** What refers to each document: found in one pass over all of them, once for each snapshot that is asked. */
const indexes = new WeakMap<Snapshot, ReadonlyMap<string, ReadonlyArray<AnyDocument>>>()

const indexOf = (snapshot: Snapshot): ReadonlyMap<string, ReadonlyArray<AnyDocument>> => {
  const known = indexes.get(snapshot)
  if (known !== undefined) return known
  const index = new Map<string, Array<AnyDocument>>()
  for (const document of all.flatMap((kind) => documents(snapshot, kind))) {
    for (const key of new Set(of(document, snapshot).map(keyOf))) {
      const users = index.get(key)
      if (users === undefined) index.set(key, [document])
      else users.push(document)
    }
  }
  indexes.set(snapshot, index)
  return index
}

/**
 * The documents that refer to a document.
 *
 * @category matching
 * @since 0.1.0
 */
export const users = (snapshot: Snapshot, reference: Reference): ReadonlyArray<AnyDocument> =>
  indexOf(snapshot).get(keyOf(reference)) ?? []

/**
 * The documents that refer to a document, and those that refer to them, and so on.
 *
 * @category matching
 * @since 0.1.0
 */
export const dependants = (snapshot: Snapshot, first: Reference): ReadonlyArray<AnyDocument> => {
  const found = new Map<string, AnyDocument>()
  const next: Array<Reference> = [first]
  for (let reference = next.pop(); reference !== undefined; reference = next.pop()) {
    for (const document of users(snapshot, reference)) {
      const key = keyOf(document)
      if (found.has(key) || key === keyOf(first)) continue
      found.set(key, document)
      next.push(document)
    }
  }
  // those that others refer to first, as they were created
  return all.flatMap((kind) => documents(snapshot, kind)).filter((document) => found.has(keyOf(document)))
}

// One cast: documents of a kind are documents of any.
const documents = (snapshot: Snapshot, kind: Kind) =>
  snapshot.list(kind) as ReadonlyArray<unknown> as ReadonlyArray<AnyDocument>

/**
 * A document in a message: `connector stream "in"`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const subject = (kind: Kind, name: string): string => `${nouns[kind]} ${JSON.stringify(name)}`
