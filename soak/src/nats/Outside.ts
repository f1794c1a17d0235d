/** The outside of the nats-connector: a broker with one stream that is read and one that is written. */
import type { NatsServer } from "@kps/transport/testing/NatsServer"
import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Effect, type Scope } from "effect"
import * as Book from "../connector/Book.ts"
import * as Follower from "./Follower.ts"

export interface Options {
  readonly server: NatsServer["Service"]
  /** Names the streams: another one for each run on a broker. */
  readonly name: string
  readonly count: number
  readonly perSecond: number
}

export interface Place {
  readonly subject: string
  readonly stream: string
}

export interface Outside {
  readonly source: Place
  readonly sink: Place
  /** What is in the source, and in the sink. */
  readonly given: Follower.Follower
  readonly arrived: Follower.Follower
  /** Publishes the numbers from 1 to `count`, at a pace, and no faster than they are taken. */
  readonly publish: (taken: () => number) => Effect.Effect<void>
}

/** So many at a time. */
const arrayLength = 10
/** So far ahead of what was taken: a connector that is away finds the source where it left it. */
const mostAhead = 50
/** For so long, in nanoseconds, a message that comes again is known: longer than a broker is away in any plan. */
const duplicateWindow = 2 * 3_600 * 1e9
/** How long an answer of the broker may take, in milliseconds. */
const timeout = 2_000

/** Makes both streams. */
export const make = Effect.fnUntraced(function*(
  { count, name, perSecond, server }: Options
): Effect.fn.Return<Outside, never, Scope.Scope> {
  const client = yield* Effect.acquireRelease(
    Effect.promise(() =>
      connect({ port: server.port, maxReconnectAttempts: -1, reconnectTimeWait: 100, waitOnFirstConnect: true })
    ),
    (client) => Effect.promise(() => client.close())
  )
  const manager = yield* Effect.promise(() => jetstreamManager(client, { timeout }))
  const place = (side: string): Place => ({ stream: `${side}-${name}`, subject: `${side}.${name}` })
  const [source, sink] = [place("in"), place("out")]
  for (const { stream, subject } of [source, sink]) {
    yield* Effect.promise(() =>
      manager.streams.add({ name: stream, subjects: [subject], duplicate_window: duplicateWindow })
    )
  }
  const js = jetstream(client, { timeout })

  /** The number of a message is its place in the stream, whatever is tried again. */
  const store = async (numbers: ReadonlyArray<number>) => {
    try {
      await Promise.all(
        numbers.map((number) =>
          js.publish(source.subject, Book.payload(number), {
            msgID: `${number}`,
            expect: { lastSequence: number - 1 },
            timeout
          })
        )
      )
      return numbers.at(-1)
    } catch {
      return await manager.streams.info(source.stream).then(({ state }) => state.last_seq, () => undefined)
    }
  }
  const publish = Effect.fnUntraced(function*(taken: () => number) {
    let last = 0
    while (last < count) {
      yield* Effect.sleep(`${(1_000 * arrayLength) / perSecond} millis`)
      if (last - taken() > mostAhead) continue
      const numbers = Array.from({ length: Math.min(arrayLength, count - last) }, (_, n) => last + n + 1)
      last = (yield* Effect.promise(() => store(numbers))) ?? last
    }
  })
  return {
    source,
    sink,
    given: Follower.make(manager, source.stream),
    arrived: Follower.make(manager, sink.stream),
    publish
  }
})
