/**
 * Definitions of the alerts and statuses a connector can show, each with typed metadata.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

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
export type MetadataCodec = Schema.Codec<unknown, unknown>

/**
 * Something somebody should look at: raised, and cleared when it is over.
 *
 * @category models
 * @since 0.1.0
 */
export interface AlertDefinition<out Name extends string, out Metadata extends MetadataCodec> {
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
export interface StatusDefinition<out Name extends string, out Metadata extends MetadataCodec> {
  readonly kind: "status"
  /** The `id` on the wire: the kind of status. */
  readonly name: Name
  /** Statuses of one slot and stream replace each other. Default: the name. */
  readonly slot: string
  readonly message: string
  readonly state: State
  readonly metadata: Metadata
}

/**
 * Metadata of a definition that says nothing about it: any JSON object.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AnyMetadata = Schema.JsonObject

/**
 * Defines an alert.
 *
 * **Example** (An alert with typed metadata)
 *
 * ```ts
 * const diskFull = Event.alert("diskFull", {
 *   message: "no space left on the spool disk",
 *   severity: "CRITICAL",
 *   metadata: Schema.Struct({ freeBytes: Schema.Int })
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const alert = <const Name extends string, Metadata extends MetadataCodec = typeof AnyMetadata>(
  name: Name,
  options: {
    readonly message: string
    readonly severity: Severity
    /** While the alert stands. Default: "FAILED". */
    readonly state?: State
    /** Alerts of one slot and stream replace each other. Default: the name. */
    readonly slot?: string
    /** Default: any JSON object. */
    readonly metadata?: Metadata
  }
): AlertDefinition<Name, Metadata> => ({
  kind: "alert",
  name,
  slot: options.slot ?? name,
  message: options.message,
  severity: options.severity,
  state: options.state ?? "FAILED",
  // One cast: where no schema is given, `Metadata` is inferred as its default.
  metadata: options.metadata ?? (AnyMetadata as MetadataCodec as Metadata)
})

/**
 * Defines a status.
 *
 * **Example** (Two statuses of which one is in force)
 *
 * ```ts
 * const spooling = Event.status("spooling", { slot: "spool", state: "UNHEALTHY", message: "spooling to disk" })
 * const direct = Event.status("direct", { slot: "spool", state: "HEALTHY", message: "nothing is spooled" })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const status = <const Name extends string, Metadata extends MetadataCodec = typeof AnyMetadata>(
  name: Name,
  options: {
    readonly message: string
    readonly state: State
    /** Statuses of one slot and stream replace each other. Default: the name. */
    readonly slot?: string
    /** Default: any JSON object. */
    readonly metadata?: Metadata
  }
): StatusDefinition<Name, Metadata> => ({
  kind: "status",
  name,
  slot: options.slot ?? name,
  message: options.message,
  state: options.state,
  // One cast: as in `alert`.
  metadata: options.metadata ?? (AnyMetadata as MetadataCodec as Metadata)
})
