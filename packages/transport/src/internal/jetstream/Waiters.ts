/** Those who wait until something is so. */
import * as Effect from "effect/Effect"
import type { TransportError } from "../../TransportError.ts"

type Outcome = Effect.Effect<void, TransportError>

interface Waiter {
  readonly isSo: () => boolean
  readonly resume: () => void
}

export class Waiters {
  private waiters: Array<Waiter> = []

  get length(): number {
    return this.waiters.length
  }

  /** Waits until something is so, then gives what is right at that moment. */
  until(isSo: () => boolean, outcome: () => Outcome): Outcome {
    return Effect.callback<void, TransportError>((resume) => {
      if (isSo()) return resume(outcome())
      const waiter: Waiter = { isSo, resume: () => resume(outcome()) }
      this.waiters.push(waiter)
      return Effect.sync(() => {
        this.waiters = this.waiters.filter((other) => other !== waiter)
      })
    })
  }

  /** Something has changed: those go on for whom it is so now, at once. */
  wake(): void {
    if (this.waiters.length === 0) return
    const ready = this.waiters.filter(({ isSo }) => isSo())
    if (ready.length === 0) return
    this.waiters = this.waiters.filter((waiter) => !ready.includes(waiter))
    for (const { resume } of ready) resume()
  }
}
