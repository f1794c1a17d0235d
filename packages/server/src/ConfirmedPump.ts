/**
 * From a source that is acknowledged, or that can be resumed, to the channel: nothing is settled that the broker has
 * not taken.
 *
 * @since 0.1.0
 */
import type { Connector, Delivery } from "@kps/connector"
import { type Channel, Packing, type TransportError } from "@kps/transport"
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ascii } from "./ChannelPosition.ts"
import * as Dressing from "./Dressing.ts"
import * as Messages from "./Messages.ts"
import * as Reading from "./Reading.ts"
import type { SourcePosition } from "./SourcePosition.ts"
import { fromTransport, type GivenUp, reference, TransportFailed } from "./StreamFault.ts"
import type { StreamTransport } from "./StreamTransport.ts"
import type { Supervision } from "./Supervision.ts"
import { type Batch, type Entry, type Unsettled, Window } from "./Window.ts"

/**
 * Publishes what a source gives and acknowledges it, in order, after the broker has taken it.
 *
 * **Details**
 *
 * While a round trip to the broker is under way, up to 4,096 payloads or 1 MiB are read ahead; they go with the next
 * one, and are packed together where the stream packs. When the broker goes away before it has taken all of a round, all
 * of it is published again, in order: repeats are possible, gaps are not; of a channel in JetStream, under the same ids,
 * so that within the duplicate window each is stored once. An array of which a payload had to be dropped, and what is not settled when the stream
 * stops, is given back by `nack`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const acknowledged = (
  taken: Stream.Stream<Delivery.Acked<Connector.Tagged, Scope.Scope>, Connector.Tagged, Scope.Scope>,
  stream: Supervision
): Effect.Effect<void, Connector.Tagged, Scope.Scope> =>
  Effect.flatMap(reference, (prefix) =>
    pump(taken, stream, {
      dress: stream.jetStream !== undefined ? Dressing.ids(prefix) : Dressing.none,
      triesInPlace: true,
      settle: Effect.fnUntraced(function*(entries, window) {
        for (const entry of entries) {
          window.settle(1)
          yield* entry.dropped === 0 ? entry.taken.ack : entry.taken.nack ?? Effect.void
        }
      }),
      giveBack: (entry) => entry.taken.nack ?? Effect.void
    }))

/**
 * Publishes what a source gives from its last position on, and keeps the position of what the broker has taken.
 *
 * **Details**
 *
 * As `acknowledged`, with the position in place of the acknowledgement. A payload that had to be dropped is passed. The
 * position is that of `SourcePosition`. Where the channel is in JetStream each message carries the place behind it, and
 * what could not be published ends the try: the next one begins behind what is stored.
 *
 * @category constructors
 * @since 0.1.0
 */
export const resumable = <P, I>(
  codec: Schema.Codec<P, I>,
  from: (at: Option.Option<P>) => Stream.Stream<Delivery.Positioned<P>, Connector.Tagged, Scope.Scope>,
  position: SourcePosition,
  stream: Supervision
): Effect.Effect<void, Connector.Tagged, Scope.Scope> => {
  const json = Schema.toCodecJson(codec)
  // A position that does not fit its own schema is a defect of the source.
  const encode = (at: P) => Effect.orDie(Schema.encodeEffect(json)(at))
  const encodeSync = Schema.encodeSync(json)
  const written = (at: P) => ascii(JSON.stringify(encodeSync(at)))
  return Effect.suspend(() => position.decode(json)).pipe(
    Effect.flatMap((at) => {
      let before = position.start
      return pump(behind(from(at), position), stream, {
        dress: stream.jetStream !== undefined
          ? Dressing.positions({
            before: () => before,
            behind: (taken) => written(taken.position),
            within: ({ positionOf }, index) => positionOf === undefined ? undefined : written(positionOf(index)),
            stamp: (mark) => position.stamp(mark)
          })
          : Dressing.none,
        triesInPlace: stream.jetStream === undefined,
        settle: (entries, window) => {
          window.settle(entries.length)
          return Effect.map(encode(entries.at(-1)!.taken.position), (encoded) => {
            position.moved(encoded)
            before = position.start
          })
        },
        giveBack: () => Effect.void
      })
    }),
    Effect.raceFirst(position.keep),
    // Of another's change the next try is told.
    Effect.ensuring(Effect.ignore(position.save))
  )
}

/** Without the payloads that are on the channel already: where the source has not named the place behind each of them. */
const behind = <P>(
  source: Stream.Stream<Delivery.Positioned<P>, Connector.Tagged, Scope.Scope>,
  position: SourcePosition
): Stream.Stream<Delivery.Positioned<P>, Connector.Tagged, Scope.Scope> => {
  const { plus } = position.start
  if (plus === 0) return source
  return Stream.suspend(() => {
    let left = plus
    return source.pipe(
      Stream.filterMap((one) => {
        if (left === 0) return Result.succeed(one)
        const { positionOf } = one
        const passed = Math.min(left, one.payloads.length)
        const payloads = one.payloads.slice(passed)
        left -= passed
        if (!isNonEmpty(payloads)) return Result.fail(one)
        return Result.succeed({
          ...one,
          payloads,
          ...(positionOf === undefined ? {} : { positionOf: (index: number) => positionOf(index + passed) })
        })
      }),
      Stream.concat(Stream.suspend(() => left === 0 ? Stream.empty : Stream.fail(position.tooShort(plus - left))))
    )
  })
}

const isNonEmpty = (payloads: ReadonlyArray<Uint8Array>): payloads is Arr.NonEmptyReadonlyArray<Uint8Array> =>
  payloads.length > 0

type Sourced = { readonly payloads: ReadonlyArray<Uint8Array> }

interface Settling<T extends Sourced> {
  readonly dress: Dressing.Dressing<T>
  /** Whether what could not be published is published again in place: else the try ends. */
  readonly triesInPlace: boolean
  /** Says of each entry, before it settles it, that it does. */
  readonly settle: (
    entries: ReadonlyArray<Entry<T>>,
    window: Window<T>
  ) => Effect.Effect<void, Connector.Tagged, Scope.Scope>
  readonly giveBack: (entry: Entry<T>) => Effect.Effect<void, Connector.Tagged, Scope.Scope>
}

const pump = <T extends Sourced>(
  source: Stream.Stream<T, Connector.Tagged, Scope.Scope>,
  stream: Supervision,
  settling: Settling<T>
): Effect.Effect<void, Connector.Tagged, Scope.Scope> =>
  Effect.suspend(() => {
    const { counts, stats } = stream.report
    const window = new Window<T>(stream.clock)
    counts.inFlight = () => window.length
    const read = Reading.run(source, {
      draining: stream.draining,
      take: (taken) => {
        for (const { payloads } of taken) stats.received += payloads.length
        window.add(taken)
        return window.whenRoom
      }
    })
    const settle = Effect.gen(function*() {
      while (true) {
        const batch = yield* window.next
        yield* publish(messagesOf(batch.entries, stream.transport), 0, batch, stream, settling)
        if (!stream.report.isHealthy) yield* stream.well
        yield* settling.settle(batch.entries, window)
        window.finish()
      }
    })
    return read.pipe(
      // What a source gave before it failed is settled before that is looked at.
      Effect.catchCause((cause) => Effect.andThen(window.whenEmpty, Effect.failCause(cause))),
      Effect.andThen(window.whenEmpty),
      Effect.raceFirst(settle),
      Effect.ensuring(Effect.suspend(() => {
        counts.rest()
        return giveBack(window.rest, stream, settling)
      }))
    )
  })

/**
 * Unpacked, each entry with its own timestamp; packed, over the entries, with that of the first. What is packed is what
 * was read during the last round trip.
 */
const messagesOf = <T extends Sourced>(
  entries: ReadonlyArray<Entry<T>>,
  transport: StreamTransport
): ReadonlyArray<Channel.Message> => {
  if (transport.packing === undefined) {
    return entries.flatMap(({ taken, timestampNanos }) => transport.messagesOf(taken.payloads, timestampNanos))
  }
  return transport.messagesOf(entries.flatMap(({ taken }) => taken.payloads), entries[0]!.timestampNanos)
}

/** Succeeds when the broker has taken everything that is not too large. `from` is the index of the first payload. */
const publish = <T extends Sourced>(
  messages: ReadonlyArray<Channel.Message>,
  from: number,
  batch: Batch<T>,
  stream: Supervision,
  settling: Settling<T>
): Effect.Effect<void, TransportFailed | GivenUp> =>
  Effect.matchEffect(stream.transport.publishConfirmed(settling.dress(messages, from, batch.entries)), {
    onSuccess: () => {
      handedOver(Packing.payloadCount(messages), from, batch, stream)
      return Effect.void
    },
    onFailure: (error) => recover(messages, from, error, batch, stream, settling)
  })

const recover = Effect.fnUntraced(function*<T extends Sourced>(
  messages: ReadonlyArray<Channel.Message>,
  from: number,
  first: TransportError.TransportError,
  batch: Batch<T>,
  stream: Supervision,
  settling: Settling<T>
): Effect.fn.Return<void, TransportFailed | GivenUp> {
  let error = first
  while (true) {
    if (error.reason._tag === "MessageTooLarge") {
      const halves = Messages.halves(messages)
      if (halves === undefined) {
        batch.drop(from)
        return stream.report.droppedItems(1, error.message)
      }
      yield* publish(halves[0], from, batch, stream, settling)
      return yield* publish(halves[1], from + Packing.payloadCount(halves[0]), batch, stream, settling)
    }
    if (error.reason._tag === "NotConnected") {
      handedOver(Packing.payloadCount(messages, 0, error.reason.handedOver), from, batch, stream)
    }
    const failure = new TransportFailed({ operation: "publish", error })
    const fault = fromTransport(failure)
    // A writer that is fenced is so for good.
    const isOver = error.reason._tag === "WriterFenced" || !settling.triesInPlace
    if (fault.action !== "retry" || isOver) return yield* failure
    yield* stream.backOff(fault)
    const dressed = settling.dress(messages, from, batch.entries)
    const result = yield* Effect.result(stream.transport.publishConfirmed(dressed))
    if (result._tag === "Success") return handedOver(Packing.payloadCount(messages), from, batch, stream)
    error = result.failure
  }
})

const handedOver = <T extends Sourced>(count: number, from: number, batch: Batch<T>, stream: Supervision): void => {
  stream.report.stats.published += count
  batch.reached = Math.max(batch.reached, from + count)
}

/** In order. One that cannot be given back does not keep the others from it. */
const giveBack = <T extends Sourced>(
  rest: ReadonlyArray<Unsettled<T>>,
  stream: Supervision,
  settling: Settling<T>
) =>
  Effect.forEach(rest, ({ entry, untouched }) => {
    stream.report.stats.dropped += untouched
    return Effect.catchCause(settling.giveBack(entry), (cause) =>
      Effect.annotateLogs(Effect.logDebug("cannot give back", cause), { streamId: stream.streamId }))
  }, { discard: true })
