/** The check of a channel name at the door: types say that it was done, casts get around them. */
import * as Effect from "effect/Effect"
import { problemOf } from "../Channel.ts"
import { InvalidChannel, TransportError } from "../TransportError.ts"

// names that passed; connectors use few, and one that makes up names for ever must not fill the memory
const passed = new Set<string>()
const maxPassed = 10_000

/** Why a channel cannot be used, or `undefined`. Cheap for names that were seen before. */
export const refused = (channel: string): TransportError | undefined => {
  if (passed.has(channel)) return undefined
  const problem = problemOf(channel)
  if (problem !== undefined) return new TransportError({ reason: new InvalidChannel({ channel, problem }) })
  if (passed.size >= maxPassed) passed.clear()
  passed.add(channel)
  return undefined
}

export const validChannel = (channel: string): Effect.Effect<void, TransportError> => {
  const error = refused(channel)
  return error === undefined ? Effect.void : Effect.fail(error)
}

export const validQueue = (channel: string, queue: string): Effect.Effect<void, TransportError> => {
  const problem = problemOf(queue)
  return problem === undefined
    ? Effect.void
    : Effect.fail(
      new TransportError({ reason: new InvalidChannel({ channel, problem: `as for its queue group, ${problem}` }) })
    )
}
