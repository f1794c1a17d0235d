/**
 * The channel's end of an egress stream.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { EgressQueue } from "./EgressQueue.ts"
import { MalformedFrames } from "./MalformedFrames.ts"
import { reference, TransportFailed } from "./StreamFault.ts"
import type { Supervision } from "./Supervision.ts"

/**
 * The subscription of one stream, with what came from it. Kept while the sink is opened again.
 *
 * @category models
 * @since 0.1.0
 */
export class EgressSubscription {
  private queue: EgressQueue | undefined
  private frames: MalformedFrames | undefined
  private scope: Scope.Closeable | undefined
  private readonly stream: Supervision

  constructor(stream: Supervision) {
    this.stream = stream
  }

  /** Whether messages may be on their way, or here. */
  get isOpen(): boolean {
    return this.queue !== undefined
  }

  /** When the first of the items that fail has to be given up. */
  get dueAt(): number | undefined {
    return this.queue?.dueAt
  }

  /** Whether nothing more comes and all that came is dealt with. */
  get isFinished(): boolean {
    return this.queue?.ended !== undefined && this.queue.length === 0
  }

  /**
   * Subscribes, if that is not done: succeeds when the broker has confirmed it.
   *
   * **Details**
   *
   * The replicas of one connector instance share a queue group per stream, so that each message goes to one of them:
   * see `queueGroup`.
   */
  readonly open: Effect.Effect<EgressQueue, TransportFailed> = Effect.suspend(() =>
    this.queue === undefined ? this.subscribe : Effect.succeed(this.queue)
  )

  /**
   * Unsubscribes. What came and was not delivered is dropped, and counted: also what nobody has read yet, and frames that
   * wait for the dead-letter store. JetStream keeps what it was not told to be done.
   */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    if (this.queue !== undefined) {
      const { counts } = this.stream.report
      counts.stats.dropped += this.queue.length
      counts.rest()
      this.queue = undefined
      this.frames?.close()
    }
    return this.scope === undefined ? Effect.void : Scope.close(this.scope, Exit.void)
  })

  private readonly subscribe = Effect.suspend(() =>
    Effect.gen({ self: this }, function*() {
      const { acknowledges, clock, report, streamId, transport } = this.stream
      const prefix = yield* reference
      const { counts } = report
      const queue = new EgressQueue(prefix, () => clock.currentTimeMillisUnsafe(), acknowledges)
      const scope = yield* Scope.fork(transport.scope)
      const group = queueGroup(this.stream.instance, streamId)
      const frames = new MalformedFrames(this.stream, prefix, group)
      const messages = yield* transport.subscription({
        queue: group,
        drainWhen: Deferred.await(this.stream.draining),
        onMalformed: frames.add,
        onDropped: (count) => Effect.sync(() => report.overflowed(count)),
        onUnread: (count) => {
          counts.stats.received += count
          counts.stats.dropped += count
        }
      }).pipe(
        Scope.provide(scope),
        Effect.mapError((error) => new TransportFailed({ operation: "subscribe", error })),
        Effect.onError(() => Scope.close(scope, Exit.void))
      )
      yield* Stream.runForEachArray(messages, (array) => {
        for (const { payloads } of array) report.stats.received += payloads.length
        return queue.put(array)
      }).pipe(
        Effect.matchCause({
          onSuccess: () => queue.end(),
          onFailure: (cause) => {
            const reason = cause.reasons.find(Cause.isFailReason)
            if (reason !== undefined) queue.end(reason.error)
          }
        }),
        Effect.forkIn(scope)
      )
      yield* Effect.forkIn(frames.run, scope)
      this.scope = scope
      this.queue = queue
      this.frames = frames
      report.counts.inFlight = () => queue.length
      return queue
    })
  )
}

/**
 * Name of the queue group that the replicas of a connector instance share for one egress stream.
 *
 * **Details**
 *
 * `kps.<instance>.<stream>`, both with everything but letters, digits, `-` and `_` encoded as in a URL; of one that is
 * over 200 characters that way, the SHA-256 in hexadecimal.
 *
 * @category getters
 * @since 0.1.0
 */
export const queueGroup = (instance: string, streamId: string): string => `kps.${token(instance)}.${token(streamId)}`

const token = (text: string): string => {
  const encoded = encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()*.~]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`
  )
  return encoded.length > 200 ? createHash("sha256").update(text).digest("hex") : encoded
}
