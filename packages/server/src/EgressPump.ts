/**
 * From the channel to a sink.
 *
 * @since 0.1.0
 */
import { type Connector, Delivery } from "@kps/connector"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { EgressQueue } from "./EgressQueue.ts"
import type { EgressSubscription } from "./EgressSubscription.ts"
import { type Fault, fromError, TransportFailed } from "./StreamFault.ts"
import type { Supervision } from "./Supervision.ts"

/** How often a sink that is given nothing is asked whether it could be. */
const checkEvery = "1 second"

/**
 * Delivers what comes until the subscription is drained.
 *
 * **Details**
 *
 * One batch of up to 512 payloads at a time, in channel order. Items that the sink names are tried again, dropped, or
 * halt the stream, as the failures table says; those behind them wait. A sink that fails as a whole is done with: it is
 * closed and opened again, and gets the same batch. Where the table says to drop, a batch that failed as a whole is
 * given again one by one, so that only the item goes that is at fault.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = (
  sink: Delivery.Sink<Connector.Tagged, Scope.Scope>,
  queue: EgressQueue,
  subscription: EgressSubscription,
  stream: Supervision
): Effect.Effect<void, Connector.Tagged, Scope.Scope> => {
  const { check } = sink
  if (check === undefined) return deliverAll(sink.deliver, queue, subscription, stream)
  return Effect.suspend(() => {
    const turn = Semaphore.makeUnsafe(1)
    let delivered = false
    const deliver: Deliver = (batch) =>
      turn.withPermit(Effect.suspend(() => {
        delivered = true
        return sink.deliver(batch)
      }))
    const checks = Effect.forever(Effect.andThen(
      Effect.sleep(checkEvery),
      Effect.suspend(() => {
        const idle = !delivered && !queue.isBusy
        delivered = false
        return idle ? turn.withPermit(check) : Effect.void
      })
    ))
    return Effect.raceFirst(deliverAll(deliver, queue, subscription, stream), checks)
  })
}

type Deliver = Delivery.Sink<Connector.Tagged, Scope.Scope>["deliver"]

const deliverAll = Effect.fnUntraced(function*(
  deliver: Deliver,
  queue: EgressQueue,
  subscription: EgressSubscription,
  stream: Supervision
): Effect.fn.Return<void, Connector.Tagged, Scope.Scope> {
  while (true) {
    const count = queue.next()
    if (count > 0) {
      const again = yield* deliverNext(deliver, count, queue, stream)
      if (again !== undefined) yield* stream.backOff(again)
    } else if (queue.ended === undefined) yield* queue.whenSome
    else if (queue.ended.error === undefined) return
    else {
      yield* subscription.close
      return yield* new TransportFailed({ operation: "subscribe", error: queue.ended.error })
    }
  }
})

/** Gives one batch to the sink. Returns what to wait for when some of it is to be tried again. */
const deliverNext = (
  deliver: Deliver,
  count: number,
  queue: EgressQueue,
  stream: Supervision
): Effect.Effect<Fault | undefined, Connector.Tagged, Scope.Scope> => {
  const { report } = stream
  let batch: ReadonlyArray<Delivery.Outgoing> = []
  return Effect.suspend(() => {
    // Another replica may have begun to deliver: this one is about to be stopped.
    if (stream.transport.isLost) return Effect.never
    batch = queue.begin(count)
    return Arr.isReadonlyArrayNonEmpty(batch) ? deliver(batch) : Effect.succeed(Delivery.delivered)
  }).pipe(Effect.matchCauseEffect({
    onSuccess: (outcome) => {
      if (outcome.failed.length > 0) return partly(batch, outcome, queue, stream)
      report.stats.delivered += count
      queue.done(count)
      return report.isHealthy ? Effect.undefined : Effect.as(stream.well, undefined)
    },
    onFailure: (cause) => {
      report.stats.failed += count
      const reason = cause.reasons.find(Cause.isFailReason)
      const fault = reason === undefined ? undefined : fromError(reason.error, stream.failures)
      if (fault?.action !== "deadLetter") return Effect.failCause(cause)
      if (count > 1) queue.takeApart(count)
      else {
        report.droppedItems(1, fault.message)
        queue.done(1)
      }
      return Effect.undefined
    }
  }))
}

/** The sink named items: each of them goes its own way, and the others are delivered. */
const partly = (
  batch: ReadonlyArray<Delivery.Outgoing>,
  outcome: Delivery.Outcome<Connector.Tagged>,
  queue: EgressQueue,
  stream: Supervision
): Effect.Effect<Fault | undefined, Connector.Tagged> => {
  const { report } = stream
  const faults = new Map<number, readonly [Connector.Tagged, Fault]>()
  for (const { error, index } of outcome.failed) {
    const fault = fromError(error, stream.failures)
    if (fault === undefined || batch[index] === undefined) {
      report.stats.failed += batch.length
      return Effect.die(fault === undefined ? error : new NoSuchItem({ index, length: batch.length }))
    }
    faults.set(index, [error, fault])
  }
  const again: Array<Delivery.Outgoing> = []
  let retry: Fault | undefined
  let halt: Connector.Tagged | undefined
  for (const [index, item] of batch.entries()) {
    const entry = faults.get(index)
    if (entry === undefined) continue
    const [error, fault] = entry
    if (fault.action === "deadLetter") report.droppedItems(1, fault.message)
    else {
      again.push(item)
      if (fault.action === "halt") halt ??= error
      else retry ??= fault
    }
  }
  report.stats.failed += faults.size
  report.stats.delivered += batch.length - faults.size
  queue.done(batch.length, again)
  if (halt !== undefined) return Effect.fail(halt)
  return retry === undefined && faults.size < batch.length && !report.isHealthy
    ? Effect.as(stream.well, undefined)
    : Effect.succeed(retry)
}

/** A sink that names an item it was not given: a defect. */
class NoSuchItem extends Data.TaggedError("NoSuchItem")<{ readonly index: number; readonly length: number }> {
  override get message(): string {
    return `the sink named item ${this.index} of a batch of ${this.length}`
  }
}
