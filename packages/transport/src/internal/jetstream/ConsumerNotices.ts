/**
 * Tells the user of a consumer which frames are no messages, and how many were missed: one call at a time, apart from the
 * deliveries. What waits here takes room from what the consumer asks for, so it is bounded as the deliveries are.
 */
import * as Effect from "effect/Effect"
import type { TransportError } from "../../TransportError.ts"
import type { Delivered } from "./Delivered.ts"

export interface Options {
  /** Without it a frame is done with at once. */
  readonly onMalformed: ((malformed: Delivered, error: TransportError) => Effect.Effect<void>) | undefined
  readonly onMissed: ((count: number) => Effect.Effect<void>) | undefined
  /** It was told, and its user is done with it. */
  readonly onHandled: (malformed: Delivered) => void
  /** It was told, and its user threw. */
  readonly onThrown: (malformed: Delivered) => void
}

export class ConsumerNotices {
  private readonly options: Options
  private readonly malformed: Array<readonly [malformed: Delivered, error: TransportError]> = []
  private bytes = 0
  private missed = 0
  private waiter: (() => void) | undefined

  constructor(options: Options) {
    this.options = options
  }

  /** Frames that wait, with the one that is told now. */
  get length(): number {
    return this.malformed.length
  }

  get byteLength(): number {
    return this.bytes
  }

  get waiting(): ReadonlyArray<Delivered> {
    return this.malformed.map(([malformed]) => malformed)
  }

  addMalformed(malformed: Delivered, error: TransportError): void {
    if (this.options.onMalformed === undefined) return this.options.onHandled(malformed)
    this.bytes += malformed.frame.byteLength
    this.malformed.push([malformed, error])
    this.wake()
  }

  addMissed(count: number): void {
    if (this.options.onMissed === undefined) return
    this.missed += count
    this.wake()
  }

  /** Calls the handlers, for ever. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => Effect.forever(Effect.andThen(this.wait, this.tell)))

  private readonly wait = Effect.callback<void>((resume) => {
    if (this.malformed.length > 0 || this.missed > 0) return resume(Effect.void)
    this.waiter = () => resume(Effect.void)
    return Effect.sync(() => {
      this.waiter = undefined
    })
  })

  private readonly tell: Effect.Effect<void> = Effect.suspend(() => {
    const { onMissed } = this.options
    const { missed } = this
    this.missed = 0
    return missed > 0 && onMissed !== undefined
      ? Effect.andThen(guarded(onMissed(missed)), this.tellMalformed)
      : this.tellMalformed
  })

  private readonly tellMalformed: Effect.Effect<void> = Effect.suspend(() => {
    const { onHandled, onMalformed, onThrown } = this.options
    const [first] = this.malformed
    if (first === undefined || onMalformed === undefined) return Effect.void
    const [malformed, error] = first
    return Effect.map(guarded(Effect.suspend(() => onMalformed(malformed, error))), (isDone) => {
      this.malformed.shift()
      this.bytes -= malformed.frame.byteLength
      if (isDone) onHandled(malformed)
      else onThrown(malformed)
    })
  })

  private wake(): void {
    const { waiter } = this
    this.waiter = undefined
    waiter?.()
  }
}

/** A handler that throws must not end the ones after it; says whether it did not. */
const guarded = (handler: Effect.Effect<void>): Effect.Effect<boolean> =>
  handler.pipe(
    Effect.as(true),
    Effect.catchDefect((defect) => Effect.as(Effect.logWarning("a consumer's handler threw", defect), false))
  )
