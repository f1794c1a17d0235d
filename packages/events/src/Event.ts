/**
 * Definitions of the alerts and statuses a connector can show, each with typed metadata.
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"

/**
 * How bad an alert is.
 *
 * @category models
 * @since 0.1.0
 */
export type Severity = "INFO" | "WARNING" | "CRITICAL"

/**
 * Which state the connector, or the stream, is in.
 *
 * @category models
 * @since 0.1.0
 */
export type State = "PROVISIONING" | "PROVISIONED" | "FAILED" | "HEALTHY" | "UNHEALTHY"

/**
 * Metadata of an event: what its Struct holds, JSON after encoding.
 *
 * @category models
 * @since 0.1.0
 */
export type MetadataCodec = Schema.Codec<any, any>

/**
 * Something somebody should look at: raised, and cleared when it is over.
 *
 * @category models
 * @since 0.1.0
 */
export interface AlertDefinition<in out Name extends string, in out Metadata extends MetadataCodec> {
  readonly kind: "alert"
  /** The `id` on the wire: the kind of alert. */
  readonly name: Name
  /** Alerts of one slot and stream replace each other. Default: the name. */
  readonly slot: string
  readonly message: string
  readonly severity: Severity
  readonly state: State
  readonly metadata: Metadata
}

/**
 * How something is: set, and replaced by the next of its slot and stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface StatusDefinition<in out Name extends string, in out Metadata extends MetadataCodec> {
  readonly kind: "status"
  /** The `id` on the wire: the kind of status. */
  readonly name: Name
  /** Statuses of one slot and stream replace each other. Default: the name. */
  readonly slot: string
  readonly message: string
  readonly state: State
  readonly metadata: Metadata
}
