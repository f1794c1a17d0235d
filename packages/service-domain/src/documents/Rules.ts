/**
 * What has to hold between documents: names are unique, references lead somewhere, values fit the schemas of their class.
 *
 * @since 0.1.0
 */
import {
  ConnectorClass,
  ConnectorConfig,
  ConnectorInstance,
  ConnectorStream,
  DataPipeline,
  type InvalidResource,
  Project,
  ServiceDomain,
  Violation
} from "@kps/resources"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Kind, Values } from "./Kind.ts"
import { streamsOf } from "./References.ts"
import type { AnyDocument, Snapshot } from "./Snapshot.ts"

/**
 * Everything that is wrong with a document.
 *
 * @category models
 * @since 0.1.0
 */
export type Violations = ReadonlyArray<Violation.Violation>

/** Where a name is unique, and what it is called there. */
const scopes: {
  readonly [K in Kind]: (value: Values[K]) => { readonly within: string; readonly same: string }
} = {
  category: () => ({ within: "", same: "the name" }),
  serviceDomain: () => ({ within: "", same: "the name" }),
  project: () => ({ within: "", same: "the name" }),
  connectorClass: ({ connectorVersion }) => ({
    within: connectorVersion,
    same: `connectorVersion ${JSON.stringify(connectorVersion)} and the name`
  }),
  connectorInstance: ({ projectId }) => ({ within: projectId, same: "the name in its project" }),
  connectorStream: ({ connectorInstanceID }) => ({ within: connectorInstanceID, same: "the name in its instance" }),
  connectorConfig: ({ connectorInstanceID }) => ({ within: connectorInstanceID, same: "the name in its instance" }),
  function: ({ projectId = "" }) => ({ within: projectId, same: "the name in its project" }),
  dataPipeline: ({ projectId = "" }) => ({ within: projectId, same: "the name in its project" })
}

/**
 * The document that has the name already, and what the two have in common: "the name in its project".
 *
 * @category checking
 * @since 0.1.0
 */
export const namesake = <K extends Kind>(
  snapshot: Snapshot,
  kind: K,
  id: string,
  value: Values[K]
): Option.Option<{ readonly id: string; readonly same: string }> => {
  const scope = scopes[kind]
  const { same, within } = scope(value)
  const found = snapshot.values(kind).find((other) =>
    other.id !== id && other.name === value.name && scope(other).within === within
  )
  return found?.id === undefined ? Option.none() : Option.some({ id: found.id, same })
}

const resolvers: {
  readonly [K in Kind]?: (
    value: Values[K],
    snapshot: Snapshot
  ) => Effect.Effect<Values[K], InvalidResource.InvalidResource>
} = {
  connectorInstance: (value, snapshot) =>
    ConnectorInstance.resolveNames(value, {
      classes: snapshot.values("connectorClass"),
      projects: snapshot.values("project")
    }),
  connectorStream: (value, snapshot) =>
    ConnectorStream.resolveNames(value, {
      instances: snapshot.values("connectorInstance"),
      categories: snapshot.values("category"),
      serviceDomains: snapshot.values("serviceDomain")
    }),
  connectorConfig: (value, snapshot) =>
    ConnectorConfig.resolveNames(value, {
      instances: snapshot.values("connectorInstance"),
      categories: snapshot.values("category"),
      serviceDomains: snapshot.values("serviceDomain")
    })
}

/**
 * A document of a connector kind with ids where it has names; others as they are. Fails with every reference that leads
 * nowhere.
 *
 * @category converting
 * @since 0.1.0
 */
export const resolveNames = <K extends Kind>(
  snapshot: Snapshot,
  kind: K,
  value: Values[K]
): Effect.Effect<Values[K], InvalidResource.InvalidResource> =>
  resolvers[kind]?.(value, snapshot) ?? Effect.succeed(value)

const checkProject = (snapshot: Snapshot, projectId: string | undefined): Violations =>
  projectId === undefined || Option.isSome(snapshot.get("project", projectId))
    ? []
    : [Violation.make("projectId", "the id of a project", projectId)]

/** What a stream or a config is checked beside; none when its instance or what that needs is not there. */
const surroundings = (snapshot: Snapshot, instanceId: string) =>
  Option.gen(function*() {
    const { value: instance } = yield* snapshot.get("connectorInstance", instanceId)
    const { value: connectorClass } = yield* snapshot.get("connectorClass", instance.connectorClassID)
    const { value: project } = yield* snapshot.get("project", instance.projectId)
    return { connectorClass, project, categories: snapshot.values("category") }
  })

const noInstance = (
  id: string
): Violations => [Violation.make("connectorInstanceID", "the id of a connector instance", id)]

/** That the class's template takes the static parameters, and makes Kubernetes resources of them. */
const checkRendered = (
  { connectorClassID, staticParameters = {} }: Values["connectorInstance"],
  snapshot: Snapshot
): Effect.Effect<Violations> =>
  Option.match(snapshot.get("connectorClass", connectorClassID), {
    onNone: () => Effect.succeed([Violation.make("connectorClassID", "the id of a connector class", connectorClassID)]),
    onSome: ({ value: connectorClass }) =>
      Effect.match(ConnectorClass.render(connectorClass, staticParameters), {
        onFailure: ({ violations }) => violations,
        onSuccess: () => []
      })
  })

const checks: {
  readonly [K in Kind]: (value: Values[K], snapshot: Snapshot) => Effect.Effect<Violations>
} = {
  category: () => Effect.succeed([]),
  serviceDomain: (value, snapshot) =>
    Effect.sync(() => ServiceDomain.check(value, { categories: snapshot.values("category") })),
  project: (value, snapshot) =>
    Effect.sync(() =>
      Project.check(value, {
        categories: snapshot.values("category"),
        serviceDomains: snapshot.values("serviceDomain")
      })
    ),
  connectorClass: (value) => Effect.sync(() => ConnectorClass.check(value)),
  connectorInstance: (value, snapshot) =>
    Effect.map(checkRendered(value, snapshot), (violations) => [
      ...checkProject(snapshot, value.projectId),
      ...violations
    ]),
  connectorStream: (value, snapshot) =>
    Effect.sync(() =>
      Option.match(surroundings(snapshot, value.connectorInstanceID), {
        onNone: () => noInstance(value.connectorInstanceID),
        onSome: (
          beside
        ) => [...ConnectorStream.check(value, beside), ...checkNameAsEndpoint(value, beside.project, snapshot)]
      })
    ),
  connectorConfig: (value, snapshot) =>
    Effect.sync(() =>
      Option.match(surroundings(snapshot, value.connectorInstanceID), {
        onNone: () => noInstance(value.connectorInstanceID),
        onSome: (beside) => ConnectorConfig.check(value, beside)
      })
    ),
  function: ({ projectId }, snapshot) => Effect.sync(() => checkProject(snapshot, projectId)),
  dataPipeline: (value, snapshot) =>
    Effect.sync(() => {
      const streams = streamsOf(snapshot, value.projectId)
      const isOfProject = ({ projectId }: { readonly projectId?: string }) =>
        projectId === undefined || projectId === value.projectId
      return [
        ...checkProject(snapshot, value.projectId),
        ...DataPipeline.check(value, {
          categories: snapshot.values("category"),
          functions: snapshot.values("function").filter(isOfProject),
          pipelines: snapshot.values("dataPipeline").filter(isOfProject),
          streams
        }),
        ...checkOneEndpoint(value, streams)
      ]
    })
}

/** Pipelines name the egress stream that they put out to: it has to stay the only one of its name. */
const checkNameAsEndpoint = (
  { direction, id, name }: Values["connectorStream"],
  project: Values["project"],
  snapshot: Snapshot
): Violations => {
  if (direction !== "EGRESS") return []
  const isTaken = streamsOf(snapshot, project.id).some((other) =>
    other.id !== id && other.direction === "EGRESS" && other.name === name
  )
  const isNamed = snapshot.values("dataPipeline").some((pipeline) =>
    pipeline.projectId === project.id && pipeline.edgeStreamType === "Connector" && pipeline.endPoint === name
  )
  const wanted = `another name than "${name}": pipelines of the project put out to the egress stream of that name`
  return isTaken && isNamed ? [Violation.make("name", wanted, name)] : []
}

/** A name is unique in an instance: a project may have it more than once. */
const checkOneEndpoint = (
  { edgeStreamType, endPoint }: Values["dataPipeline"],
  streams: ReadonlyArray<Values["connectorStream"]>
): Violations => {
  const found = streams.filter(({ direction, name }) => direction === "EGRESS" && name === endPoint)
  return edgeStreamType === "Connector" && found.length > 1
    ? [Violation.make("endPoint", `the name of one egress stream: ${found.length} of the project have it`, endPoint)]
    : []
}

/**
 * Everything that is wrong with a document beside the others.
 *
 * @category checking
 * @since 0.1.0
 */
export const check = (document: AnyDocument, snapshot: Snapshot): Effect.Effect<Violations> => {
  // One cast: the check of a kind is given a value of that kind.
  const run = checks[document.kind] as (value: AnyDocument["value"], snapshot: Snapshot) => Effect.Effect<Violations>
  return run(document.value, snapshot)
}

/** What a document belongs to stays as it is: nothing that runs moves to another place. */
const fixed: { readonly [K in Kind]?: ReadonlyArray<keyof Values[K] & string> } = {
  connectorInstance: ["projectId"],
  connectorStream: ["connectorInstanceID"],
  connectorConfig: ["connectorInstanceID"],
  function: ["projectId"],
  dataPipeline: ["projectId"]
}

/**
 * What an update changes that cannot be changed.
 *
 * @category checking
 * @since 0.1.0
 */
export const checkUpdate = <K extends Kind>(kind: K, before: Values[K], after: Values[K]): Violations =>
  (fixed[kind] ?? []).flatMap((key) =>
    before[key] === after[key]
      ? []
      : [Violation.make(key, `${JSON.stringify(before[key]) ?? "none"}: it cannot be changed`, after[key])]
  )
