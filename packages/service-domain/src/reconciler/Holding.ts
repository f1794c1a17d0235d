/**
 * Work that one process of those on a store does: the one that holds its lease.
 *
 * @since 0.1.0
 */
import type { Lease } from "@kps/server"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options<R> {
  readonly lease: Lease.Lease["Service"]
  readonly name: string
  /** Succeeds when the work is not wanted here any more. */
  readonly over: Deferred.Deferred<void>
  /** Run when it is found that another process has the lease. */
  readonly onWaiting?: Effect.Effect<void>
  /** Runs until it is interrupted: the lease was lost, or the work is over. To be asked before each act: `isHeld`. */
  readonly work: (isHeld: () => boolean) => Effect.Effect<unknown, never, R>
  /** Run when the work is over, and was this process's until then. */
  readonly after: Effect.Effect<void>
}

/**
 * Waits for the lease, does the work, and waits for the lease again when it was lost, until it is over.
 *
 * @category running
 * @since 0.1.0
 */
export const run = <R>(
  { after, lease, name, onWaiting = Effect.void, over, work }: Options<R>
): Effect.Effect<void, never, R> =>
  Effect.scoped(Effect.gen(function*() {
    const isOver = Deferred.await(over)
    const held = yield* Effect.raceFirst(
      Effect.asSome(lease.acquire(name, { onWaiting })),
      Effect.as(isOver, Option.none())
    )
    if (Option.isNone(held)) return
    const { isHeld, lost } = held.value
    yield* work(isHeld).pipe(Effect.raceFirst(lost), Effect.raceFirst(isOver))
    if (Deferred.isDoneUnsafe(over) && isHeld()) yield* after
  })).pipe(Effect.repeat({ until: () => Deferred.isDoneUnsafe(over) }), Effect.asVoid)
