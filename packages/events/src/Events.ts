/**
 * The registry of what is the matter now, which GetEvents reads.
 *
 * @since 0.1.0
 */
import type { EventPayload } from "@kps/idl"
import type { Clock } from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { AlertDefinition, MetadataCodec, Severity, StatusDefinition } from "./Event.ts"
import * as EventMetadata from "./EventMetadata.ts"
import * as EventTable from "./EventTable.ts"
import * as Text from "./Text.ts"

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
 * Nothing here fails, and nothing grows without a bound: see `Options` for the limits. Two callers see the same, and
 * reading changes nothing.
 *
 * An event's key is its kind, slot and stream. Its `created_at` says since when it is what it is: it is set when an
 * alert is raised or cleared, and when a status comes into force in place of another, and it is kept while only the
 * message, the severity or the metadata change. It never goes back, even if the machine's clock does.
 *
 * Messages lose the credentials in their URLs and are cut at 4 KiB, and metadata is bounded as `EventMetadata.encode` says. Metadata that its schema does not
 * encode does not keep the event from being told: its `ErrorMessage` then says what is wrong with the metadata.
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
  /** Puts a status in force in place of the one in its slot. An equal one that is in force already stays as it is. */
  readonly set: <Name extends string, M extends MetadataCodec>(
    status: StatusDefinition<Name, M>,
    occurrence?: Occurrence<M["Type"]>
  ) => Effect.Effect<void>
  /**
   * Says that a stream is gone: its events stay 30 s, as they are, or until something is raised or set for its id again,
   * which starts afresh; so this comes after the last thing the stream itself has to say. The connector as a whole is
   * not removed.
   */
  readonly removeStream: (streamId: string) => Effect.Effect<void>
  /** Everything in force, oldest first. Shared between callers: not to be changed. */
  readonly snapshot: Effect.Effect<ReadonlyArray<EventPayload>>
  /** `snapshot`, now and after each change; a slow reader misses steps between, never the last. Never ends. */
  readonly changes: Stream.Stream<ReadonlyArray<EventPayload>>
}>()("@kps/events/Events") {}

/**
 * How much is kept, and how long.
 *
 * **Details**
 *
 * Over either limit, events are dropped until there is room: first INFO alerts and whatever was cleared or removed,
 * then statuses, then WARNING alerts, then CRITICAL ones; of each, the one that has been there longest. Dropping
 * raises the alert `eventsDropped`, which counts, takes a place itself and is never dropped; it is cleared when a
 * tenth of both limits is free again. An event that is over `maxBytes` by itself is dropped at once.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Default: 10,000. */
  readonly maxEvents?: number
  /** Bytes that all events may take in an encoded `GetEventsResponse`. Default: 3,670,016 (3.5 MiB). */
  readonly maxBytes?: number
  /** How long a cleared alert, or an event of a removed stream, is still reported. Default: 30 seconds. */
  readonly retention?: Duration.Input
}

/** How much of a message is kept, in bytes. */
const maxMessageBytes = 4_096

/**
 * Makes an empty registry.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Effect.Effect<Events["Service"]> =>
  Effect.sync(() => {
    const table = EventTable.make({
      maxEvents: options.maxEvents ?? 10_000,
      maxBytes: options.maxBytes ?? 3_670_016,
      retentionMillis: Duration.toMillis(Duration.fromInputUnsafe(options.retention ?? "30 seconds"))
    })

    // Whoever waits for a change; nobody is woken, and no timer runs, for those who do not look.
    const waiting = new Set<() => void>()
    const update = (change: (clock: Clock) => void): Effect.Effect<void> =>
      Effect.clockWith((clock) => {
        change(clock)
        // Taken out first: who is woken may wait again before the next one is.
        const woken = Array.from(waiting)
        waiting.clear()
        for (const wake of woken) wake()
        return Effect.void
      })

    const put = (definition: Definition, occurrence: Occurrence<unknown> = {}): Effect.Effect<void> =>
      update((clock) => {
        const { metadata, streamId = "" } = occurrence
        table.put({
          kind: definition.kind,
          slot: definition.slot,
          name: definition.name,
          streamId,
          message: Text.cut(Text.mask(occurrence.message ?? definition.message), maxMessageBytes),
          severity: definition.kind === "alert" ? occurrence.severity ?? definition.severity : "INFO",
          state: definition.state,
          metadata: metadata === undefined
            ? undefined
            : EventMetadata.encode(definition.metadata, metadata, streamId)
        }, clock)
      })

    const snapshot = Effect.clockWith((clock) => Effect.succeed(table.snapshot(clock)))

    const changeAfter = (seen: ReadonlyArray<EventPayload>, clock: Clock): Effect.Effect<void> => {
      const change = Effect.callback<void>((resume) => {
        // A fiber may be made to yield between looking and waiting.
        if (table.snapshot(clock) !== seen) return resume(Effect.void)
        const wake = () => resume(Effect.void)
        waiting.add(wake)
        return Effect.sync(() => waiting.delete(wake))
      })
      const millis = table.untilNextExpiry(clock)
      return millis === undefined ? change : Effect.raceFirst(change, Effect.sleep(Math.ceil(millis)))
    }

    const changes = Stream.suspend(() => {
      let seen: ReadonlyArray<EventPayload> | undefined
      const next: Effect.Effect<ReadonlyArray<EventPayload>> = Effect.clockWith((clock) => {
        const current = table.snapshot(clock)
        // The yield lets those who raise and set go on first: many changes in a row are told as one.
        if (current === seen) {
          return changeAfter(current, clock).pipe(Effect.andThen(Effect.yieldNow), Effect.andThen(next))
        }
        seen = current
        return Effect.succeed(current)
      })
      return Stream.fromEffectRepeat(next)
    })

    return Events.of({
      raise: put,
      set: put,
      clear: (alert, options) => update((clock) => table.clear(alert, options?.streamId ?? "", clock)),
      removeStream: (streamId) =>
        streamId === "" ? Effect.void : update((clock) => table.removeStream(streamId, clock)),
      snapshot,
      changes
    })
  })

type Definition = AlertDefinition<string, MetadataCodec> | StatusDefinition<string, MetadataCodec>

/**
 * Layer with limits of one's own.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerOptions = (options: Options): Layer.Layer<Events> => Layer.effect(Events, make(options))

/**
 * Layer with the limits that keep GetEvents within a gRPC message of 4 MiB.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Events> = Layer.effect(Events, make())
