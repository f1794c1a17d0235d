/**
 * What one stream promises: the facts, from what was opened and from how the broker keeps its channel.
 *
 * @since 0.1.0
 */
import type { Connector, Delivery, Guarantee } from "@kps/connector"
import { type Channel, JetStream, Transport, type TransportError } from "@kps/transport"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { DeadLetters } from "./DeadLetters.ts"
import type * as StreamDelivery from "./StreamDelivery.ts"
import type { Failures } from "./StreamFault.ts"

/**
 * Tells how the broker keeps a channel.
 *
 * @category models
 * @since 0.1.0
 */
export interface Keeping {
  readonly stream: (channel: Channel.ChannelName) => Effect.Effect<Guarantee.Stored, TransportError.TransportError>
  /** None while it is not there. */
  readonly consumer: (
    channel: Channel.ChannelName,
    name: string
  ) => Effect.Effect<Option.Option<JetStream.ConsumerSettings>, TransportError.TransportError>
}

/** So many ask the broker at once, of however many streams. */
const askers = 8

/**
 * How the broker of the transport in use keeps channels; nothing when it does not.
 *
 * @category constructors
 * @since 0.1.0
 */
export const keeping: Effect.Effect<Keeping | undefined> = Effect.map(
  Effect.serviceOption(JetStream.JetStream),
  Option.match({
    onNone: () => undefined,
    onSome: (jetStream): Keeping => {
      const turns = Semaphore.makeUnsafe(askers)
      return {
        stream: (channel) => turns.withPermit(Effect.suspend(() => jetStream.settings(channel))),
        consumer: (channel, name) => turns.withPermit(Effect.suspend(() => jetStream.consumerSettings(channel, name)))
      }
    }
  })
)

/**
 * What a stream runs with, besides what its author opened.
 *
 * @category models
 * @since 0.1.0
 */
export interface Around {
  /** Whether a lease keeps it to one process. */
  readonly leased: boolean
  /** Whether positions outlive the process. */
  readonly saved: boolean
  readonly fenced: boolean
  /** The largest message that the broker takes, in bytes, as far as it was heard of. */
  readonly maxPayloadBytes: number
  readonly delivery: StreamDelivery.Resolved
  readonly deadLetters: DeadLetters["Service"]
  readonly failures: Failures
}

/**
 * The facts but for the channel's stream.
 *
 * @category models
 * @since 0.1.0
 */
export type Ends = Omit<Guarantee.Ingress, "stored"> | Omit<Guarantee.Egress, "stored" | "consumer">

/**
 * Of a stream into the channel.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofSource = (
  { _tag }: Delivery.Source<Connector.Tagged, Scope.Scope>,
  { fenced, leased, maxPayloadBytes, saved }: Around
): Ends => ({
  direction: "INGRESS",
  source: sources[_tag],
  saved,
  fenced,
  leased,
  maxPayloadBytes: Number.isFinite(maxPayloadBytes) ? maxPayloadBytes : Transport.maxPayloadBytes
})

const sources = { Lossy: "lossy", Acknowledged: "acknowledged", Resumable: "resumable" } as const

/**
 * Of a stream out of the channel.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofSink = (
  { idempotent, remembers }: Delivery.Sink<Connector.Tagged, Scope.Scope>,
  { deadLetters, delivery: { from, horizonMillis, ordering }, failures, leased }: Around
): Ends => ({
  direction: "EGRESS",
  idempotent,
  ...remembers === undefined ? {} : { remembersMillis: Duration.toMillis(remembers) },
  from,
  ordering,
  horizonMillis: Number.isFinite(horizonMillis) ? horizonMillis : null,
  deadLetters: deadLetters.place,
  drops: Object.entries(failures).flatMap(([tag, { action }]) => action === "drop" ? [tag] : []),
  leased
})

/** How often the broker is asked again: an operator may change a stream. */
const askEvery = "5 minutes"

/** And while it does not say. */
const retryEvery = Schedule.spaced("5 seconds")

/**
 * Tells the facts, and again when the broker keeps the channel in another way, until the scope ends.
 *
 * **Details**
 *
 * Where nothing keeps the channel they are told before this succeeds; otherwise as soon as the broker has answered.
 *
 * @category operations
 * @since 0.1.0
 */
export const watch = (
  ends: Ends,
  { channel, consumer, keeping }: {
    readonly channel: Channel.ChannelName
    /** Name of the consumer of an egress stream. */
    readonly consumer: string
    readonly keeping: Keeping | undefined
  },
  tell: (facts: Guarantee.Facts) => Effect.Effect<void>
): Effect.Effect<void, never, Scope.Scope> => {
  if (keeping === undefined) return tell(ends)
  const ask = Effect.gen(function*() {
    const stored = yield* keeping.stream(channel)
    if (ends.direction === "INGRESS") return { ...ends, stored }
    const found = yield* keeping.consumer(channel, consumer)
    return Option.isNone(found)
      ? { ...ends, stored }
      : { ...ends, stored, consumer: { name: consumer, ...found.value } }
  }).pipe(Effect.retry(retryEvery), Effect.flatMap(tell))
  return ask.pipe(
    Effect.andThen(Effect.sleep(askEvery)),
    Effect.forever,
    Effect.catchCause((cause) => Effect.logDebug("cannot tell what the stream promises", cause)),
    Effect.forkScoped,
    Effect.asVoid
  )
}
