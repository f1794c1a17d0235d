/**
 * What happened to a connector: an alert or a status, and when.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * What an event is about: an instance of a project on a service domain, or one of its streams. All are ids.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source {
  readonly serviceDomain: string
  readonly project: string
  /** Id of a connector instance, or of a data pipeline where `pipeline` is set and this is not. */
  readonly instance?: string
  readonly stream?: string
  readonly pipeline?: string
}

/**
 * An event as REST has it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Event = Schema.Struct({
  /** Of this event alone. Given by the store unless it is there: one that is put again replaces the one with its id. */
  id: Schema.optionalKey(Schema.String),
  type: Schema.Literals(["ALERT", "STATUS", "METRIC"]),
  /** INFO, WARNING or CRITICAL; alerts have one. */
  severity: Schema.optionalKey(Schema.String),
  /** PROVISIONING, PROVISIONED, FAILED, HEALTHY or UNHEALTHY. */
  state: Schema.optionalKey(Schema.String),
  message: Schema.optionalKey(Schema.String),
  /** `/serviceDomain:<id>/project:<id>/connectorInstance:<id>/connectorStream:<id>`, as far as it goes. */
  path: Schema.String.check(
    Schema.isPattern(/^\/[^\s]{0,999}$/u, { expected: "a path that begins with \"/\", of at most 1,000 characters" })
  ),
  /** `name` is what kind of alert or status it is; what else there is to know is there too, as text. */
  properties: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  /** When it happened, in ISO 8601. Given by the store unless it is there. */
  timestamp: Schema.optionalKey(Schema.String),
  audience: Schema.optionalKey(Schema.String),
  sourceType: Schema.optionalKey(Schema.String),
  isEncrypted: Schema.optionalKey(Schema.Boolean),
  isInfraEntity: Schema.optionalKey(Schema.Boolean),
  metrics: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
  version: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "Event", description: "An alert or a status of a connector, a stream or a pipeline." })

/**
 * @category models
 * @since 0.1.0
 */
export type Event = typeof Event.Type

/**
 * The path of what an event is about.
 *
 * @category formatting
 * @since 0.1.0
 */
export const path = ({ instance, pipeline, project, serviceDomain, stream }: Source): string =>
  [
    ["serviceDomain", serviceDomain],
    ["project", project],
    ["connectorInstance", instance],
    ["connectorStream", stream],
    ["dataPipeline", pipeline]
  ].map(([name, id]) => id === undefined ? "" : `/${name}:${encodeURIComponent(id)}`).join("")

/**
 * Whether an event is about what a path leads to, or something in it. `/` leads to all there is.
 *
 * @category matching
 * @since 0.1.0
 */
export const isWithin = (event: Pick<Event, "path">, path: string): boolean => {
  const base = path.replace(/\/+$/, "")
  return event.path === base || event.path.startsWith(`${base}/`)
}
