/** Tells a subscriber what was skipped and dropped, one call at a time, apart from its stream. */
import * as Effect from "effect/Effect"
import type { SubscribeOptions } from "../Transport.ts"
import type { TransportError } from "../TransportError.ts"

/** A flood of malformed frames must not fill the memory: beyond either they are only counted. */
const maxWaiting = 1000
const maxWaitingBytes = 8_388_608

type Handlers = Pick<SubscribeOptions, "onMalformed" | "onDropped">

export class Notices {
  private readonly handlers: Handlers
  private malformed: Array<readonly [error: TransportError, frame: Uint8Array]> = []
  private malformedBytes = 0
  private dropped = 0
  private waiter: (() => void) | undefined

  constructor(handlers: Handlers) {
    this.handlers = handlers
  }

  /** The frame may be a view: it is copied. */
  readonly onMalformed = (error: TransportError, frame: Uint8Array): void => {
    if (this.handlers.onMalformed === undefined || this.malformed.length >= maxWaiting) return
    if (this.malformedBytes > 0 && this.malformedBytes + frame.byteLength > maxWaitingBytes) return
    this.malformedBytes += frame.byteLength
    this.malformed.push([error, new Uint8Array(frame)])
    this.wake()
  }

  readonly onDropped = (count = 1): void => {
    if (this.handlers.onDropped === undefined) return
    this.dropped += count
    this.wake()
  }

  /** Calls the handlers, for ever; `undefined` when there are none. */
  get run(): Effect.Effect<never> | undefined {
    const { onDropped, onMalformed } = this.handlers
    if (onDropped === undefined && onMalformed === undefined) return undefined
    return Effect.forever(Effect.andThen(this.wait, this.tell))
  }

  private readonly wait = Effect.callback<void>((resume) => {
    if (this.malformed.length > 0 || this.dropped > 0) return resume(Effect.void)
    this.waiter = () => resume(Effect.void)
    return Effect.sync(() => {
      this.waiter = undefined
    })
  })

  private readonly tell: Effect.Effect<void> = Effect.suspend(() => {
    const { dropped, malformed } = this
    this.dropped = 0
    this.malformed = []
    this.malformedBytes = 0
    const each = Effect.forEach(
      malformed,
      ([error, frame]) => guarded(this.handlers.onMalformed?.(error, frame)),
      { discard: true }
    )
    return dropped === 0 ? each : Effect.andThen(each, guarded(this.handlers.onDropped?.(dropped)))
  })

  private wake(): void {
    const waiter = this.waiter
    if (waiter === undefined) return
    this.waiter = undefined
    // a later turn: what comes in this one is told together
    queueMicrotask(waiter)
  }
}

// a handler that throws must not end the ones after it
const guarded = (handler: Effect.Effect<void> | undefined): Effect.Effect<void> =>
  handler === undefined
    ? Effect.void
    : Effect.catchDefect(handler, (defect) => Effect.logWarning("a subscription's handler threw", defect))
