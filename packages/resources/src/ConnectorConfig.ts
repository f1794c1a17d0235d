/**
 * A connector config: parameters of an instance that change while it runs.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { Category } from "./Category.ts"
import type { ConnectorClass } from "./ConnectorClass.ts"
import * as Fields from "./Fields.ts"
import { door, open, type Rules, subject } from "./internal/resource.ts"
import type { InvalidResource } from "./InvalidResource.ts"
import * as Parameters from "./Parameters.ts"
import * as Placement from "./Placement.ts"
import type { Project } from "./Project.ts"
import * as Reference from "./Reference.ts"
import type { Violation } from "./Violation.ts"

const shared = {
  ...Fields.base(36),
  name: Fields.Name,
  description: Schema.optionalKey(Schema.String),
  connectorInstanceID: Fields.Reference,
  ...Fields.placement
}

const wire = {
  ...shared,
  /** Values for the config parameters of the class. */
  config: Schema.optionalKey(Fields.JsonObject),
  /** The same, as the REST documentation calls it. */
  parameters: Schema.optionalKey(Fields.JsonObject)
}

/**
 * Schema of a config. Keys that it does not know are kept; its values are read from `config` or `parameters`, and
 * written as `config`, as all samples have it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ConnectorConfig = open(wire).pipe(
  Schema.decodeTo(
    open({ ...shared, config: Fields.JsonObject }),
    SchemaTransformation.transform({
      decode: ({ config, parameters, ...rest }) => ({ ...rest, config: config ?? parameters ?? {} }),
      encode: (config) => config
    })
  )
)

/**
 * @category models
 * @since 0.1.0
 */
export type ConnectorConfig = typeof ConnectorConfig.Type

const rules: Rules = ({ config, parameters }) =>
  config === undefined || parameters === undefined || Equal.equals(config, parameters)
    ? []
    : [{ path: "parameters", message: "expected the same values as in \"config\", or only one of the two" }]

/**
 * `decode` reads a document and fails with everything that is wrong with it; `encode` gives the document back.
 *
 * @category decoding
 * @since 0.1.0
 */
export const { decode, encode } = door("connector config", ConnectorConfig, Object.keys(wire), rules)

/**
 * What is wrong with a config beside the documents it is about: parameters that do not fit the class, a placement that
 * the project has not.
 *
 * @category checking
 * @since 0.1.0
 */
export const check = (
  config: ConnectorConfig,
  { categories, connectorClass, project }: {
    readonly connectorClass: ConnectorClass
    readonly project: Project
    readonly categories: ReadonlyArray<Category>
  }
): ReadonlyArray<Violation> => [
  ...Parameters.check(connectorClass.configParameterSchema, config.config, "config"),
  ...Placement.check(config, { categories, project })
]

/**
 * A config with the ids of its instance and its service domains, which a file may name by their names.
 *
 * @category converting
 * @since 0.1.0
 */
export const resolveNames = (
  config: ConnectorConfig,
  named: {
    readonly instances: ReadonlyArray<Reference.Named>
    readonly categories: ReadonlyArray<Reference.Named>
    readonly serviceDomains: ReadonlyArray<Reference.Named>
  }
): Effect.Effect<ConnectorConfig, InvalidResource> =>
  Reference.resolving(subject("connector config", config), (resolver) => ({
    ...config,
    connectorInstanceID: resolver.idOf(
      config.connectorInstanceID,
      named.instances,
      "a connector instance",
      "connectorInstanceID"
    ),
    ...Placement.resolveNames(config, named, resolver)
  }))
