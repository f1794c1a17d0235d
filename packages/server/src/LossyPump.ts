/**
 * From a source that neither acknowledges nor resumes to the channel: at most once.
 *
 * @since 0.1.0
 */
import type { Connector, Delivery } from "@kps/connector"
import { type Channel, Packing, type TransportError } from "@kps/transport"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Messages from "./Messages.ts"
import { Pile } from "./Pile.ts"
import * as Reading from "./Reading.ts"
import { fromTransport, type GivenUp, TransportFailed } from "./StreamFault.ts"
import type { Supervision } from "./Supervision.ts"

type Lossy = Extract<Delivery.Source<Connector.Tagged, Scope.Scope>, { readonly _tag: "Lossy" }>

/**
 * Publishes what a source gives until it ends.
 *
 * **Details**
 *
 * Where the stream does not pack, array by array: each payload is a message of its own, an array is stamped with one
 * reading of the clock. Where it packs, what the source gives in one turn of the event loop is packed together, and
 * stamped once. While the broker is away nothing is read; what was not handed over is published when it is back, what
 * was is not published again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = (source: Lossy, stream: Supervision): Effect.Effect<void, Connector.Tagged, Scope.Scope> =>
  Effect.suspend(() => {
    const { counts, stats } = stream.report
    const inHand = () => stats.received - stats.published - stats.dropped
    const before = inHand()
    counts.inFlight = () => inHand() - before
    const { packing } = stream.transport
    const pumped = packing === undefined ? asItComes(source, stream) : piled(source, packing, stream)
    return pumped.pipe(
      Effect.andThen(flush(stream)),
      Effect.ensuring(Effect.sync(() => {
        // What was read and not handed over is lost with the stream.
        stats.dropped += inHand() - before
        counts.rest()
      }))
    )
  })

const asItComes = ({ drain, payloads }: Lossy, stream: Supervision) =>
  Reading.run(payloads, {
    draining: stream.draining,
    drain,
    take: (array) => {
      stream.report.stats.received += array.length
      return publishArray(array, stream)
    }
  })

const publishArray = (array: ReadonlyArray<Uint8Array>, stream: Supervision) => {
  const now = stream.clock.currentTimeNanosUnsafe()
  return Messages.inSlices(array, (slice) => publish(stream.transport.messagesOf(slice, now), stream))
}

const piled = ({ drain, payloads }: Lossy, { maxPayloads }: Packing.Packing, stream: Supervision) => {
  const pile = new Pile(stream.clock)
  const read = Reading.run(payloads, {
    draining: stream.draining,
    drain,
    take: (array) => {
      stream.report.stats.received += array.length
      // An array that fills messages by itself need not wait for others.
      return array.length >= maxPayloads && pile.isEmpty
        ? publishArray(array, stream)
        : Messages.inSlices(array, (slice) => pile.add(slice))
    }
  })
  const publishing = Effect.gen(function*() {
    while (true) {
      const taken = yield* pile.next
      yield* publish(stream.transport.messagesOf(taken.payloads, taken.timestampNanos), stream)
      pile.finish()
    }
  })
  return read.pipe(
    // What a source gave before it failed is published before that is looked at.
    Effect.catchCause((cause) => Effect.andThen(pile.whenEmpty, Effect.failCause(cause))),
    Effect.andThen(pile.whenEmpty),
    Effect.raceFirst(publishing)
  )
}

const publish = (
  messages: ReadonlyArray<Channel.Message>,
  stream: Supervision
): Effect.Effect<void, TransportFailed | GivenUp> =>
  Effect.matchEffect(stream.transport.publishChecked(messages), {
    onSuccess: () => {
      stream.report.stats.published += Packing.payloadCount(messages)
      return stream.report.isHealthy ? Effect.void : stream.well
    },
    onFailure: (error) => recover(messages, error, stream)
  })

const recover = Effect.fnUntraced(function*(
  messages: ReadonlyArray<Channel.Message>,
  first: TransportError.TransportError,
  stream: Supervision
): Effect.fn.Return<void, TransportFailed | GivenUp> {
  const { stats } = stream.report
  let rest = messages
  let error = first
  while (true) {
    if (error.reason._tag === "MessageTooLarge") {
      const halves = Messages.halves(rest)
      if (halves === undefined) return stream.report.droppedItems(1, error.message)
      yield* publish(halves[0], stream)
      return yield* publish(halves[1], stream)
    }
    const handedOver = error.reason._tag === "NotConnected" ? error.reason.handedOver : 0
    stats.published += Packing.payloadCount(rest, 0, handedOver)
    rest = rest.slice(handedOver)
    yield* wait(error, stream)
    if (rest.length === 0) return yield* stream.well
    // The broker says that it refuses only after the fact.
    const again = error.reason._tag === "PermissionDenied"
      ? stream.transport.publishConfirmed(rest)
      : stream.transport.publishChecked(rest)
    const result = yield* Effect.result(again)
    if (result._tag === "Success") {
      stats.published += Packing.payloadCount(rest)
      return yield* stream.well
    }
    error = result.failure
  }
})

/** So that a source that ended is done only when the broker has all of it. */
const flush = (stream: Supervision): Effect.Effect<void, TransportFailed | GivenUp> =>
  stream.transport.flush.pipe(
    Effect.catch((error) => Effect.andThen(wait(error, stream), Effect.suspend(() => flush(stream))))
  )

const wait = (
  error: TransportError.TransportError,
  stream: Supervision
): Effect.Effect<void, TransportFailed | GivenUp> => {
  const failure = new TransportFailed({ operation: "publish", error })
  const fault = fromTransport(failure)
  // A writer that is fenced is so for good.
  const isOver = error.reason._tag === "WriterFenced" || fault.action !== "retry"
  return isOver ? Effect.fail(failure) : stream.backOff(fault)
}
