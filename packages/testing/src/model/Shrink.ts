/**
 * Makes a sequence that fails as short as it can be.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { type Command, simpler } from "./Command.ts"

/** Everything that is the same sequence with something less, the shortest first. */
const shorter = function*(commands: ReadonlyArray<Command>): Generator<ReadonlyArray<Command>> {
  for (let size = commands.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < commands.length; at += size) {
      yield commands.toSpliced(at, size)
    }
  }
  for (const [at, command] of commands.entries()) {
    for (const next of simpler(command)) yield commands.with(at, next)
  }
}

/**
 * Tries what is shorter, again and again, as long as it fails too.
 *
 * **Details**
 *
 * `fails` gives the failure of a sequence, or nothing. At most `tries` sequences are tried.
 *
 * @category shrinking
 * @since 0.1.0
 */
export const shrink = Effect.fnUntraced(function*<A, E, R>(
  commands: ReadonlyArray<Command>,
  failure: A,
  fails: (commands: ReadonlyArray<Command>) => Effect.Effect<A | undefined, E, R>,
  tries = 100
): Effect.fn.Return<{ readonly commands: ReadonlyArray<Command>; readonly failure: A }, E, R> {
  let shortest = { commands, failure }
  let left = tries
  let progress = true
  while (progress && left > 0) {
    progress = false
    for (const next of shorter(shortest.commands)) {
      if (left-- <= 0) break
      const failure = yield* fails(next)
      if (failure === undefined) continue
      shortest = { commands: next, failure }
      progress = true
      break
    }
  }
  return shortest
})
