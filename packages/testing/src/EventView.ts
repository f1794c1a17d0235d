/**
 * Alerts and statuses as GetEvents shows them.
 *
 * @since 0.1.0
 */
import type { JsonObject } from "@bufbuild/protobuf"
import type { Timestamp } from "@bufbuild/protobuf/wkt"
import { type GetEventsResponse, SeveritySchema, StateSchema } from "@kps/idl"

/**
 * @category models
 * @since 0.1.0
 */
export interface EventView {
  readonly kind: "alert" | "status"
  readonly name: string
  /** Empty: the connector as a whole. */
  readonly streamId: string
  readonly message: string
  /** Alerts only. */
  readonly severity: string
  readonly state: string
  /** Nanoseconds since the Unix epoch. */
  readonly createdAt: bigint | undefined
  readonly metadata: JsonObject
}

const nanos = (at: Timestamp | undefined): bigint | undefined =>
  at === undefined ? undefined : at.seconds * 1_000_000_000n + BigInt(at.nanos)

/**
 * The events of a reply.
 *
 * @category converting
 * @since 0.1.0
 */
export const ofReply = (reply: GetEventsResponse): ReadonlyArray<EventView> =>
  reply.eventPayloads.flatMap(({ object }): ReadonlyArray<EventView> => {
    if (object.case === undefined) return []
    const { createdAt, id, message, metadata = {}, state, streamId } = object.value
    return [{
      kind: object.case,
      name: id,
      streamId,
      message,
      severity: object.case === "alert" ? SeveritySchema.value[object.value.severity]?.localName ?? "UNSPECIFIED" : "",
      state: StateSchema.value[state]?.localName ?? "UNSPECIFIED",
      createdAt: nanos(createdAt),
      metadata
    }]
  })

/**
 * What makes two events one and the same.
 *
 * @category getters
 * @since 0.1.0
 */
export const key = ({ kind, name, streamId }: EventView): string => JSON.stringify([kind, name, streamId])

/**
 * Whether it says that something is wrong now.
 *
 * @category guards
 * @since 0.1.0
 */
export const isStanding = ({ kind, severity, state }: EventView): boolean =>
  kind === "alert" && severity !== "INFO" && state !== "HEALTHY"

/**
 * An event in a few words.
 *
 * @category rendering
 * @since 0.1.0
 */
export const text = ({ kind, name, severity, state, streamId }: EventView): string =>
  `${kind} ${name}${streamId === "" ? "" : ` of ${streamId}`} ${
    [severity, state].filter((part) => part !== "").join(" ")
  }`

/**
 * A list in a few words.
 *
 * @category rendering
 * @since 0.1.0
 */
export const texts = (events: ReadonlyArray<EventView>): string =>
  events.length === 0 ? "no events" : events.slice(0, 6).map(text).join(", ") + (events.length > 6 ? ", …" : "")
