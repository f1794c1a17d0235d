/** Reads a stream of a broker with a client that is not ours: each message once, by its sequence. */
import type { JetStreamManager } from "@nats-io/jetstream"
import { Effect, Schedule } from "effect"
import * as Book from "../connector/Book.ts"

export interface Follower {
  /** The numbers in all messages that were read, oldest first; `NaN` for what is no record. */
  readonly numbers: () => ReadonlyArray<number>
  /** Reads to the end, as it is now; dies when the broker does not let it within two minutes. */
  readonly look: Effect.Effect<void>
  /** Looks again and again, however long the broker is away. */
  readonly follow: Effect.Effect<unknown>
}

/** So many are asked for at a time. */
const atOnce = 100

const patience = { schedule: Schedule.spaced("100 millis") }
/** Whoever looks does so when the broker is there, or is about to be. */
const limit = "2 minutes"

/** Nothing is read yet. */
export const make = (manager: JetStreamManager, stream: string): Follower => {
  const numbers: Array<number> = []
  /** Reads some more, and says whether that is all. */
  const read = async () => {
    const { state } = await manager.streams.info(stream)
    const before = numbers.length
    const some = await Promise.all(
      Array.from(
        { length: Math.min(atOnce, state.last_seq - before) },
        (_, n) => manager.streams.getMessage(stream, { seq: before + n + 1 })
      )
    )
    // another one that was given up may have come to its end meanwhile
    if (numbers.length === before) {
      numbers.push(...some.map((message) => message === null ? Number.NaN : Book.numberOf(message.data)))
    }
    return numbers.length >= state.last_seq
  }
  const toTheEnd = Effect.tryPromise(read).pipe(
    Effect.timeout("5 seconds"),
    Effect.retry(patience),
    Effect.repeat({ until: (isAll) => isAll }),
    Effect.asVoid,
    Effect.orDie
  )
  const look = Effect.timeoutOrElse(toTheEnd, {
    duration: limit,
    orElse: () => Effect.die(new Error(`stream "${stream}" could not be read within ${limit}`))
  })
  return { numbers: () => numbers, look, follow: Effect.repeat(toTheEnd, Schedule.spaced("20 millis")) }
}
