/**
 * The channel's end of an egress stream.
 *
 * @since 0.1.0
 */
import type { JetStream, TransportError } from "@kps/transport"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { EgressQueue, type Origin } from "./EgressQueue.ts"
import { MalformedFrames } from "./MalformedFrames.ts"
import { reference, TransportFailed } from "./StreamFault.ts"
import type { Supervision } from "./Supervision.ts"

/**
 * The subscription of one stream, with what came from it. Kept while the sink is opened again.
 *
 * **Details**
 *
 * Of a channel in JetStream it is a durable consumer, and a message is acknowledged when all of its payloads are dealt
 * with. With strict order it is the only reader, and has the order of the channel; otherwise all replicas share it.
 *
 * @category models
 * @since 0.1.0
 */
export class EgressSubscription {
  private queue: EgressQueue | undefined
  private frames: MalformedFrames | undefined
  private scope: Scope.Closeable | undefined
  private consumer: JetStream.Consumer | undefined
  /** What is dealt with and not acknowledged. */
  private settled: Array<JetStream.Delivery> = []
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

  /** Acknowledges what is dealt with. */
  readonly acknowledge: Effect.Effect<void> = Effect.suspend(() => {
    const { consumer, settled } = this
    if (consumer === undefined || settled.length === 0) return Effect.void
    this.settled = []
    return consumer.ack(settled)
  })

  /** Whether there is something to acknowledge: cheap. */
  get hasSettled(): boolean {
    return this.settled.length > 0
  }

  /**
   * Unsubscribes. What came and was not delivered is dropped, and counted: also what nobody has read yet, and frames that
   * wait for the dead-letter store. JetStream keeps what it was not told to be done.
   */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    if (this.queue !== undefined) {
      const { counts } = this.stream.report
      // What was not acknowledged comes again.
      if (this.consumer === undefined) counts.stats.dropped += this.queue.length
      counts.rest()
      this.queue = undefined
      this.frames?.close()
    }
    return this.scope === undefined
      ? Effect.void
      : Effect.andThen(this.acknowledge, Scope.close(this.scope, Exit.void))
  })

  private readonly subscribe = Effect.suspend(() =>
    Effect.gen({ self: this }, function*() {
      const { clock, instance, jetStream, report, streamId, transport } = this.stream
      const prefix = yield* reference
      const queue = new EgressQueue(prefix, () => clock.currentTimeMillisUnsafe())
      const frames = new MalformedFrames(this.stream, prefix, queueGroup(instance, streamId))
      const scope = yield* Scope.fork(transport.scope)
      const opened = jetStream === undefined ? this.live(queue, frames) : this.stored(queue, frames, jetStream)
      const read = yield* opened.pipe(
        Scope.provide(scope),
        Effect.mapError((error) => new TransportFailed({ operation: "subscribe", error })),
        Effect.onError(() => Scope.close(scope, Exit.void))
      )
      yield* read.pipe(
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

  /** Of core NATS: what comes is there once. */
  private live(queue: EgressQueue, frames: MalformedFrames): Opening {
    const { draining, instance, report, streamId, transport } = this.stream
    const messages = transport.subscription({
      queue: queueGroup(instance, streamId),
      drainWhen: Deferred.await(draining),
      onMalformed: frames.add,
      onDropped: (count) => Effect.sync(() => report.overflowed(count)),
      onUnread: (count) => {
        report.stats.received += count
        report.stats.dropped += count
      }
    })
    return Effect.map(messages, (messages) =>
      Stream.runForEachArray(messages, (array) => {
        for (const { payloads } of array) report.stats.received += payloads.length
        return queue.put(array)
      }))
  }

  /** Of a channel in JetStream: what is not acknowledged comes again, to this process or the next one. */
  private stored(queue: EgressQueue, frames: MalformedFrames, jetStream: JetStream.JetStream["Service"]): Opening {
    return Effect.suspend(() => {
      const { delivery, draining, instance, report, streamId, transport } = this.stream
      const { channel } = transport
      const prefix = createHash("sha256").update(JSON.stringify([instance, streamId, channel])).digest("base64url")
      // The same at each delivery, and no other message's, also when the stream was lost and its sequences began anew.
      const stemOf = ({ sequence, storedMillis }: Stamped) =>
        `${prefix.slice(0, 12)}-${sequence}-${storedMillis.toString(36)}-`
      const consumer = jetStream.consumer(channel, {
        name: durableName(instance, streamId),
        from: delivery.from,
        exclusive: delivery.ordering === "strict",
        drainWhen: Deferred.await(draining),
        // Acknowledged when it has succeeded: when it is kept.
        onMalformed: (malformed) => frames.add(malformed.error, malformed.frame, malformed),
        onMissed: (count) => Effect.sync(() => report.missed(count))
      })
      return Effect.map(consumer, (consumer) => {
        this.consumer = consumer
        this.settled = []
        return Stream.runForEachArray(consumer.deliveries, (array) => {
          const origins = array.map((one): Origin => {
            report.stats.received += one.payloads.length
            return { stem: stemOf(one), left: one.payloads.length, settle: () => void this.settled.push(one) }
          })
          return queue.put(array, origins)
        })
      })
    })
  }
}

type Opening = Effect.Effect<
  Effect.Effect<void, TransportError.TransportError>,
  TransportError.TransportError,
  Scope.Scope
>

type Stamped = Pick<JetStream.Delivery, "sequence" | "storedMillis">

/**
 * Name of the durable consumer that the replicas of a connector instance have for one egress stream of a channel in
 * JetStream.
 *
 * **Details**
 *
 * `kps~<instance>~<stream>`, both as in `queueGroup`; where that is over 200 characters, `kps~` and its SHA-256 in
 * hexadecimal.
 *
 * @category getters
 * @since 0.1.0
 */
export const durableName = (instance: string, streamId: string): string => {
  const name = `kps~${token(instance)}~${token(streamId)}`
  return name.length > 200 ? `kps~${createHash("sha256").update(name).digest("hex")}` : name
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
