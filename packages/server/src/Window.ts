/**
 * What was read from a source and is not settled yet: bounded, in order.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

/**
 * Above either, nothing more is read until some of it is settled.
 *
 * @category constants
 * @since 0.1.0
 */
export const limits = { payloads: 4_096, bytes: 1_048_576 } as const

/**
 * One array of a source, to be settled as a whole.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry<T> {
  readonly taken: T
  /** When it was read, nanoseconds since the Unix epoch. */
  readonly timestampNanos: bigint
  /** How many of its payloads were given up. */
  dropped: number
}

type Sourced = { readonly payloads: ReadonlyArray<Uint8Array> }

/**
 * Entries that are published and settled together. Their payloads are known by their index over all of them.
 *
 * @category models
 * @since 0.1.0
 */
export class Batch<T extends Sourced> {
  readonly entries: ReadonlyArray<Entry<T>>
  /** The payloads before this index were handed over at least once, or given up. */
  reached = 0

  constructor(entries: ReadonlyArray<Entry<T>>) {
    this.entries = entries
  }

  /** Gives up one payload. */
  drop(index: number): void {
    let from = 0
    for (const entry of this.entries) {
      from += entry.taken.payloads.length
      if (index >= from) continue
      entry.dropped++
      break
    }
    this.reached = Math.max(this.reached, index + 1)
  }
}

/**
 * An entry that nobody settled.
 *
 * @category models
 * @since 0.1.0
 */
export interface Unsettled<T> {
  readonly entry: Entry<T>
  /** How many of its payloads were neither handed over nor given up. */
  readonly untouched: number
}

/**
 * The entries of one source, between the fiber that reads and the one that publishes and settles.
 *
 * @category models
 * @since 0.1.0
 */
export class Window<T extends Sourced> {
  private readonly clock: Clock.Clock
  private readonly some = Latch.makeUnsafe()
  private readonly room = Latch.makeUnsafe(true)
  private readonly empty = Latch.makeUnsafe(true)
  /** Absent while there are none: an array that waits grows old, and keeps what is put into it. */
  private entries: Array<Entry<T>> | undefined
  private batch = new Batch<T>([])
  private settled = 0
  private payloads = 0
  private bytes = 0

  constructor(clock: Clock.Clock) {
    this.clock = clock
  }

  /** Adds what was read, stamped with one reading of the clock. */
  add(taken: ReadonlyArray<T>): void {
    const timestampNanos = this.clock.currentTimeNanosUnsafe()
    const entries = this.entries ??= []
    for (const one of taken) {
      const { payloads } = one
      entries.push({ taken: one, timestampNanos, dropped: 0 })
      this.payloads += payloads.length
      for (let i = 0; i < payloads.length; i++) this.bytes += payloads[i]!.byteLength
    }
    this.empty.closeUnsafe()
    this.some.openUnsafe()
    if (this.payloads >= limits.payloads || this.bytes >= limits.bytes) this.room.closeUnsafe()
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
  readonly next: Effect.Effect<Batch<T>> = Effect.suspend(() =>
    Effect.map(this.some.await, () => {
      this.batch = new Batch(this.entries ?? [])
      this.entries = undefined
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
    this.batch = new Batch<T>([])
    this.settled = 0
    if (this.entries === undefined) this.empty.openUnsafe()
  }

  /** How many payloads nobody settled. */
  get length(): number {
    let length = this.payloads
    const { entries } = this.batch
    for (let i = this.settled; i < entries.length; i++) length += entries[i]!.taken.payloads.length
    return length
  }

  /** What nobody settled, oldest first. */
  get rest(): ReadonlyArray<Unsettled<T>> {
    const rest: Array<Unsettled<T>> = []
    let to = 0
    for (const [i, entry] of this.batch.entries.entries()) {
      const { length } = entry.taken.payloads
      to += length
      if (i >= this.settled) rest.push({ entry, untouched: Math.min(length, Math.max(0, to - this.batch.reached)) })
    }
    for (const entry of this.entries ?? []) rest.push({ entry, untouched: entry.taken.payloads.length })
    return rest
  }
}
