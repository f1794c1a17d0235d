/**
 * What comes back from a connector, as a command shows it.
 *
 * @since 0.1.0
 */
import type { JsonObject } from "@bufbuild/protobuf"
import { timestampDate } from "@bufbuild/protobuf/wkt"
import { type EventPayload, Severity, State, type Stream, StreamDirection } from "@kps/idl"
import type { Column } from "./Output.ts"

// the name of an enum's value; a value that this version does not know is shown as its number
const nameOf = (names: Readonly<Record<string, number>>, value: number) =>
  Object.keys(names).find((name) => names[name] === value) ?? String(value)

/**
 * @category models
 * @since 0.1.0
 */
export interface StreamView {
  readonly id: string
  readonly direction: string
  readonly channel: string
  readonly subscribed: boolean
  readonly discovered: boolean
  readonly metadata: JsonObject
}

/**
 * A stream by the names that a desired-state document uses.
 *
 * @category views
 * @since 0.1.0
 */
export const stream = (stream: Stream): StreamView => ({
  id: stream.id,
  direction: nameOf(StreamDirection, stream.direction),
  channel: stream.transportChannel,
  subscribed: stream.subscribed,
  discovered: stream.discovered,
  metadata: stream.metadata ?? {}
})

const yesNo = (value: boolean) => value ? "yes" : "no"

/**
 * @category columns
 * @since 0.1.0
 */
export const streamColumns: ReadonlyArray<Column<StreamView>> = [
  { header: "ID", cell: ({ id }) => id },
  { header: "DIRECTION", cell: ({ direction }) => direction },
  { header: "CHANNEL", cell: ({ channel }) => channel },
  { header: "RUNNING", cell: ({ subscribed }) => yesNo(subscribed) },
  { header: "DISCOVERED", cell: ({ discovered }) => yesNo(discovered) },
  { header: "METADATA", cell: ({ metadata }) => JSON.stringify(metadata) }
]

/**
 * @category models
 * @since 0.1.0
 */
export interface EventView {
  readonly kind: "alert" | "status"
  readonly name: string
  /** Absent: it is about the connector as a whole. */
  readonly stream?: string
  /** Alerts only. */
  readonly severity?: string
  readonly state: string
  /** As RFC 3339; absent: the connector did not say. */
  readonly since?: string
  readonly message: string
  readonly metadata: JsonObject
}

/**
 * An event, or nothing when it is of a kind that this version does not know.
 *
 * @category views
 * @since 0.1.0
 */
export const event = ({ object }: EventPayload): EventView | undefined => {
  if (object.case === undefined) return undefined
  const { createdAt, id, message, metadata, state, streamId } = object.value
  return {
    kind: object.case,
    name: id,
    ...(streamId === "" ? {} : { stream: streamId }),
    ...(object.case === "alert" ? { severity: nameOf(Severity, object.value.severity) } : {}),
    state: nameOf(State, state),
    ...(createdAt === undefined ? {} : { since: timestampDate(createdAt).toISOString() }),
    message,
    metadata: metadata ?? {}
  }
}

/**
 * The message of an event and, where the event carries an error, what that says.
 *
 * @category views
 * @since 0.1.0
 */
export const text = ({ message, metadata }: EventView): string => {
  const { ErrorMessage: error } = metadata
  return typeof error === "string" && error !== "" && !message.includes(error) ? `${message}: ${error}` : message
}

/**
 * @category columns
 * @since 0.1.0
 */
export const eventColumns: ReadonlyArray<Column<EventView>> = [
  { header: "SINCE", cell: ({ since }) => since ?? "" },
  { header: "KIND", cell: ({ kind }) => kind },
  { header: "NAME", cell: ({ name }) => name },
  { header: "STREAM", cell: ({ stream }) => stream ?? "" },
  { header: "SEVERITY", cell: ({ severity }) => severity ?? "" },
  { header: "STATE", cell: ({ state }) => state },
  { header: "MESSAGE", cell: (event) => text(event) }
]
