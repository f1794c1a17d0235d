/**
 * Reads a source until it ends, or until a drain asks to take no more.
 *
 * @since 0.1.0
 */
import type * as Array from "effect/Array"
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/**
 * What reading needs to know of its stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<A, RS, E, R> {
  /** When it succeeds no more is read, unless there is `drain`. */
  readonly draining: Deferred.Deferred<void>
  /** Then makes the source end after what it holds, and that is read to its end. */
  readonly drain?: Effect.Effect<void, never, RS> | undefined
  /** Handles an array. The next one is read when it has succeeded. */
  readonly take: (array: Array.NonEmptyReadonlyArray<A>) => Effect.Effect<void, E, R>
}

/**
 * Reads to the end. A drain interrupts a read that waits, never the handling of an array; a source that can be drained
 * is not interrupted, but read until it has ended.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = <A, ES, RS, E, R>(
  source: Stream.Stream<A, ES, RS>,
  options: Options<A, RS, E, R>
): Effect.Effect<void, ES | E, RS | R> =>
  Effect.suspend(() => {
    const { drain } = options
    const idle = Latch.makeUnsafe(true)
    const read = eachArray(source, (pull) => {
      const next = Effect.flatMap(pull, (array) => {
        idle.closeUnsafe()
        return options.take(array)
      })
      return Effect.suspend(() => {
        idle.openUnsafe()
        // Interrupted before it reads on.
        return drain === undefined && Deferred.isDoneUnsafe(options.draining) ? Effect.never : next
      })
    })
    const end = drain === undefined ? idle.await : Effect.andThen(drain, Effect.never)
    return Effect.raceFirst(read, Effect.andThen(Deferred.await(options.draining), end))
  })

/**
 * As `Stream.runForEachArray`, with an effect that is made once, and not for each array: of an array of one, what is made
 * for it is what it costs.
 */
const eachArray = <A, ES, RS, E, R>(
  source: Stream.Stream<A, ES, RS>,
  takeNext: (pull: Pull.Pull<Array.NonEmptyReadonlyArray<A>, ES>) => Effect.Effect<void, ES | E | Cause.Done<void>, R>
): Effect.Effect<void, ES | E, RS | R> =>
  Effect.suspend(() => {
    const scope = Scope.makeUnsafe()
    const pulls = Channel.toTransform(Stream.toChannel(source))
    return Effect.flatMap(pulls(Cause.done(), scope), (pull) => Effect.forever(takeNext(pull), { disableYield: true }))
      .pipe(
        Pull.catchDone(() => Effect.void),
        Effect.onExit((exit) => Scope.close(scope, exit))
      )
  })
