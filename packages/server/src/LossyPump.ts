/**
 * From a source that neither acknowledges nor resumes to the channel: at most once.
 *
 * @since 0.1.0
 */
import type { Connector, Delivery } from "@kps/connector"
import type { Channel, TransportError } from "@kps/transport"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Messages from "./Messages.ts"
import * as Reading from "./Reading.ts"
import { fromTransport, type GivenUp, TransportFailed } from "./StreamFault.ts"
import type { Supervision } from "./Supervision.ts"

/**
 * Publishes what a source gives, array by array, until it ends.
 *
 * **Details**
 *
 * Each payload is a message of its own; an array is stamped with one reading of the clock. While the broker is away
 * nothing is read; what was not handed over is published when it is back, what was is not published again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = (
  { drain, payloads }: Extract<Delivery.Source<Connector.Tagged, Scope.Scope>, { readonly _tag: "Lossy" }>,
  stream: Supervision
): Effect.Effect<void, Connector.Tagged, Scope.Scope> =>
  Effect.suspend(() => {
    const { counts, stats } = stream.report
    const inHand = () => stats.received - stats.published - stats.dropped
    const before = inHand()
    counts.inFlight = () => inHand() - before
    return Reading.run(payloads, {
      draining: stream.draining,
      drain,
      take: (array) => {
        stats.received += array.length
        return Messages.inSlices(array, stream.clock, (messages) => publish(messages, stream))
      }
    }).pipe(
      Effect.andThen(flush(stream)),
      Effect.ensuring(Effect.sync(() => {
        // What was read and not handed over is lost with the stream.
        stats.dropped += inHand() - before
        counts.rest()
      }))
    )
  })

const publish = (
  messages: ReadonlyArray<Channel.Message>,
  stream: Supervision
): Effect.Effect<void, TransportFailed | GivenUp> =>
  Effect.matchEffect(stream.transport.publishAll(messages), {
    onSuccess: () => {
      stream.report.stats.published += messages.length
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
      if (rest.length === 1) return stream.report.droppedItems(1, error.message)
      const half = rest.length >> 1
      yield* publish(rest.slice(0, half), stream)
      return yield* publish(rest.slice(half), stream)
    }
    const handedOver = error.reason._tag === "NotConnected" ? error.reason.handedOver : 0
    stats.published += handedOver
    rest = rest.slice(handedOver)
    yield* wait(error, stream)
    if (rest.length === 0) return yield* stream.well
    const result = yield* Effect.result(stream.transport.publishAll(rest))
    if (result._tag === "Success") {
      stats.published += rest.length
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
  return fault.action === "retry" ? stream.backOff(fault) : Effect.fail(failure)
}
