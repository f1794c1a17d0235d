/**
 * What came for an egress stream and is no `TransportMessage`, on its way to the dead-letter store.
 *
 * @since 0.1.0
 */
import type { Transport, TransportError } from "@kps/transport"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Burial from "./Burial.ts"
import type { Supervision } from "./Supervision.ts"

/** So many frames that nothing else keeps wait for the store at most. */
const maxFrames = 1_000
const maxFrameBytes = 8_388_608

interface Waiting {
  readonly error: TransportError.TransportError
  readonly frame: Uint8Array
}

/**
 * The frames of one subscription.
 *
 * **Details**
 *
 * A frame that JetStream stores is there until its handler has succeeded, which is when the letter is kept: it has the same
 * letter each time that it comes. Others are only here: they wait in memory, at most 1,000 and 8 MiB of them; what comes
 * beyond, and what waits when the subscription is closed, is dropped and counted.
 *
 * @category models
 * @since 0.1.0
 */
export class MalformedFrames {
  private readonly stream: Supervision
  private readonly prefix: string
  private readonly group: string
  private readonly waiting: Array<Waiting> = []
  private readonly some = Latch.makeUnsafe()
  private bytes = 0
  private buried = 0

  /**
   * `prefix` begins the keys of letters that no other subscription has, `group` those that all members of its queue group
   * have.
   */
  constructor(stream: Supervision, prefix: string, group: string) {
    this.stream = stream
    this.prefix = prefix
    this.group = group
  }

  /** The handler of the subscription. */
  readonly add = (
    error: TransportError.TransportError,
    frame: Uint8Array,
    stored: Transport.StoredFrame | undefined
  ): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { report } = this.stream
      report.malformedFrame(error.message)
      if (stored !== undefined) return Burial.frame(frame, this.keyOf(stored), error, this.stream)
      if (this.waiting.length < maxFrames && this.bytes + frame.length <= maxFrameBytes) {
        this.bytes += frame.length
        this.waiting.push({ error, frame })
        this.some.openUnsafe()
      } else report.framesNotKept(1, "too many wait for the dead-letter store")
      return Effect.void
    })

  /** Puts what waits into the store, for ever. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => Effect.forever(this.buryNext))

  /** Drops what waits. */
  close(): void {
    const { length } = this.waiting.splice(0)
    this.bytes = 0
    if (length > 0) this.stream.report.framesNotKept(length, "its stream ended before the dead-letter store had it")
  }

  private readonly buryNext: Effect.Effect<void> = Effect.suspend(() => {
    const [next] = this.waiting
    if (next === undefined) {
      this.some.closeUnsafe()
      return this.some.await
    }
    return Effect.map(
      Burial.frame(next.frame, `${this.prefix}-malformed-${this.buried++}`, next.error, this.stream),
      () => {
        // nothing is here any more when it was closed meanwhile
        if (this.waiting.shift() !== undefined) this.bytes -= next.frame.length
      }
    )
  })

  private keyOf({ sequence, storedMillis }: Transport.StoredFrame): string {
    return `${this.group}-malformed-${this.stream.transport.channel}-${sequence}-${storedMillis}`
  }
}
