/**
 * A connector instance: a connector of a class, deployed to a project.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { ConnectorClass } from "./ConnectorClass.ts"
import * as Fields from "./Fields.ts"
import { door, open, subject } from "./internal/resource.ts"
import type { InvalidResource } from "./InvalidResource.ts"
import * as Parameters from "./Parameters.ts"
import * as Reference from "./Reference.ts"
import type { Violation } from "./Violation.ts"

const fields = {
  ...Fields.base(36),
  name: Fields.Name,
  description: Schema.optionalKey(Schema.String),
  connectorClassID: Fields.Reference,
  projectId: Fields.Reference,
  /** Values for the static parameters of the class, which fill its Kubernetes template. */
  staticParameters: Schema.optionalKey(Fields.JsonObject)
}

/**
 * Schema of an instance. Keys that it does not know are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ConnectorInstance = open(fields)

/**
 * @category models
 * @since 0.1.0
 */
export type ConnectorInstance = typeof ConnectorInstance.Type

/**
 * `decode` reads a document and fails with everything that is wrong with it; `encode` gives the document back.
 *
 * @category decoding
 * @since 0.1.0
 */
export const { decode, encode } = door("connector instance", ConnectorInstance, Object.keys(fields))

/**
 * What is wrong with an instance beside its class: static parameters that do not fit.
 *
 * @category checking
 * @since 0.1.0
 */
export const check = (
  instance: ConnectorInstance,
  { connectorClass }: { readonly connectorClass: ConnectorClass }
): ReadonlyArray<Violation> =>
  Parameters.check(connectorClass.staticParameterSchema, instance.staticParameters ?? {}, "staticParameters")

/**
 * An instance with the ids of its class and its project, which a file may name by their names.
 *
 * @category converting
 * @since 0.1.0
 */
export const resolveNames = (
  instance: ConnectorInstance,
  { classes, projects }: {
    readonly classes: ReadonlyArray<Reference.Named>
    readonly projects: ReadonlyArray<Reference.Named>
  }
): Effect.Effect<ConnectorInstance, InvalidResource> =>
  Reference.resolving(subject("connector instance", instance), ({ idOf }) => ({
    ...instance,
    connectorClassID: idOf(instance.connectorClassID, classes, "a connector class", "connectorClassID"),
    projectId: idOf(instance.projectId, projects, "a project", "projectId")
  }))
