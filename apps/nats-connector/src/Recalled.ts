/**
 * What a reader before this one held, as it comes again: in order when all of it is there.
 *
 * A reader that has lost its place gives back what it held when it finds out, and its successor asks for the same at that
 * moment. The broker then has in its queue whatever of both came last.
 */
import type { Pulled } from "./Pull.ts"

/** When about so many bytes of it wait, it goes on as it is. */
const mostBytes = 32 << 20

export class Recalled {
  private awaited: number
  private readonly waiting = new Map<number, Pulled>()
  private bytes = 0

  /** `pending` messages were delivered and not acknowledged before they were asked for again. */
  constructor(pending: number) {
    this.awaited = pending
  }

  /** Whether some of it has not come yet. */
  get isAwaited(): boolean {
    return this.awaited > 0
  }

  /** Takes messages, and gives those that may go on, in order: none while some of what comes again is missing. */
  take(pulled: ReadonlyArray<Pulled>): ReadonlyArray<Pulled> {
    if (!this.isAwaited) return pulled
    for (const one of pulled) {
      if (!this.waiting.has(one.sequence)) this.bytes += one.data.byteLength
      this.waiting.set(one.sequence, one)
    }
    // the broker delivers first what comes again: behind a new one there is none, unless a reader that is stopped has it
    const isAll = this.waiting.size >= this.awaited || pulled.some(({ count }) => count === 1)
    return isAll || this.bytes >= mostBytes ? this.rest() : []
  }

  /** No more is waited for, such as when some of it was removed from the stream: what there is, in order. */
  rest(): ReadonlyArray<Pulled> {
    const all = Array.from(this.waiting.values()).toSorted((a, b) => a.sequence - b.sequence)
    this.awaited = 0
    this.waiting.clear()
    return all
  }
}
