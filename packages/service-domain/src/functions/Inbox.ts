/**
 * One reader that waits for what events bring.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

export class Inbox<A, E> {
  private wake = () => {}
  private readonly next: () => Effect.Effect<A, E> | undefined

  /** `next` gives what there is, or nothing; it is asked again after each `look`. */
  constructor(next: () => Effect.Effect<A, E> | undefined) {
    this.next = next
  }

  /** There may be something. */
  look(): void {
    this.wake()
  }

  readonly take: Effect.Effect<A, E> = Effect.callback((resume) => {
    const now = this.next()
    if (now !== undefined) {
      resume(now)
      return Effect.void
    }
    const idle = () => {}
    this.wake = () => {
      const some = this.next()
      if (some === undefined) return
      // before the reader goes on, and waits again
      this.wake = idle
      resume(some)
    }
    return Effect.sync(() => {
      this.wake = idle
    })
  })
}
