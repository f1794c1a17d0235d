/**
 * An alert about things that come by the thousand: it counts them all, and is told once a second.
 *
 * @since 0.1.0
 */
import { type Event, type Events, StreamEvents } from "@kps/events"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** How often a standing alert is told anew. */
const tellMillis = 1_000

/** The alert ends when nothing was counted for so long. */
const quietMillis = 60_000

/**
 * Where the reports of streams go, and what they need of the world.
 *
 * @category models
 * @since 0.1.0
 */
export interface Desk {
  readonly events: Events.Events["Service"]
  /** Starts what goes on by itself. */
  readonly runFork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number
}

/**
 * One alert of one stream with its count.
 *
 * **Details**
 *
 * The first of a row is told at once, what follows once a second with the count so far and the last message. Nothing
 * is done per item but counting. The alert is cleared when a minute passed without one.
 *
 * @category models
 * @since 0.1.0
 */
export class Tally {
  private readonly alert: Event.AlertDefinition<string, typeof StreamEvents.Metadata>
  private readonly streamId: string
  private readonly desk: Desk
  private count = 0
  private since = 0
  private lastAt = 0
  private message = ""
  private untold = false
  private closed = false
  private fiber: Fiber.Fiber<void> | undefined

  constructor(alert: Event.AlertDefinition<string, typeof StreamEvents.Metadata>, streamId: string, desk: Desk) {
    this.alert = alert
    this.streamId = streamId
    this.desk = desk
  }

  add(count: number, message: string): void {
    this.lastAt = this.desk.now()
    this.count += count
    this.message = message
    this.untold = true
    if (this.fiber !== undefined || this.closed) return
    this.since = this.lastAt
    this.fiber = this.desk.runFork(this.watch)
  }

  /** Stops telling. The alert is left as it is. */
  close(): void {
    this.closed = true
    this.fiber?.interruptUnsafe()
  }

  private readonly watch = Effect.suspend(() =>
    Effect.gen({ self: this }, function*() {
      while (this.untold || this.desk.now() - this.lastAt < quietMillis) {
        if (this.untold) yield* this.tell
        yield* Effect.sleep(tellMillis)
      }
      this.fiber = undefined
      this.count = 0
      yield* this.desk.events.clear(this.alert, { streamId: this.streamId })
    })
  )

  private readonly tell = Effect.suspend(() => {
    this.untold = false
    return this.desk.events.raise(this.alert, {
      streamId: this.streamId,
      metadata: StreamEvents.metadata({
        errorMessage: this.message,
        streamId: this.streamId,
        extra: { count: this.count, since: DateTime.formatIso(DateTime.makeUnsafe(this.since)) }
      })
    })
  })
}
