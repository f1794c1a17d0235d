/**
 * The events of connectors, streams and pipelines, as they were scraped: kept within bounds, newest first.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { type Event, isWithin } from "./Event.ts"

/**
 * Where events are kept could not be reached, or gave no answer.
 *
 * @category errors
 * @since 0.1.0
 */
export class EventHistoryError
  extends Schema.TaggedError<EventHistoryError>("@kps/service-domain/EventHistoryError")("EventHistoryError", {
    operation: Schema.String,
    cause: Schema.Defect()
  })
{
  override get message(): string {
    const because = this.cause instanceof Error && this.cause.message !== "" ? `: ${this.cause.message}` : ""
    return `cannot ${this.operation}${because}`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * Which events are asked for.
 *
 * @category models
 * @since 0.1.0
 */
export interface Query {
  /** What they are about (`Event.path`), with everything in it. */
  readonly path: string
  /** No later than this, in ISO 8601. Default: now. */
  readonly startTime?: string
  /** Later than this, in ISO 8601. Default: as far back as is kept. */
  readonly endTime?: string
  /** What their fields or properties are, such as `{ type: "ALERT" }`. Default: anything. */
  readonly keys?: Readonly<Record<string, string>>
}

/**
 * How much is kept.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bounds {
  /** Of the events with one path, type and name: the oldest go first. Default: 100. */
  readonly maxEvents?: number
  /** Default: 7 days. */
  readonly maxAge?: Duration.Input
}

/**
 * Service that keeps events.
 *
 * **Details**
 *
 * An event without an id gets one that is made of all that it says. So one that is added again, by this process or another,
 * is there once: a scrape can be added as it is. Several processes on one store have one history.
 *
 * @category services
 * @since 0.1.0
 */
export class EventHistory extends Context.Service<EventHistory, {
  /**
   * Adds events, or replaces those with the same ids, and gives the id of each. Fails while the store is out of reach:
   * some may have been added.
   */
  readonly add: (
    events: ReadonlyArray<Event>
  ) => Effect.Effect<ReadonlyArray<{ readonly id: string }>, EventHistoryError>

  /** The events that were asked for, newest first. */
  readonly query: (query: Query) => Effect.Effect<ReadonlyArray<Event>, EventHistoryError>

  /** Of the same events, the newest of each path, type and name: how things are, as far as is known. Newest first. */
  readonly current: (query: Query) => Effect.Effect<ReadonlyArray<Event>, EventHistoryError>
}>()("@kps/service-domain/events/EventHistory") {}

/**
 * What the newest of is how things are: the path, the type and the name of an event.
 *
 * @category matching
 * @since 0.1.0
 */
export const subjectOf = ({ path, properties = {}, type }: Event): string =>
  JSON.stringify([path, type, properties["name"] ?? ""])

/**
 * Of events in any order, those that a query asks for, newest first.
 *
 * @category matching
 * @since 0.1.0
 */
export const select = (
  events: Iterable<Event>,
  { endTime, keys = {}, path, startTime }: Query
): ReadonlyArray<Event> => {
  const from = startTime === undefined ? Infinity : Date.parse(startTime)
  const to = endTime === undefined ? -Infinity : Date.parse(endTime)
  return Array.from(events)
    .filter((event) => {
      const at = timeOf(event)
      return isWithin(event, path) && at <= from && at > to && hasKeys(event, keys)
    })
    .toSorted((a, b) => timeOf(b) - timeOf(a))
}

/**
 * The first event of each path, type and name.
 *
 * @category matching
 * @since 0.1.0
 */
export const newest = (events: ReadonlyArray<Event>): ReadonlyArray<Event> => {
  const seen = new Set<string>()
  return events.filter((event) => {
    const subject = subjectOf(event)
    if (seen.has(subject)) return false
    seen.add(subject)
    return true
  })
}

const timeOf = ({ timestamp = "" }: Event): number => Date.parse(timestamp) || 0

const hasKeys = (event: Event, keys: Readonly<Record<string, string>>): boolean =>
  Object.entries(keys).every(([key, wanted]) => {
    const field = Object.entries(event).find(([name]) => name === key)?.[1]
    return (typeof field === "object" || field === undefined ? event.properties?.[key] : String(field)) === wanted
  })

/**
 * An event that is kept: it has an id and a time.
 *
 * @category models
 * @since 0.1.0
 */
export type Kept = Event & { readonly id: string; readonly timestamp: string }

/**
 * An event with an id and a time: now, unless it has one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const complete = (event: Event): Effect.Effect<Kept> =>
  Effect.map(Clock.currentTimeMillis, (millis) => {
    const timed = { ...event, timestamp: event.timestamp ?? new Date(millis).toISOString() }
    return {
      ...timed,
      id: event.id ?? createHash("sha256").update(JSON.stringify(sorted(timed))).digest("hex").slice(0, 32)
    }
  })

const sorted = (value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : 1).map(([key, item]) => [key, sorted(item)])
    : value

/**
 * Layer that keeps events in this process, and forgets them with the layer.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory = (bounds: Bounds = {}): Layer.Layer<EventHistory> =>
  Layer.effect(
    EventHistory,
    Effect.sync(() => {
      const { maxAge = "7 days", maxEvents = 100 } = bounds
      const maxAgeMillis = Duration.toMillis(maxAge)
      const shelves = new Map<string, Array<Kept>>()
      const all = Effect.map(Clock.currentTimeMillis, (now) =>
        [...shelves.values()].flat().filter((event) => now - timeOf(event) <= maxAgeMillis))
      const query: EventHistory["Service"]["query"] = (query) =>
        Effect.map(all, (events) => select(events, query))
      return {
        add: (events) =>
          Effect.forEach(events, (event) =>
            Effect.map(complete(event), (complete) => {
              const subject = subjectOf(event)
              const shelf = shelves.get(subject) ?? []
              shelves.set(subject, shelf)
              const same = shelf.findIndex(({ id }) => id === complete.id)
              if (same === -1) shelf.push(complete)
              else shelf[same] = complete
              if (shelf.length > maxEvents) shelf.shift()
              return { id: complete.id }
            })),
        query,
        current: (asked) => Effect.map(query(asked), newest)
      }
    })
  )
