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
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Backoff from "./Backoff.ts"
import * as Burial from "./Burial.ts"
import type { Aside, EgressQueue } from "./EgressQueue.ts"
import type { EgressSubscription } from "./EgressSubscription.ts"
import { type Fault, fromCause, fromError, TransportFailed } from "./StreamFault.ts"
import type { Supervision } from "./Supervision.ts"

/** How often a sink that is given nothing is asked whether it could be. */
const checkEvery = "1 second"

/** How long what was set aside waits for another try when nothing more comes. */
const hurriedMillis = 500

/**
 * Delivers what comes until the subscription is drained.
 *
 * **Details**
 *
 * One batch of up to 512 payloads at a time, in channel order. Items that the sink names are tried again, given up, or
 * halt the stream, as the failures table says; those behind them wait, or pass where the stream has no order. One that
 * is tried for longer than its horizon goes to the dead-letter store. A sink that fails as a whole is done with: it is
 * closed and opened again, and gets the same batch. Where the item at fault is to be given up, a batch that failed as a
 * whole is given again one by one, so that only that item goes.
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
    if (subscription.hasSettled) yield* subscription.acknowledge
    const count = queue.next()
    if (count > 0) {
      const again = yield* deliverNext(deliver, count, queue, stream)
      if (again !== undefined) yield* stream.backOff(again)
    } else if (queue.ended === undefined) yield* whenSome(queue)
    else if (queue.untilAside !== undefined) {
      yield* Effect.sleep(Math.min(queue.untilAside, hurriedMillis))
      queue.hurry()
    } else if (queue.ended.error === undefined) return
    else {
      yield* subscription.close
      return yield* new TransportFailed({ operation: "subscribe", error: queue.ended.error })
    }
  }
})

const whenSome = (queue: EgressQueue): Effect.Effect<void> => {
  const { untilAside } = queue
  return untilAside === undefined ? queue.whenSome : Effect.raceFirst(queue.whenSome, Effect.sleep(untilAside))
}

/** Gives one batch to the sink. Returns what to wait for when some of it is to be tried again. */
const deliverNext = (
  deliver: Deliver,
  count: number,
  queue: EgressQueue,
  stream: Supervision
): Effect.Effect<Fault | undefined, Connector.Tagged, Scope.Scope> => {
  const { report } = stream
  let batch: ReadonlyArray<Delivery.Outgoing> = []
  let begunNanos = 0n
  const took = () => {
    const millis = Number(stream.clock.monotonicTimeNanosUnsafe() - begunNanos) / 1e6
    report.counts.deliveries.record(millis, stream.clock.currentTimeMillisUnsafe())
  }
  return Effect.suspend(() => {
    // Another replica may have begun to deliver: this one is about to be stopped.
    if (stream.transport.isLost) return Effect.never
    batch = queue.begin(count)
    begunNanos = stream.clock.monotonicTimeNanosUnsafe()
    return Arr.isReadonlyArrayNonEmpty(batch) ? deliver(batch) : Effect.succeed(Delivery.delivered)
  }).pipe(Effect.matchCauseEffect({
    onSuccess: (outcome) => {
      took()
      if (outcome.failed.length > 0) return partly(batch, outcome, queue, stream)
      report.stats.delivered += count
      queue.done(count)
      return report.isHealthy ? Effect.undefined : Effect.as(stream.well, undefined)
    },
    onFailure: (cause) => {
      took()
      report.stats.failed += count
      return wholly(batch, cause, queue, stream)
    }
  }))
}

/**
 * The sink failed as a whole. Where the item at fault is to be given up, and nobody knows which it is, the batch is
 * given again one by one.
 */
const wholly = Effect.fnUntraced(function*(
  batch: ReadonlyArray<Delivery.Outgoing>,
  cause: Cause.Cause<Connector.Tagged>,
  queue: EgressQueue,
  stream: Supervision
): Effect.fn.Return<undefined, Connector.Tagged> {
  const reason = cause.reasons.find(Cause.isFailReason)
  const known = reason === undefined ? undefined : fromError(reason.error, stream.failures)
  if (known === undefined ? Cause.hasInterrupts(cause) : known.action === "halt") return yield* Effect.failCause(cause)
  const now = stream.clock.currentTimeMillisUnsafe()
  if (known === undefined || known.action === "retry") {
    const horizon = horizonOf(known, stream)
    if (horizon === Infinity) return yield* Effect.failCause(cause)
    const dueAt = Math.min(...batch.map((item) => queue.failed(item))) + horizon
    queue.dueAt = dueAt
    if (now < dueAt) return yield* Effect.failCause(cause)
  }
  const [item] = batch
  if (batch.length > 1) queue.takeApart(batch.length)
  else if (item !== undefined) {
    const fault = known ?? (yield* fromCause(cause, stream.failures, stream.streamId))
    if (fault.action === "drop") stream.report.droppedItems(1, fault.message)
    else yield* Burial.items([{ item, fault, firstTriedMillis: queue.failed(item), lastTriedMillis: now }], stream)
    queue.done(1)
  }
})

const horizonOf = (fault: Fault | undefined, { delivery }: Supervision): number =>
  fault?.horizonMillis ?? delivery.horizonMillis

/** The sink named items: each of them goes its own way, and the others are delivered. */
const partly = Effect.fnUntraced(function*(
  batch: ReadonlyArray<Delivery.Outgoing>,
  outcome: Delivery.Outcome<Connector.Tagged>,
  queue: EgressQueue,
  stream: Supervision
): Effect.fn.Return<Fault | undefined, Connector.Tagged> {
  const { report } = stream
  const faults = new Map<number, readonly [Connector.Tagged, Fault]>()
  for (const { error, index } of outcome.failed) {
    const fault = fromError(error, stream.failures)
    if (fault === undefined || batch[index] === undefined) {
      report.stats.failed += batch.length
      return yield* Effect.die(fault === undefined ? error : new NoSuchItem({ index, length: batch.length }))
    }
    faults.set(index, [error, fault])
  }
  const now = stream.clock.currentTimeMillisUnsafe()
  const passed = stream.delivery.ordering === "none" && queue.hasRoomAside
  const random = passed ? yield* Random.next : 0
  const dead: Array<Burial.Dead> = []
  const aside: Array<Aside> = []
  const again: Array<Delivery.Outgoing> = []
  let retry: Fault | undefined
  let halt: Connector.Tagged | undefined
  let firstDue = Infinity
  for (const [index, item] of batch.entries()) {
    const entry = faults.get(index)
    if (entry === undefined) continue
    const [error, fault] = entry
    if (fault.action === "drop") {
      report.droppedItems(1, fault.message)
      continue
    }
    const first = queue.failed(item)
    const dueAt = fault.action === "retry" ? first + horizonOf(fault, stream) : now
    const delay = passed && fault.action === "retry"
      ? Backoff.delayMillis(fault.backoff, item.attempt, now - first, random)
      : undefined
    if (fault.action === "halt") {
      again.push(item)
      halt ??= error
    } else if (dueAt <= now) {
      dead.push({ item, fault, firstTriedMillis: first, lastTriedMillis: now })
    } else if (delay !== undefined) {
      aside.push({ item, at: Math.min(dueAt, now + delay) })
    } else {
      // One that is not to be passed, or was tried for as long as its row says: that is the runner's to tell.
      again.push(item)
      retry ??= fault
      firstDue = Math.min(firstDue, dueAt)
    }
  }
  report.stats.failed += faults.size
  report.stats.delivered += batch.length - faults.size
  // They stay here until they are kept there.
  queue.done(batch.length, [...dead.map(({ item }) => item), ...aside.map(({ item }) => item), ...again])
  if (dead.length > 0) {
    yield* Burial.items(dead, stream)
    queue.done(dead.length)
  }
  queue.setAside(aside)
  queue.dueAt = firstDue === Infinity ? undefined : firstDue
  if (halt !== undefined) return yield* Effect.fail(halt)
  if (retry === undefined && faults.size < batch.length && !report.isHealthy) yield* stream.well
  return retry
})

/** A sink that names an item it was not given: a defect. */
class NoSuchItem extends Data.TaggedError("NoSuchItem")<{ readonly index: number; readonly length: number }> {
  override get message(): string {
    return `the sink named item ${this.index} of a batch of ${this.length}`
  }
}
