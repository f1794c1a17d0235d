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
  snapshot.values("connectorStream").filter(({ connectorInstanceID }) =>
    Option.exists(snapshot.get("connectorInstance", connectorInstanceID), ({ value }) => value.projectId === projectId)
  )

const categories = (infos: ReadonlyArray<Fields.CategoryInfo> = []): ReadonlyArray<Reference> =>
  infos.map(({ id }) => ({ kind: "category", id }))

const serviceDomains = (ids: ReadonlyArray<string> = []): ReadonlyArray<Reference> =>
  ids.map((id) => ({ kind: "serviceDomain", id }))

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
    // an egress stream is named by its name
    ...(edgeStreamType === "Connector"
      ? streamsOf(snapshot, projectId).flatMap(({ direction, id, name }): ReadonlyArray<Reference> =>
        name === endPoint && direction === "EGRESS" && id !== undefined ? [{ kind: "connectorStream", id }] : []
      )
      : [])
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

/**
 * The documents that refer to a document.
 *
 * @category matching
 * @since 0.1.0
 */
export const users = (snapshot: Snapshot, { id, kind }: Reference): ReadonlyArray<AnyDocument> =>
  all.flatMap((other) => documents(snapshot, other)).filter((document) =>
    of(document, snapshot).some((reference) => reference.kind === kind && reference.id === id)
  )

/**
 * The documents that refer to a document, and those that refer to them, and so on.
 *
 * @category matching
 * @since 0.1.0
 */
export const dependants = (snapshot: Snapshot, first: Reference): ReadonlyArray<AnyDocument> => {
  const found = new Map<string, AnyDocument>()
  const visit = (reference: Reference): void => {
    for (const document of users(snapshot, reference)) {
      const key = `${document.kind}.${document.id}`
      if (found.has(key) || (document.kind === first.kind && document.id === first.id)) continue
      found.set(key, document)
      // what a stream, a config or a pipeline's user depends on is in the stream itself
      visit(document)
    }
  }
  visit(first)
  return [...found.values()]
}

// One cast: documents of a kind are documents of any.
const documents = (snapshot: Snapshot, kind: Kind) =>
  snapshot.list(kind) as ReadonlyArray<unknown> as ReadonlyArray<
    AnyDocument
  >

/**
 * A document in a message: `connector stream "in"`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const subject = (kind: Kind, name: string): string => `${nouns[kind]} ${JSON.stringify(name)}`
