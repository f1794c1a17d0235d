/** Keeps something attached to the session of the moment, for ever. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ChannelName } from "../../Channel.ts"
import type { TransportError } from "../../TransportError.ts"
import type { Session, SessionOver } from "./Session.ts"
import type { Sessions } from "./Sessions.ts"

export interface Options {
  readonly channel: ChannelName
  /** What is attached, for the log, such as "a consumer". */
  readonly what: string
  readonly sessions: Sessions
  /** Milliseconds from any start. */
  readonly now: () => number
  readonly attach: (session: Session) => Effect.Effect<void, TransportError | SessionOver>
  /** It cannot be attached, and trying again is of no use. */
  readonly onFailure: (error: TransportError) => void
}

const retryMillis = { first: 50, longest: 5000 }
/** What lasted for less than this begins again after a while, the longer the more often that was so. */
const shortMillis = 1000

export class Attachment {
  private readonly options: Options
  private attached = false
  private isStopped = false
  private attachedAt = -Infinity
  /** Tries in a row that failed, or did not last. */
  private failures = 0
  private wake: (() => void) | undefined

  constructor(options: Options) {
    this.options = options
  }

  get stopped(): boolean {
    return this.isStopped
  }

  /** It is attached now. */
  begin(): void {
    this.attached = true
    this.attachedAt = this.options.now()
  }

  /** It is to be attached anew. */
  restart(): void {
    if (!this.attached) return
    this.attached = false
    this.failures = this.options.now() - this.attachedAt < shortMillis ? this.failures + 1 : 0
    this.wake?.()
  }

  /** For good. */
  stop(): void {
    this.isStopped = true
    this.wake?.()
  }

  readonly run: Effect.Effect<void> = Effect.suspend(() =>
    Effect.repeat(Effect.andThen(this.whenOver, this.round), { while: () => !this.isStopped })
  )

  private readonly whenOver = Effect.callback<void>((resume) => {
    if (!this.attached || this.isStopped) return resume(Effect.void)
    this.wake = () => resume(Effect.void)
    return Effect.sync(() => {
      this.wake = undefined
    })
  })

  private readonly round: Effect.Effect<void> = Effect.gen({ self: this }, function*() {
    if (this.isStopped) return
    const { attach, channel, onFailure, sessions, what } = this.options
    const session = yield* sessions.await
    if (this.failures > 1) {
      yield* Effect.sleep(Duration.millis(Math.min(retryMillis.first * 2 ** (this.failures - 2), retryMillis.longest)))
    }
    const outcome = yield* Effect.result(attach(session))
    if (outcome._tag === "Success") return
    const { failure } = outcome
    // with the next one, then
    if (failure._tag === "SessionOver") return
    this.restart()
    if (!failure.isRetryable) {
      this.isStopped = true
      return onFailure(failure)
    }
    this.failures++
    if (this.failures > 1) return
    yield* Effect.annotateLogs(Effect.logWarning(`${what} cannot go on`), { channel, problem: failure.message })
  })
}
