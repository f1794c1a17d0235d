/**
 * What was read from a source and is not settled yet: bounded, in order.
 *
 * @since 0.1.0
 */
import type { Channel } from "@kps/transport"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

/** Above either, nothing more is read until some of it is settled. */
const maxPayloads = 4_096
const maxBytes = 1_048_576

/**
 * A message that knows which array it came with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tracked<T> extends Channel.Message {
  readonly entry: Entry<T>
  handedOver: boolean
}

/**
 * One array of a source, to be settled as a whole.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry<T> {
  readonly taken: T
  readonly messages: ReadonlyArray<Tracked<T>>
  /** How many of its messages were given up. */
  dropped: number
}

/**
 * The entries of one source, between the fiber that reads and the one that publishes and settles.
 *
 * @category models
 * @since 0.1.0
 */
export class Window<T extends { readonly payloads: ReadonlyArray<Uint8Array> }> {
  private readonly clock: Clock.Clock
  private readonly some = Latch.makeUnsafe()
  private readonly room = Latch.makeUnsafe(true)
  private readonly empty = Latch.makeUnsafe(true)
  private entries: Array<Entry<T>> = []
  private batch: ReadonlyArray<Entry<T>> = []
  private settled = 0
  private payloads = 0
  private bytes = 0

  constructor(clock: Clock.Clock) {
    this.clock = clock
  }

  /** Adds what was read, stamped with one reading of the clock. */
  add(taken: ReadonlyArray<T>): void {
    const timestampNanos = this.clock.currentTimeNanosUnsafe()
    for (const one of taken) {
      const messages: Array<Tracked<T>> = []
      const entry: Entry<T> = { taken: one, messages, dropped: 0 }
      for (const payload of one.payloads) {
        messages.push({ payloads: [payload], timestampNanos, entry, handedOver: false })
        this.bytes += payload.byteLength
      }
      this.payloads += messages.length
      this.entries.push(entry)
    }
    this.empty.closeUnsafe()
    this.some.openUnsafe()
    if (this.payloads >= maxPayloads || this.bytes >= maxBytes) this.room.closeUnsafe()
  }

  /** Waits while there is too much. */
  get whenRoom(): Effect.Effect<void> {
    return this.room.isOpen() ? Effect.void : this.room.await
  }

  /** Waits until everything is settled. */
  get whenEmpty(): Effect.Effect<void> {
    return this.empty.await
  }

  /** Everything that was added since the last batch, when there is something. Only after the last one was settled. */
  readonly next: Effect.Effect<ReadonlyArray<Entry<T>>> = Effect.suspend(() =>
    Effect.map(this.some.await, () => {
      this.batch = this.entries
      this.entries = []
      this.settled = 0
      this.payloads = 0
      this.bytes = 0
      this.some.closeUnsafe()
      this.room.openUnsafe()
      return this.batch
    })
  )

  /** So many more entries of the batch are settled, or about to be: nobody else is to do it. */
  settle(count: number): void {
    this.settled += count
  }

  /** The whole batch is settled. */
  finish(): void {
    this.batch = []
    if (this.entries.length === 0) this.empty.openUnsafe()
  }

  /** How many payloads nobody settled. */
  get length(): number {
    let length = this.payloads
    for (let i = this.settled; i < this.batch.length; i++) length += this.batch[i]!.messages.length
    return length
  }

  /** What nobody settled, oldest first. */
  get rest(): ReadonlyArray<Entry<T>> {
    return [...this.batch.slice(this.settled), ...this.entries]
  }
}
