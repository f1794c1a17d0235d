/**
 * What is new of what a connector says of itself, for the history of events.
 *
 * @since 0.1.0
 */
import { type EventPayload, Severity, State } from "@kps/idl"
import * as Event from "../events/Event.ts"

/**
 * An alert or a status as it is now.
 *
 * @category models
 * @since 0.1.0
 */
export interface Occurrence {
  readonly type: "ALERT" | "STATUS"
  readonly name: string
  /** Absent: it is about the instance. */
  readonly stream?: string | undefined
  readonly severity?: string | undefined
  readonly state: string
  readonly message: string
  readonly properties: Readonly<Record<string, string>>
  /** Milliseconds since the Unix epoch. Absent: nothing was said of it, as the original SDK does. */
  readonly atMillis?: number | undefined
}

/** The names of the numbers of an enum; nothing for the unspecified one. */
const names = (numbers: Readonly<Record<string, number>>) => {
  const byNumber = new Map(Object.entries(numbers).map(([name, number]) => [number, name]))
  return (number: number): string => number === 0 ? "" : byNumber.get(number) ?? String(number)
}

const stateName = names(State)
const severityName = names(Severity)

/**
 * What a connector answers to GetEvents. Events without content are left out.
 *
 * @category converting
 * @since 0.1.0
 */
export const fromPayloads = (payloads: ReadonlyArray<EventPayload>): ReadonlyArray<Occurrence> =>
  payloads.flatMap(({ object }): ReadonlyArray<Occurrence> => {
    if (object.case === undefined) return []
    const { createdAt, id, message, metadata = {}, state, streamId } = object.value
    const properties = Object.entries(metadata).map(([key, value]) => [
      key,
      typeof value === "string" ? value : JSON.stringify(value)
    ])
    return [{
      type: object.case === "alert" ? "ALERT" : "STATUS",
      name: id,
      stream: streamId === "" ? undefined : streamId,
      severity: object.case === "alert" ? severityName(object.value.severity) : undefined,
      state: stateName(state),
      message,
      properties: Object.fromEntries(properties),
      atMillis: createdAt === undefined
        ? undefined
        : Number(createdAt.seconds) * 1000 + Math.floor(createdAt.nanos / 1e6)
    }]
  })

/**
 * The events that are known, by what they are about, their type and their name.
 *
 * @category models
 * @since 0.1.0
 */
export type Seen = ReadonlyMap<string, Event.Event>

/**
 * @category models
 * @since 0.1.0
 */
export interface News {
  /** What is new. */
  readonly events: ReadonlyArray<Event.Event>
  /** What is known when these have been added. */
  readonly seen: Seen
}

/**
 * What a scrape brought that was not seen before.
 *
 * **Details**
 *
 * An event without a time has the one at which it was first seen as it is. A status that says the same again is not new,
 * whatever its time. An alert that was standing and is not told any more is over: a last event says so, with state
 * HEALTHY and severity INFO.
 *
 * @category converting
 * @since 0.1.0
 */
export const news = (
  seen: Seen,
  occurrences: ReadonlyArray<Occurrence>,
  source: Event.Source,
  nowMillis: number
): News => {
  const next = new Map<string, Event.Event>()
  const events: Array<Event.Event> = []
  for (const occurrence of occurrences) {
    const key = keyOf(occurrence, source)
    const before = seen.get(key)
    const made = eventOf(occurrence, source, before, nowMillis)
    next.set(key, made)
    if (made !== before) events.push(made)
  }
  for (const [key, event] of seen) {
    if (next.has(key)) continue
    if (event.type === "ALERT" && event.state !== "HEALTHY") {
      events.push({ ...event, state: "HEALTHY", severity: "INFO", timestamp: new Date(nowMillis).toISOString() })
    }
  }
  return { events, seen: next }
}

/**
 * The events of a history as they were seen, newest first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const seenOf = (events: ReadonlyArray<Event.Event>): Seen => {
  const seen = new Map<string, Event.Event>()
  for (const event of events) {
    const key = JSON.stringify([event.path, event.type, event.properties?.["name"] ?? ""])
    if (!seen.has(key)) seen.set(key, event)
  }
  return seen
}

const pathOf = ({ stream }: Occurrence, source: Event.Source): string =>
  Event.path(stream === undefined ? source : { ...source, stream })

const keyOf = (occurrence: Occurrence, source: Event.Source): string =>
  JSON.stringify([pathOf(occurrence, source), occurrence.type, occurrence.name])

const eventOf = (
  occurrence: Occurrence,
  source: Event.Source,
  before: Event.Event | undefined,
  nowMillis: number
): Event.Event => {
  const { atMillis, message, name, properties, severity, state, type } = occurrence
  const isSame = before !== undefined && before.state === state && before.message === message &&
    before.severity === severity && sameProperties(before.properties, { ...properties, name })
  const timestamp = atMillis === undefined ? undefined : new Date(atMillis).toISOString()
  if (isSame && (type === "STATUS" || timestamp === undefined || timestamp === before.timestamp)) return before
  return {
    type,
    path: pathOf(occurrence, source),
    state,
    message,
    properties: { ...properties, name },
    timestamp: timestamp ?? new Date(nowMillis).toISOString(),
    ...(severity === undefined ? {} : { severity })
  }
}

const sameProperties = (
  a: Readonly<Record<string, string>> = {},
  b: Readonly<Record<string, string>>
): boolean => {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key])
}
