/** Removes dead letters, with what belongs to them. */
import * as Effect from "effect/Effect"
import type { DeadLetterError } from "../DeadLetterError.ts"
import type { Which } from "../DeadLetters.ts"
import * as letterHeads from "./letterHeads.ts"
import type { LetterStreams } from "./letterStream.ts"

const purgedAtOnce = 32

/** Tells how many there were. */
export const purge = Effect.fnUntraced(function*(
  streams: LetterStreams,
  instance: string,
  { all, ids, replayed, stream }: Which
): Effect.fn.Return<number, DeadLetterError> {
  if (ids === undefined && stream === undefined && replayed === undefined) {
    return all === undefined ? 0 : yield* purgeAll(streams, instance)
  }
  const wanted = ids === undefined ? undefined : new Set(ids)
  const replays = replayed === undefined ? undefined : yield* streams.replays(instance)
  let purged = 0
  let from = 1
  while (true) {
    const limit = letterHeads.pageSize
    const { found, more } = yield* letterHeads.read(streams, { instance, stream, from, limit })
    const sequences = found.map(({ seq }) => seq).filter((seq) =>
      wanted?.has(String(seq)) !== false && replays?.has(String(seq)) !== false
    )
    const removed = yield* Effect.forEach(sequences, (sequence) => purgeOne(streams, instance, sequence), {
      concurrency: purgedAtOnce
    })
    purged += removed.filter((one) => one).length
    if (!more || found.length === 0) return purged
    from = found.at(-1)!.seq + 1
  }
})

/** The letter first: what belongs to it is of no use without it. */
const purgeOne = Effect.fnUntraced(function*(streams: LetterStreams, instance: string, sequence: number) {
  const removed = yield* streams.remove(instance, sequence)
  if (!removed) return false
  yield* streams.purge(instance, streams.tailSubject(instance, sequence))
  yield* streams.purge(instance, streams.replaySubject(instance, sequence))
  return true
})

const purgeAll = Effect.fnUntraced(function*(streams: LetterStreams, instance: string) {
  const purged = yield* streams.purge(instance, streams.letterSubject(instance))
  yield* streams.purge(instance, streams.tailSubject(instance, "*"))
  yield* streams.purge(instance, streams.replaySubject(instance, "*"))
  return purged?.purged ?? 0
})
