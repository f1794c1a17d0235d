/**
 * A connector stream: what one connection of an instance reads from outside or writes to it.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Category from "./Category.ts"
import type { ConnectorClass } from "./ConnectorClass.ts"
import * as Fields from "./Fields.ts"
import { door, open, type Rules, subject } from "./internal/resource.ts"
import type { InvalidResource } from "./InvalidResource.ts"
import * as Parameters from "./Parameters.ts"
import * as Placement from "./Placement.ts"
import type { Project } from "./Project.ts"
import * as Reference from "./Reference.ts"
import * as Violation from "./Violation.ts"

const fields = {
  ...Fields.base(36),
  name: Fields.Name,
  description: Schema.optionalKey(Schema.String),
  connectorInstanceID: Fields.Reference,
  direction: Fields.Direction,
  /** By these a pipeline selects an ingress stream. */
  labels: Schema.optionalKey(Schema.Array(Fields.CategoryInfo)),
  /** Values for the stream parameters of the class: what the connector gets as the stream's metadata. */
  stream: Fields.JsonObject,
  ...Fields.placement
}

/**
 * Schema of a stream. Keys that it does not know are kept; the directions SOURCE and SINK are read as INGRESS and EGRESS.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ConnectorStream = open(fields)

/**
 * @category models
 * @since 0.1.0
 */
export type ConnectorStream = typeof ConnectorStream.Type

const rules: Rules = ({ direction, labels }) => {
  const count = Array.isArray(labels) ? labels.length : 0
  if ((direction === "INGRESS" || direction === "SOURCE") && count === 0) {
    return [{ path: "labels", message: "expected at least one label: a pipeline finds an ingress stream by them" }]
  }
  return (direction === "EGRESS" || direction === "SINK") && count > 0
    ? [Violation.make("labels", "no labels: only ingress streams have them", labels)]
    : []
}

/**
 * `decode` reads a document and fails with everything that is wrong with it, also when an ingress stream has no label or
 * an egress stream has one; `encode` gives the document back.
 *
 * @category decoding
 * @since 0.1.0
 */
export const { decode, encode } = door("connector stream", ConnectorStream, Object.keys(fields), rules)

/**
 * What is wrong with a stream beside the documents it is about: a direction that the class has not, parameters that do
 * not fit, labels and selectors of no category, a placement that the project has not.
 *
 * @category checking
 * @since 0.1.0
 */
export const check = (
  stream: ConnectorStream,
  { categories, connectorClass, project }: {
    readonly connectorClass: ConnectorClass
    readonly project: Project
    readonly categories: ReadonlyArray<Category.Category>
  }
): ReadonlyArray<Violation.Violation> => [
  ...(connectorClass.type === "BIDIRECTIONAL" || connectorClass.type === stream.direction
    ? []
    : [Violation.make(
      "direction",
      `${JSON.stringify(connectorClass.type)}, the type of the class ${JSON.stringify(connectorClass.name)}`,
      stream.direction
    )]),
  ...Parameters.check(connectorClass.streamParameterSchema, stream.stream, "stream"),
  ...Category.checkInfos(stream.labels ?? [], categories, "labels"),
  ...Placement.check(stream, { categories, project })
]

/**
 * A stream with the ids of its instance, the categories of its labels and its service domains, which a file may name by
 * their names.
 *
 * @category converting
 * @since 0.1.0
 */
export const resolveNames = (
  stream: ConnectorStream,
  named: {
    readonly instances: ReadonlyArray<Reference.Named>
    readonly categories: ReadonlyArray<Reference.Named>
    readonly serviceDomains: ReadonlyArray<Reference.Named>
  }
): Effect.Effect<ConnectorStream, InvalidResource> =>
  Reference.resolving(subject("connector stream", stream), (resolver) => ({
    ...stream,
    connectorInstanceID: resolver.idOf(
      stream.connectorInstanceID,
      named.instances,
      "a connector instance",
      "connectorInstanceID"
    ),
    ...(stream.labels === undefined
      ? {}
      : { labels: Category.resolveNames(stream.labels, named.categories, "labels", resolver.idOf) }),
    ...Placement.resolveNames(stream, named, resolver)
  }))
