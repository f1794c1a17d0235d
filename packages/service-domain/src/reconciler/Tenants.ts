/**
 * Runs something for each id that is wanted: one at a time for an id, whatever comes and goes meanwhile.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options<S, R> {
  /** Whether what runs may stay for what is wanted now; otherwise it ends, and is run anew. */
  readonly isSame: (running: S, wanted: S) => boolean
  /** Runs until `over` succeeds, and then ends by itself, in its own time. */
  readonly run: (spec: S, over: Deferred.Deferred<void>) => Effect.Effect<void, never, R>
}

/**
 * Makes a function that is told what is wanted from now on, by id. Everything ends with the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*<S, R>(
  { isSame, run }: Options<S, R>
): Effect.fn.Return<(wanted: ReadonlyMap<string, S>) => void, never, R | Scope.Scope> {
  const fibers = yield* FiberSet.make()
  const look = yield* Queue.sliding<void>(1)
  const running = new Map<string, { readonly spec: S; readonly over: Deferred.Deferred<void> }>()
  let wanted: ReadonlyMap<string, S> = new Map()

  const settle = Effect.gen(function*() {
    for (const [id, { over, spec }] of running) {
      const now = wanted.get(id)
      if (now === undefined || !isSame(spec, now)) Deferred.doneUnsafe(over, Effect.void)
    }
    for (const [id, spec] of wanted) {
      if (running.has(id)) continue
      const over = Deferred.makeUnsafe<void>()
      running.set(id, { spec, over })
      const ended = Effect.sync(() => {
        running.delete(id)
        Queue.offerUnsafe(look, undefined)
      })
      yield* FiberSet.run(fibers, Effect.ensuring(run(spec, over), ended))
    }
  })
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Queue.take(look), settle)))

  return (now) => {
    wanted = now
    Queue.offerUnsafe(look, undefined)
  }
})
