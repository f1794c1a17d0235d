/**
 * Recorded events as the contract's messages.
 *
 * @since 0.1.0
 */
import { create, type JsonObject, type JsonValue } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { type EventPayload, EventPayloadSchema, Severity as SeverityNumber, State as StateNumber } from "@kps/idl"
import type { Severity, State } from "./Event.ts"
import * as Text from "./Text.ts"

/**
 * An event as it is recorded: what the contract's `Alert` or `Status` says.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recorded {
  readonly kind: "alert" | "status"
  readonly name: string
  /** Empty: the connector as a whole. */
  readonly streamId: string
  readonly message: string
  /** Not told of a status. */
  readonly severity: Severity
  readonly state: State
  /** Milliseconds since the Unix epoch. */
  readonly createdAtMillis: number
  readonly metadata: JsonObject | undefined
}

/**
 * Makes the message of an event.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (event: Recorded): EventPayload => {
  const common = {
    id: event.name,
    streamId: event.streamId,
    message: event.message,
    state: StateNumber[event.state],
    createdAt: timestampFromMs(event.createdAtMillis),
    ...(event.metadata === undefined ? {} : { metadata: event.metadata })
  }
  return create(EventPayloadSchema, {
    object: event.kind === "alert"
      ? { case: "alert", value: { ...common, severity: SeverityNumber[event.severity] } }
      : { case: "status", value: common }
  })
}

/**
 * How many bytes an event adds to an encoded `GetEventsResponse`, without encoding it.
 *
 * @category getters
 * @since 0.1.0
 */
export const byteLength = (event: Recorded): number =>
  field(field(
    textField(event.name) + textField(event.streamId) + textField(event.message) + enumBytes
      + (event.kind === "alert" ? enumBytes : 0)
      + field(timestampBytes(event.createdAtMillis))
      + (event.metadata === undefined ? 0 : field(structBytes(event.metadata)))
  ))

/** A tag and a value of one byte each: no severity and no state is 0, or over 127. */
const enumBytes = 2

/** Tag, length and content; all of the contract's event fields are numbered below 16, so that a tag is one byte. */
const field = (length: number): number => 1 + varint(length) + length

/** proto3: an empty text is not sent. */
const textField = (text: string): number => text === "" ? 0 : field(Text.byteLength(text))

const timestampBytes = (millis: number): number => {
  const seconds = Math.floor(millis / 1000)
  const nanos = (millis - seconds * 1000) * 1_000_000
  return (seconds === 0 ? 0 : 1 + varint(seconds)) + (nanos === 0 ? 0 : 1 + varint(nanos))
}

const structBytes = (struct: JsonObject): number => {
  let total = 0
  for (const key of Object.keys(struct)) {
    // `Object.keys` names own keys, so there is a value. Keys and values of a map are sent even when empty.
    total += field(field(Text.byteLength(key)) + field(valueBytes(struct[key]!)))
  }
  return total
}

const valueBytes = (value: JsonValue): number => {
  switch (typeof value) {
    case "string":
      return field(Text.byteLength(value))
    case "number":
      return 9
    case "boolean":
      return 2
    case "object":
      if (value === null) return 2
      return Array.isArray(value)
        ? field(value.reduce((total: number, item) => total + field(valueBytes(item)), 0))
        : field(structBytes(value))
  }
}

const varint = (value: number): number => {
  let bytes = 1
  // Division: seconds since 1970 will not fit into 32 bits for ever.
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++
  return bytes
}
