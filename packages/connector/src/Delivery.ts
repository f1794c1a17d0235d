/**
 * What crosses between an author's code and the supervisor: sources, sinks, and who acknowledges what.
 *
 * @since 0.1.0
 */
import type * as Array from "effect/Array"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"

/**
 * One array read from outside together with its only acknowledgement: there is no way to hand over the payloads
 * without it.
 *
 * **Details**
 *
 * `ack` runs once, after the transport has confirmed every payload: over core NATS after a round trip to the broker,
 * which means that the broker had them, not that a subscriber did. `nack` (default: nothing) runs when the array was
 * given up: the stream stopped first, or the failures table says to drop it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Acked<out E, out R = never> {
  readonly payloads: Array.NonEmptyReadonlyArray<Uint8Array>
  readonly ack: Effect.Effect<void, E, R>
  readonly nack?: Effect.Effect<void, E, R>
}

/**
 * One array and the position *after* its last payload: reading from there gives what follows, nothing twice.
 *
 * **Details**
 *
 * `positionOf` gives the position after the payload with an index, from 0 on. A source that can name one for each
 * payload, such as a sequence, gives it: where a process is killed in the middle of an array, the source is begun again
 * from exactly there, also when it gives other payloads by then. Without it, the source is begun at the position before
 * the array, and as many payloads as are stored are passed over, whichever they are. It is asked where channels are in
 * JetStream, about once for each message, before the array is settled, and has to be cheap; it must not throw.
 *
 * @category models
 * @since 0.1.0
 */
export interface Positioned<out P> {
  readonly payloads: Array.NonEmptyReadonlyArray<Uint8Array>
  readonly position: P
  readonly positionOf?: (index: number) => P
}

/**
 * Where the payloads of an ingress stream come from. Made by `lossy`, `acknowledged` or `resumable`.
 *
 * **Details**
 *
 * A source is pulled: nothing is read that the transport has not room for. A source that ends is a stream that is
 * done; a source that fails is handled as the failures table says.
 *
 * @category models
 * @since 0.1.0
 */
export type Source<E, R = never> =
  | {
    readonly _tag: "Lossy"
    readonly payloads: Stream.Stream<Uint8Array, E, R>
    readonly drain?: Effect.Effect<void, never, R>
  }
  | { readonly _tag: "Acknowledged"; readonly taken: Stream.Stream<Acked<E, R>, E, R> }
  | {
    readonly _tag: "Resumable"
    readonly run: <A>(
      use: <P, I>(
        position: Schema.Codec<P, I>,
        from: (at: Option.Option<P>) => Stream.Stream<Positioned<P>, E, R>
      ) => A
    ) => A
  }

/**
 * Nothing to acknowledge and nothing to resume (UDP, a sensor poll): at most once.
 *
 * **Details**
 *
 * When the connector is told to end, reading stops where it is. A source that holds payloads it has already taken from
 * outside gives `drain`, which then runs once: it takes no more, and `payloads` end after what is held; all of that is
 * still published, as far as the grace period allows.
 *
 * @category constructors
 * @since 0.1.0
 */
export const lossy = <E, R>(
  payloads: Stream.Stream<Uint8Array, E, R>,
  options: { readonly drain?: Effect.Effect<void, never, R> } = {}
): Source<E, R> => ({ _tag: "Lossy", payloads, ...options })

/**
 * The outside keeps it until acknowledged (JetStream, AMQP, MQTT QoS 1).
 *
 * **Details**
 *
 * Nothing is acknowledged that the transport has not confirmed: where channels are in JetStream, that is not stored. Over
 * core NATS that is as far as it goes: a message the broker had and no subscriber took is lost all the same.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acknowledged = <E, R>(taken: Stream.Stream<Acked<E, R>, E, R>): Source<E, R> => ({
  _tag: "Acknowledged",
  taken
})

/**
 * The outside can be read again from a position (file, change feed, log): the framework keeps the position.
 *
 * **Details**
 *
 * `from` gets the position of an array, or of a payload, that the transport confirmed, or nothing at the first start. It
 * outlives a stream's retries, not a change of the stream's parameters. Where channels are in JetStream it is stored with
 * each message, and the source is begun again exactly behind the last one that is stored. In the middle of an array that
 * is by the position of the payload, where the source names one (`positionOf` of `Positioned`); else by passing over what
 * it gives again, so that from one position it has to give the same payloads each time. Otherwise it outlives the process
 * only where the server keeps positions, and then it may be a second old: what follows it comes again. A stored position
 * that does not decode is the stream's error; one that the source knows to be ahead of what it has is for the source to
 * refuse, by failing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const resumable = <P, I, E, R>(options: {
  readonly position: Schema.Codec<P, I>
  readonly from: (at: Option.Option<P>) => Stream.Stream<Positioned<P>, E, R>
}): Source<E, R> => ({ _tag: "Resumable", run: (use) => use(options.position, options.from) })

/**
 * One payload to hand outside.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outgoing {
  /**
   * The idempotency key: the same at every try, and where channels are in JetStream at every delivery, also to another
   * process.
   */
  readonly id: string
  /** A view of the bytes that arrived: copy what is kept beyond `deliver`. */
  readonly payload: Uint8Array
  /** Nanoseconds since the Unix epoch, as the producer stamped it. */
  readonly timestamp: bigint
  /** 1 for the first try. */
  readonly attempt: number
}

/**
 * Which items of a batch failed; what is not named is done.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outcome<out E> {
  readonly failed: ReadonlyArray<{ readonly index: number; readonly error: E }>
}

/**
 * The outcome of a batch without a failure.
 *
 * @category constructors
 * @since 0.1.0
 */
export const delivered: Outcome<never> = { failed: [] }

/**
 * The outcome of a batch of which some items failed: only those are tried again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const failed = <E>(items: ReadonlyArray<{ readonly index: number; readonly error: E }>): Outcome<E> => ({
  failed: items
})

/**
 * Where the payloads of an egress stream go. Made by `sink` or `sinkPartial`.
 *
 * **Details**
 *
 * `deliver` is called with one batch at a time, in channel order, and not again before it ended. It may be interrupted
 * when the stream stops. Items named in its outcome are dealt with one by one, as the failures table says, by this sink.
 * Failing the effect fails the whole batch, and the sink with it: its scope is closed, the stream is opened again, and
 * the new sink is given the same batch, while the subscription to the channel stays. Where an item is to be given up
 * (its horizon is up, or the table says so), the sink stays and is given the batch again item by item, so that only what
 * fails by itself is given up.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sink<out E, out R = never> {
  /** Whether giving the same `id` twice has the effect of giving it once. */
  readonly idempotent: boolean
  /** Of an idempotent sink: for how long the outside knows an id. Given again later it has its effect twice. Default: for ever. */
  readonly remembers?: Duration.Input
  readonly deliver: (batch: Array.NonEmptyReadonlyArray<Outgoing>) => Effect.Effect<Outcome<E>, E, R>
  /**
   * Fails while outside could not be given anything: so that a lost outside shows though nothing flows. Run every
   * second while nothing is delivered, never together with `deliver`; a failure is handled as one of `deliver`, and
   * what arrives meanwhile waits. There is no item to drop: where the table says so, it halts the stream. Default: only
   * `deliver` tells.
   */
  readonly check?: Effect.Effect<void, E, R>
}

/**
 * A sink that does or fails whole batches.
 *
 * @category constructors
 * @since 0.1.0
 */
export const sink = <E, R>(options: {
  readonly idempotent: boolean
  readonly remembers?: Duration.Input
  readonly deliver: (batch: Array.NonEmptyReadonlyArray<Outgoing>) => Effect.Effect<void, E, R>
  readonly check?: Effect.Effect<void, E, R>
}): Sink<E, R> => ({ ...options, deliver: (batch) => Effect.as(options.deliver(batch), delivered) })

/**
 * A sink that can say which items failed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const sinkPartial = <E, R>(options: Sink<E, R>): Sink<E, R> => options
