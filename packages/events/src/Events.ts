/**
 * The registry of what is the matter now, which GetEvents reads.
 *
 * @since 0.1.0
 */
import type { EventPayload } from "@kps/idl"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { AlertDefinition, MetadataCodec, Severity, StatusDefinition } from "./Event.ts"

/**
 * What one raise or set adds to its definition.
 *
 * @category models
 * @since 0.1.0
 */
export interface Occurrence<out Metadata> {
  /** The stream it is about. Default: the connector as a whole. */
  readonly streamId?: string
  /** Default: the definition's. */
  readonly message?: string
  /** Alerts only. Default: the definition's. */
  readonly severity?: Severity
  /** Default: none. */
  readonly metadata?: Metadata
}

/**
 * Service that keeps the alerts and statuses of one connector instance.
 *
 * **Details**
 *
 * Nothing here fails, and nothing grows without a bound: see `layer` for the limits. Two callers see the same.
 *
 * @category services
 * @since 0.1.0
 */
export class Events extends Context.Service<Events, {
  /** Raises an alert. Raised again while it stands, its message and metadata are replaced, `created_at` is kept. */
  readonly raise: <Name extends string, M extends MetadataCodec>(
    alert: AlertDefinition<Name, M>,
    occurrence?: Occurrence<M["Type"]>
  ) => Effect.Effect<void>
  /** Ends an alert: reported as HEALTHY and INFO for 30 s, then dropped. Nothing happens when it does not stand. */
  readonly clear: <Name extends string, M extends MetadataCodec>(
    alert: AlertDefinition<Name, M>,
    options?: { readonly streamId?: string }
  ) => Effect.Effect<void>
  /** Puts a status in force in place of the one in its slot. */
  readonly set: <Name extends string, M extends MetadataCodec>(
    status: StatusDefinition<Name, M>,
    occurrence?: Occurrence<M["Type"]>
  ) => Effect.Effect<void>
  /** Says that a stream is gone: its events stay 30 s. What is raised or set for it later starts afresh. */
  readonly removeStream: (streamId: string) => Effect.Effect<void>
  /** Everything in force, oldest first. */
  readonly snapshot: Effect.Effect<ReadonlyArray<EventPayload>>
  /** `snapshot`, now and after each change; a slow reader misses steps between, never the last. Never ends. */
  readonly changes: Stream.Stream<ReadonlyArray<EventPayload>>
}>()("@kps/events/Events") {}
