/**
 * From the documents of a service domain to what its connectors are to run.
 *
 * @since 0.1.0
 */
import type { JsonObject } from "@bufbuild/protobuf"
import { Placement, type Project, type ServiceDomain } from "@kps/resources"
import type { Channel } from "@kps/transport"
import * as Option from "effect/Option"
import type { Values } from "../documents/Kind.ts"
import type { Snapshot } from "../documents/Snapshot.ts"
import type { PlacedStream } from "../pipelines/PipelineResolution.ts"
import * as StreamChannel from "./StreamChannel.ts"

/**
 * A stream that a connector instance is to run.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamPlan {
  /** Of its document; the connector knows it by this. */
  readonly id: string
  readonly name: string
  readonly direction: "INGRESS" | "EGRESS"
  readonly channel: Channel.ChannelName
  readonly metadata: JsonObject
}

/**
 * A connector instance that is to run on the service domain. Plain data: two that are equal ask for the same.
 *
 * @category models
 * @since 0.1.0
 */
export interface InstancePlan {
  readonly id: string
  readonly name: string
  readonly projectId: string
  readonly className: string
  readonly classVersion: string
  /** All configs that are in force, merged in the order in which they were created, key by key at the top level. */
  readonly config: JsonObject
  /** In the order of their ids. */
  readonly streams: ReadonlyArray<StreamPlan>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface DomainPlan {
  readonly instances: ReadonlyArray<InstancePlan>
  /** The streams of all instances, as pipelines are resolved with. */
  readonly streams: ReadonlyArray<PlacedStream>
}

/**
 * What is to run on a service domain. Pure: equal documents give equal plans.
 *
 * **Details**
 *
 * An instance runs on every service domain of its project; a stream and a config are in force where they are placed. A
 * service domain that is not there runs nothing.
 *
 * @category converting
 * @since 0.1.0
 */
export const make = (snapshot: Snapshot, serviceDomainId: string): DomainPlan => {
  const domain = snapshot.get("serviceDomain", serviceDomainId)
  if (Option.isNone(domain)) return { instances: [], streams: [] }
  const here = domain.value.value
  const projects = new Map(
    snapshot.list("project").flatMap(({ id, value }) =>
      Placement.ofProject(value, [here]).length === 0 ? [] : [[id, value] as const]
    )
  )
  const streamsOf = byInstance(snapshot.values("connectorStream"))
  const configsOf = byInstance(snapshot.list("connectorConfig").map(({ value }) => value))
  const placed: Array<PlacedStream> = []
  const instances = snapshot.list("connectorInstance").flatMap(({ id, value }): ReadonlyArray<InstancePlan> => {
    const project = projects.get(value.projectId)
    const connectorClass = snapshot.get("connectorClass", value.connectorClassID)
    if (project === undefined || Option.isNone(connectorClass)) return []
    const streams = inForce(streamsOf.get(id), project, here)
    const plans = streams.flatMap((stream) => stream.id === undefined ? [] : [planOf(stream, stream.id)])
    for (const stream of streams) {
      if (stream.id === undefined) continue
      placed.push({ stream, projectId: value.projectId, channel: StreamChannel.of(stream.id) })
    }
    return [{
      id,
      name: value.name,
      projectId: value.projectId,
      className: connectorClass.value.value.name,
      classVersion: connectorClass.value.value.connectorVersion,
      config: merged(inForce(configsOf.get(id), project, here).map(({ config }) => jsonOf(config))),
      streams: plans.toSorted(byId)
    }]
  })
  return { instances, streams: placed }
}

const byInstance = <A extends { readonly connectorInstanceID: string }>(documents: ReadonlyArray<A>) =>
  Map.groupBy(documents, ({ connectorInstanceID }) => connectorInstanceID)

const inForce = <A extends Placement.Placement>(
  documents: ReadonlyArray<A> | undefined,
  project: Project.Project,
  here: ServiceDomain.ServiceDomain
): ReadonlyArray<A> => (documents ?? []).filter((document) => Placement.resolve(document, project, [here]).length > 0)

const planOf = (stream: Values["connectorStream"], id: string): StreamPlan => ({
  id,
  name: stream.name,
  direction: stream.direction,
  channel: StreamChannel.of(id),
  metadata: jsonOf(stream.stream)
})

// One cast: the JSON of a document is read-only by its type, and what it is sent by is not.
const jsonOf = (json: Readonly<Record<string, unknown>>): JsonObject => json as JsonObject

// Not `Object.assign`: a key may be called __proto__.
const merged = (configs: ReadonlyArray<JsonObject>): JsonObject =>
  Object.fromEntries(configs.flatMap((config) => Object.entries(config)))

const byId = (a: StreamPlan, b: StreamPlan): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
