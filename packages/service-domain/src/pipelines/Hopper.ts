/**
 * What is between two stages of a pipeline: bounded, so that the one behind holds the one before it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { FunctionMessage } from "../functions/Records.ts"

/** A message on its way, and from which arrival it came. */
export interface Item extends FunctionMessage {
  /** Number of the arrival: see `Arrivals`. Never smaller than that of the item before. */
  readonly arrival: number
}

/** Items in their order. All that will ever come of arrivals up to `through` is in it, or came before it. */
export interface Batch {
  readonly items: ReadonlyArray<Item>
  readonly through: number
}

/** Most items, and bytes of payloads, that wait. What is put into one that is not full may go beyond. */
const maxItems = 4_096
const maxBytes = 1_048_576

export class Hopper {
  private items: Array<Item> = []
  private bytes = 0
  private through = 0
  private given = 0
  private readonly some = Latch.makeUnsafe(false)
  private readonly room = Latch.makeUnsafe(true)

  /** Succeeds when something waits. */
  readonly whenSome: Effect.Effect<void> = this.some.await

  /** How many items wait. */
  get length(): number {
    return this.items.length
  }

  /** Whether something waits. */
  get hasSome(): boolean {
    return this.items.length > 0 || this.through > this.given
  }

  /** Adds a batch, and succeeds when there is room for more. */
  put({ items, through }: Batch): Effect.Effect<void> {
    for (const item of items) {
      this.items.push(item)
      this.bytes += item.payload.byteLength
    }
    this.through = through
    if (this.hasSome) this.some.openUnsafe()
    if (this.items.length < maxItems && this.bytes < maxBytes) return Effect.void
    this.room.closeUnsafe()
    return this.room.await
  }

  /** Everything that waits, as one batch. */
  take(): Batch {
    const { items, through } = this
    this.items = []
    this.bytes = 0
    this.given = through
    this.some.closeUnsafe()
    this.room.openUnsafe()
    return { items, through }
  }
}
