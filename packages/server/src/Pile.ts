/**
 * Payloads of a lossy source that is packed: what comes in one turn of the event loop goes on together.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

/** Above either, nothing more is read until it was taken. */
const maxPayloads = 4_096
const maxBytes = 1_048_576

/** An array that waits to be filled grows old, and what is put into an old array is kept until the next full collection. */
const none: Array<Uint8Array> = []

/**
 * What a pile had when it was taken.
 *
 * @category models
 * @since 0.1.0
 */
export interface Taken {
  readonly payloads: ReadonlyArray<Uint8Array>
  /** When the first of them was read, nanoseconds since the Unix epoch. */
  readonly timestampNanos: bigint
}

/**
 * Payloads between the fiber that reads and the one that publishes.
 *
 * **Details**
 *
 * Flushed on the microtask: whoever publishes is woken when the reader has to wait, not for each array and at no time of
 * its own. So dense traffic packs by itself, and thin traffic is not held up. While something is being published nothing
 * is added.
 *
 * @category models
 * @since 0.1.0
 */
export class Pile {
  private readonly clock: Clock.Clock
  private readonly some = Latch.makeUnsafe()
  private readonly room = Latch.makeUnsafe(true)
  private readonly empty = Latch.makeUnsafe(true)
  private payloads: Array<Uint8Array> = none
  private bytes = 0
  private timestampNanos = 0n

  constructor(clock: Clock.Clock) {
    this.clock = clock
  }

  /** Adds what was read; succeeds when more may be added. Only when the last one has succeeded. */
  add(payloads: ReadonlyArray<Uint8Array>): Effect.Effect<void> {
    if (this.payloads === none) {
      this.payloads = []
      this.timestampNanos = this.clock.currentTimeNanosUnsafe()
      this.empty.closeUnsafe()
      queueMicrotask(() => this.some.openUnsafe())
    }
    for (let i = 0; i < payloads.length; i++) {
      this.payloads.push(payloads[i]!)
      this.bytes += payloads[i]!.byteLength
    }
    if (this.payloads.length >= maxPayloads || this.bytes >= maxBytes) this.room.closeUnsafe()
    return this.room.isOpen() ? Effect.void : this.room.await
  }

  /** Whether everything that was added is done with. */
  get isEmpty(): boolean {
    return this.empty.isOpen()
  }

  /** Waits until everything that was added is done with. */
  get whenEmpty(): Effect.Effect<void> {
    return this.empty.await
  }

  /** Takes all there is, when there is something. Only after `finish`. */
  readonly next: Effect.Effect<Taken> = Effect.suspend(() =>
    Effect.map(this.some.await, () => {
      const { payloads, timestampNanos } = this
      this.payloads = none
      this.bytes = 0
      this.some.closeUnsafe()
      this.room.closeUnsafe()
      return { payloads, timestampNanos }
    })
  )

  /** What was taken last is done with. */
  finish(): void {
    if (this.payloads === none) this.empty.openUnsafe()
    this.room.openUnsafe()
  }
}
