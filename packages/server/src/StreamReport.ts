/**
 * What is known of one stream id: its counts, and the events that tell how it is. Outlives restarts, not removal.
 *
 * @since 0.1.0
 */
import { Connector, type Guarantee } from "@kps/connector"
import { type Event, StreamEvents } from "@kps/events"
import type { TransportError } from "@kps/transport"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type { DeadLetterError } from "./DeadLetterError.ts"
import type { StateError } from "./StateError.ts"
import type { StreamCounts } from "./StreamCounts.ts"
import type { Fault } from "./StreamFault.ts"
import { type Desk, Tally } from "./Tally.ts"

type Alert = Event.AlertDefinition<string, typeof StreamEvents.Metadata>

/**
 * Where a fault stands in its row of errors. Instants are milliseconds since the Unix epoch.
 *
 * @category models
 * @since 0.1.0
 */
export interface Row {
  readonly attempts: number
  readonly since: number
  /** Absent: it is not tried again by itself. */
  readonly nextRetry?: number
}

/**
 * Counts, and publishes what changed: never one event per message.
 *
 * @category models
 * @since 0.1.0
 */
export class StreamReport {
  /** Of the run at work. */
  counts: StreamCounts
  private readonly streamId: string
  private readonly desk: Desk
  private readonly isBrief: () => boolean
  private readonly tallies: Readonly<Record<"dropped" | "deadLettered" | "evicted" | "malformed" | "overflowed", Tally>>
  /** Since when dead letters cannot be kept. */
  private heldSince: number | undefined
  private readonly standing = new Set<Alert>()
  private facts: Guarantee.Facts | undefined
  private status: "none" | "started" | "healthy" | "unhealthy" | "halted" | "done" = "none"

  /** While `isBrief`, a status does not say what the guarantee follows from: where there are so many that they would not fit. */
  constructor(counts: StreamCounts, desk: Desk, isBrief: () => boolean = () => false) {
    const streamId = counts.id
    this.counts = counts
    this.streamId = streamId
    this.desk = desk
    this.isBrief = isBrief
    this.tallies = {
      dropped: new Tally(StreamEvents.itemDropped, streamId, desk),
      deadLettered: new Tally(StreamEvents.messageDeadLettered, streamId, desk),
      evicted: new Tally(StreamEvents.deadLettersEvicted, streamId, desk),
      malformed: new Tally(StreamEvents.malformedFrame, streamId, desk),
      overflowed: new Tally(StreamEvents.slowConsumer, streamId, desk)
    }
  }

  get stats(): StreamCounts["stats"] {
    return this.counts.stats
  }

  /** Whether the last thing told is that the stream does well: cheap enough to be asked per array. */
  get isHealthy(): boolean {
    return this.status === "healthy"
  }

  /** Whether the stream was last told to be in trouble: being open is not enough to take that back. */
  get isTroubled(): boolean {
    return this.status === "unhealthy" || this.status === "halted"
  }

  /** What its guarantee follows from, as it runs or ran last; nothing when it does not run any more. */
  get guarantee(): Guarantee.Facts | undefined {
    return this.facts
  }

  /** What the guarantee of the stream follows from as it runs now: its status says it. */
  promised(facts: Guarantee.Facts): Effect.Effect<void> {
    if (Equal.equals(this.facts, facts)) return Effect.void
    this.facts = facts
    if (this.status !== "started" && this.status !== "healthy") return Effect.void
    const status = this.status === "started" ? StreamEvents.streamStarted : StreamEvents.streamHealthy
    return this.desk.events.set(status, this.occurrence(this.promising()))
  }

  /** The stream was opened, and was not in trouble before. */
  readonly started = Effect.suspend(() => {
    this.status = "started"
    return this.desk.events.set(StreamEvents.streamStarted, this.occurrence(this.promising()))
  })

  /** Something flowed, or an opened stream that was in trouble stayed open: alerts end. */
  readonly healthy = Effect.suspend(() => {
    if (this.status === "healthy") return Effect.void
    this.status = "healthy"
    return Effect.andThen(
      this.clearAll,
      this.desk.events.set(StreamEvents.streamHealthy, this.occurrence(this.promising()))
    )
  })

  /** The source ended by itself. */
  readonly done = Effect.suspend(() => {
    this.status = "done"
    this.facts = undefined
    return Effect.andThen(this.clearAll, this.desk.events.set(StreamEvents.streamDone, this.occurrence()))
  })

  /** Another replica runs the stream: it is that one's to tell. */
  readonly standby = Effect.suspend(() => {
    this.status = "none"
    this.facts = undefined
    return Effect.andThen(this.clearAll, this.desk.events.removeStream(this.streamId))
  })

  /** The stream failed and is tried again. */
  failed(fault: Fault, row: Row): Effect.Effect<void> {
    const changed = this.status !== "unhealthy"
    this.status = "unhealthy"
    return Effect.andThen(
      this.raise(fault, row),
      changed
        ? this.desk.events.set(StreamEvents.streamUnhealthy, this.occurrence(this.promising(this.about(fault, row))))
        : Effect.void
    )
  }

  /** The stream failed and is given up. */
  halted(fault: Fault, row: Row): Effect.Effect<void> {
    this.status = "halted"
    this.facts = undefined
    return Effect.andThen(
      this.raise(fault, row),
      this.desk.events.set(StreamEvents.streamHalted, this.occurrence(this.about(fault, row)))
    )
  }

  /** The connection that the open stream needs is away. The alert about that is the connector's. */
  unavailable(error: TransportError.TransportError): Effect.Effect<void> {
    this.status = "unhealthy"
    const metadata = StreamEvents.metadata({ errorMessage: error.message, streamId: this.streamId })
    return this.desk.events.set(StreamEvents.streamUnhealthy, this.occurrence(this.promising(metadata)))
  }

  /** The position of the source could not be saved, or, without an error, could again. */
  saved(error: StateError | undefined): Effect.Effect<void> {
    if (error === undefined) {
      return this.desk.events.clear(StreamEvents.positionNotSaved, { streamId: this.streamId })
    }
    const metadata = StreamEvents.metadata({ errorMessage: error.message, streamId: this.streamId })
    return this.desk.events.raise(StreamEvents.positionNotSaved, this.occurrence(metadata))
  }

  /** Payloads were given up one by one. */
  droppedItems(count: number, message: string): void {
    this.stats.dropped += count
    this.tallies.dropped.add(count, message)
  }

  /** One payload is kept as a dead letter. */
  deadLetteredItem(message: string): void {
    this.stats.deadLettered++
    this.tallies.deadLettered.add(1, message)
  }

  /** One frame is kept as a dead letter. */
  deadLetteredFrame(message: string): void {
    this.tallies.deadLettered.add(1, message)
  }

  /** So many frames were given up that waited to be kept as dead letters. */
  framesNotKept(count: number, why: string): void {
    this.tallies.dropped.add(count, `a malformed frame was dropped: ${why}`)
  }

  /** Older dead letters had to make room for those of this stream. */
  deadLettersEvicted(count: number): void {
    this.stats.evicted += count
    this.tallies.evicted.add(count, "the oldest dead letters had to make room")
  }

  /** Dead letters cannot be kept for now: they wait, and the stream with them. */
  deadLettersHeld(error: DeadLetterError, count: number): Effect.Effect<void> {
    this.heldSince ??= this.desk.now()
    return this.desk.events.raise(
      StreamEvents.deadLettersHeld,
      this.occurrence(StreamEvents.metadata({
        errorMessage: error.message,
        streamId: this.streamId,
        extra: { held: count, since: DateTime.formatIso(DateTime.makeUnsafe(this.heldSince)) }
      }))
    )
  }

  /** Dead letters can be kept. */
  readonly deadLettersKept = Effect.suspend(() => {
    if (this.heldSince === undefined) return Effect.void
    this.heldSince = undefined
    return this.desk.events.clear(StreamEvents.deadLettersHeld, { streamId: this.streamId })
  })

  malformedFrame(message: string): void {
    this.stats.malformed++
    this.tallies.malformed.add(1, message)
  }

  overflowed(count: number): void {
    this.stats.overflowed += count
    this.tallies.overflowed.add(count, "the stream takes messages more slowly than they come")
  }

  /** Messages left the channel before they were read: by its limits, or by somebody's hand. */
  missed(count: number): void {
    this.stats.overflowed += count
    this.tallies.overflowed.add(count, "messages were removed from the channel before the stream could read them")
  }

  /** The stream is gone, or the connector ends: nothing is told any more by itself. */
  close(): void {
    for (const tally of Object.values(this.tallies)) tally.close()
  }

  private raise(fault: Fault, row: Row): Effect.Effect<void> {
    const alert = alerts[fault.origin]
    if (alert === undefined) return Effect.void
    this.standing.add(alert)
    return this.desk.events.raise(alert, { ...this.occurrence(this.about(fault, row)), severity: fault.severity })
  }

  private readonly clearAll = Effect.suspend(() => {
    const standing = Array.from(this.standing)
    this.standing.clear()
    return Effect.forEach(standing, (alert) => this.desk.events.clear(alert, { streamId: this.streamId }), {
      discard: true
    })
  })

  private about(fault: Fault, row: Row): StreamEvents.Metadata {
    return StreamEvents.failure({
      streamId: this.streamId,
      cause: fault.cause,
      since: DateTime.makeUnsafe(row.since),
      attempts: row.attempts,
      ...(row.nextRetry === undefined ? {} : { nextRetry: DateTime.makeUnsafe(row.nextRetry) })
    })
  }

  /** Of a status: `ExtraMessage` has what the stream promises, as `guarantee`. */
  private promising(metadata = StreamEvents.metadata({ streamId: this.streamId })): StreamEvents.Metadata {
    if (this.facts === undefined) return metadata
    const { level } = Connector.guarantee(this.facts)
    const guarantee = this.isBrief() ? { level } : { level, facts: this.facts }
    return { ...metadata, ExtraMessage: { ...metadata.ExtraMessage, guarantee } }
  }

  private occurrence(metadata: StreamEvents.Metadata = StreamEvents.metadata({ streamId: this.streamId })) {
    return { streamId: this.streamId, metadata }
  }
}

/** A lost connection is one alert of the connector as a whole, not one of each stream. */
const alerts: Record<Fault["origin"], Alert | undefined> = {
  author: StreamEvents.streamFailed,
  publish: StreamEvents.transportPublishFailed,
  subscribe: StreamEvents.transportSubscribeFailed,
  position: StreamEvents.positionFailed,
  connect: undefined
}
