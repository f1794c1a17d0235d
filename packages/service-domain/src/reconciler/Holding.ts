/**
 * Work that one process of those on a store does: the one that holds its lease.
 *
 * @since 0.1.0
 */
import type { Lease } from "@kps/server"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"

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
  /** Runs until it is interrupted. To be asked before each act: `isHeld`. */
  readonly work: (isHeld: () => boolean) => Effect.Effect<unknown, never, R>
  /** Run when the work is over, and was this process's until then. */
  readonly after: Effect.Effect<void>
}

/** How often it is looked who has a lease that was lost. */
const lookAgain = "500 millis"

/**
 * Waits for the lease and does the work, until it is over.
 *
 * **Details**
 *
 * A lease that is lost is asked for again, and the work goes on meanwhile, without being held: a broker that is away for
 * longer than the lease lives ends nothing. It ends when another process is found to have the lease, and begins anew when
 * the lease is had again.
 *
 * @category running
 * @since 0.1.0
 */
export const run = <R>(options: Options<R>): Effect.Effect<void, never, R> => {
  const { after, name, onWaiting = Effect.void, over, work } = options
  const isOver = Effect.as(Deferred.await(over), Option.none())

  /** The lease, in a scope of its own; none when `unless` came first. */
  const acquire = Effect.fnUntraced(
    function*(waiting: Effect.Effect<void>, unless: Effect.Effect<Option.Option<never>>) {
      const scope = yield* Effect.acquireRelease(Scope.make(), (scope, exit) => Scope.close(scope, exit))
      const held = yield* options.lease.acquire(name, { onWaiting: waiting }).pipe(
        Effect.provideService(Scope.Scope, scope),
        Effect.asSome,
        Effect.raceFirst(unless)
      )
      return Option.map(held, (held) => ({ ...held, release: Scope.close(scope, Exit.void) }))
    }
  )

  /** Succeeds when the lease is another process's: neither this one's of before, nor the one that it is just given. */
  const somebodyElse = (before: number) =>
    Effect.option(options.lease.holder(name)).pipe(
      Effect.map(Option.exists((holder) => Option.isSome(holder) && holder.value !== before)),
      Effect.tap(() => Effect.sleep(lookAgain)),
      Effect.repeat({ until: (isElse: boolean) => isElse }),
      Effect.as(Option.none())
    )

  const once = Effect.scoped(Effect.gen(function*() {
    const first = yield* acquire(onWaiting, isOver)
    if (Option.isNone(first)) return
    let held = first.value
    const fiber = yield* Effect.forkScoped(work(() => held.isHeld()))
    while (true) {
      yield* Effect.raceFirst(held.lost, Deferred.await(over))
      if (Deferred.isDoneUnsafe(over)) break
      yield* held.release
      const again = yield* acquire(Effect.void, Effect.raceFirst(isOver, somebodyElse(held.token)))
      if (Option.isNone(again)) break
      held = again.value
    }
    yield* Fiber.interrupt(fiber)
    if (Deferred.isDoneUnsafe(over) && held.isHeld()) yield* after
  }))

  return Effect.asVoid(Effect.repeat(once, { until: () => Deferred.isDoneUnsafe(over) }))
}
