/** One call that publishes: how many of its messages are not stored yet, and who waits for that. */
import * as Effect from "effect/Effect"
import type { PublishOptions } from "../../Transport.ts"
import type { TransportError } from "../../TransportError.ts"

export class Call {
  /** Whether its caller waits until its messages are stored, and so gets them back with an error. */
  readonly confirmed: boolean
  readonly onUncertain: PublishOptions["onUncertain"]
  private pending = 0
  private failure: TransportError | undefined
  /** Of the streams that were in the channel's place one after the other: the one that has some of it. */
  private storedIn: number | undefined
  private waiter: ((outcome: Effect.Effect<void, TransportError>) => void) | undefined

  constructor(confirmed: boolean, onUncertain: PublishOptions["onUncertain"]) {
    this.confirmed = confirmed
    this.onUncertain = onUncertain
  }

  get error(): TransportError | undefined {
    return this.failure
  }

  /** Whether some of it is stored, and its caller waits for the rest. */
  get isPart(): boolean {
    return this.confirmed && this.storedIn !== undefined && this.pending > 0
  }

  add(): void {
    this.pending++
  }

  /** Whether none of it is in a stream that was there before this one, or nobody waits for the whole. */
  goesOnIn(stream: number): boolean {
    return !this.confirmed || this.storedIn === undefined || this.storedIn === stream
  }

  /** One of its messages is stored, in this stream. */
  settle(stream: number): void {
    this.pending--
    this.storedIn ??= stream
    if (this.pending === 0) this.resume(Effect.void)
  }

  /** The first failure counts. */
  fail(error: TransportError): void {
    this.failure ??= error
    this.resume(Effect.fail(this.failure))
  }

  /** Succeeds when everything that was added is stored. */
  readonly whenStored: Effect.Effect<void, TransportError> = Effect.callback<void, TransportError>((resume) => {
    if (this.failure !== undefined) return resume(Effect.fail(this.failure))
    if (this.pending === 0) return resume(Effect.void)
    this.waiter = resume
    return Effect.sync(() => {
      this.waiter = undefined
    })
  })

  private resume(outcome: Effect.Effect<void, TransportError>): void {
    const { waiter } = this
    this.waiter = undefined
    waiter?.(outcome)
  }
}
