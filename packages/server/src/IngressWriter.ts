/**
 * How a leased or resumable stream writes to a channel in JetStream: as the only one.
 *
 * @since 0.1.0
 */
import type { Channel, JetStream, TransportError } from "@kps/transport"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Held, Lease } from "./Lease.ts"
import { type Fault, TransportFailed } from "./StreamFault.ts"

/** So often an epoch that turns out to be too low is raised before the try is given up. */
const maxRaises = 5

/** How long a stream waits that has lost its lease and not heard of it. */
const verifyEvery = "1 second"

/**
 * The lease that a stream runs by, and where it is from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Leased {
  readonly held: Held
  readonly lease: Lease["Service"]
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly streamId: string
  readonly channel: Channel.ChannelName
  readonly jetStream: JetStream.JetStream["Service"]
  /** Absent: the stream needs none. */
  readonly leased: Leased | undefined
  /** Whether what is stored has to follow the resume point without a gap or a repeat. */
  readonly isResumable: boolean
}

/**
 * The exclusive writers of one stream while it holds its lease, one after the other.
 *
 * **Details**
 *
 * The epoch is the lease's token, by which a successor's is higher, and fences this one off. Tokens begin anew when the
 * leases were lost; so an epoch that is not above what the channel has seen is raised to one that is, after the lease was
 * verified where it is kept: whoever does not hold it any more waits to be stopped. Without a lease it is one more than
 * the last, and a writer that is fenced halts its stream.
 *
 * A stream that does not resume gives way to another one that writes to the same channel by a lease of its own: it
 * publishes without a fence from then on, which is at least once as before. One that resumes shares its channel with
 * nobody else who has an epoch.
 *
 * @category models
 * @since 0.1.0
 */
export class IngressWriter {
  private readonly options: Options
  private epoch: number | undefined
  private fence: TransportError.WriterFenced | undefined
  private shared = false

  constructor(options: Options) {
    this.options = options
  }

  /** Where a source that resumes goes on. */
  readonly resumePoint: Effect.Effect<JetStream.ResumePoint, TransportFailed> = Effect.suspend(() =>
    Effect.mapError(this.options.jetStream.resumePoint(this.options.channel), failed)
  )

  /** Opens the next writer, behind a resume point if there is one; none where the channel is shared. */
  readonly open = Effect.fnUntraced({ self: this }, function*(
    this: IngressWriter,
    point: JetStream.ResumePoint | undefined
  ): Effect.fn.Return<JetStream.Writer | undefined, TransportFailed, Scope.Scope> {
    const { channel, jetStream, leased } = this.options
    if (this.fence !== undefined) yield* this.giveWay(this.fence)
    if (this.shared) return undefined
    const last = point === undefined ? undefined : Option.getOrUndefined(point.message)?.epoch
    let epoch = this.epoch ?? leased?.held.token ?? 0
    if (this.epoch === undefined && last !== undefined && last >= epoch) {
      epoch = last + 1
      yield* this.raised(last, epoch)
    }
    for (let raises = 0;; raises++) {
      // Read first, asked after: what a successor had stored by then was read.
      yield* this.whileLost
      const opened = yield* Effect.result(
        jetStream.writer(channel, { epoch, ...(point === undefined ? {} : { after: point.sequence }) })
      )
      if (Result.isSuccess(opened)) {
        this.epoch = epoch
        return opened.success
      }
      const { reason } = opened.failure
      if (reason._tag === "WriterUnfenced") return yield* this.unfenced(opened.failure)
      if (reason._tag !== "WriterFenced" || reason.found <= epoch || raises === maxRaises) {
        return yield* failed(opened.failure)
      }
      epoch = reason.found + 1
      yield* this.raised(reason.found, epoch)
    }
  })

  /** What a failed try means: to a stream with a lease it is to be found out whether it still holds it. */
  afterFence(fault: Fault, reason: TransportError.WriterFenced): Fault {
    if (this.options.leased === undefined) return fault
    this.fence = reason
    return { ...fault, action: "retry" }
  }

  /** Another one has written by an epoch, and the lease is still had: it was no successor. */
  private readonly giveWay = Effect.fnUntraced({ self: this }, function*(
    this: IngressWriter,
    { channel, epoch, found, sequence }: TransportError.WriterFenced
  ): Effect.fn.Return<void> {
    yield* this.verified
    this.fence = undefined
    if (found < epoch) return
    if (this.options.isResumable || found === epoch) {
      this.epoch = Math.max(this.epoch ?? 0, found) + 1
      return
    }
    this.shared = true
    yield* Effect.annotateLogs(
      Effect.logWarning("another stream writes to the channel by a lease of its own: publishes without a fence"),
      { streamId: this.options.streamId, channel, sequence, epoch, found }
    )
  })

  /** In the channel's stream messages do not stay: nothing to resume behind, and nobody to be fenced by. */
  private unfenced({ message }: TransportError.TransportError): Effect.Effect<undefined> {
    this.shared = true
    const { channel, streamId } = this.options
    return Effect.as(
      Effect.annotateLogs(Effect.logWarning("publishes without a fence"), { streamId, channel, problem: message }),
      undefined
    )
  }

  private raised(found: number, epoch: number): Effect.Effect<void> {
    const { channel, leased, streamId } = this.options
    if (leased === undefined) return Effect.void
    return Effect.andThen(
      this.verified,
      Effect.annotateLogs(Effect.logWarning("the channel has seen a later epoch than the lease's token"), {
        streamId,
        channel,
        token: leased.held.token,
        found,
        epoch
      })
    )
  }

  /** Waits to be stopped when the lease is not had any more, as far as is known here. */
  private readonly whileLost: Effect.Effect<void> = Effect.suspend(() => {
    const { leased } = this.options
    return leased === undefined || leased.held.isHeld() ? Effect.void : Effect.never
  })

  /** Succeeds when the lease is held, as it is where leases are kept. */
  private readonly verified: Effect.Effect<void> = Effect.suspend(() => {
    const { leased, streamId } = this.options
    if (leased === undefined) return Effect.void
    const { held, lease } = leased
    return Effect.matchEffect(lease.verify(held.name, held.token), {
      onSuccess: () => Effect.void,
      onFailure: (error) =>
        Effect.annotateLogs(Effect.logWarning("the lease cannot be verified: publishes nothing"), {
          streamId,
          problem: error.message
        }).pipe(Effect.andThen(Effect.sleep(verifyEvery)), Effect.andThen(this.verified))
    })
  })
}

const failed = (error: TransportError.TransportError): TransportFailed =>
  new TransportFailed({ operation: "publish", error })
