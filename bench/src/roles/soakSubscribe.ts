/** Our subscriber with a handler that is slow until it is told to catch up; it looks at its own memory. */
import { Channel } from "@kps/transport"
import { Effect, Exit, Latch, Schema, Scope, Stream } from "effect"
import * as Connection from "../engine/Connection.ts"
import * as Memory from "../engine/Memory.ts"
import * as Role from "../engine/Role.ts"

const Parameters = Schema.Struct({
  url: Schema.String,
  channel: Channel.ChannelName,
  size: Schema.Int,
  /** Payloads that the handler takes. */
  perSecond: Schema.Finite
})

// without anything new for so long, no more is to come
const idleMillis = 3000

Role.main(
  Parameters,
  Effect.fnUntraced(function*({ channel, perSecond, size, url }) {
    const transport = yield* Connection.open(url)
    const scope = yield* Scope.fork(yield* Effect.scope)
    let unread = 0
    const messages = yield* transport.subscription(channel, {
      onUnread: (payloads) => {
        unread += payloads
      }
    }).pipe(Scope.provide(scope))
    const catchUp = yield* Latch.make(false)
    let taken = 0
    yield* messages.pipe(
      Stream.runForEachArray((batch) => {
        const work = Effect.sync(() => {
          for (const { payloads } of batch) {
            for (const payload of payloads) if (payload.length === size) taken++
          }
        })
        return Effect.andThen(Effect.raceFirst(Effect.sleep(batch.length / perSecond * 1000), catchUp.await), work)
      }),
      Effect.forkIn(scope)
    )
    const memory = yield* Memory.sampled
    return {
      // what was taken at the slow pace
      taken: () => Effect.sync(() => ({ taken })),
      await: ({ count = 0 }) =>
        Effect.gen(function*() {
          yield* catchUp.open
          const accounted = Effect.map(transport.stats, ({ dropped, malformed }) => taken + dropped + malformed)
          for (let seen = -1, idle = 0; idle < idleMillis; idle += 50) {
            const now = yield* accounted
            if (now >= count) break
            if (now !== seen) idle = 0
            seen = now
            yield* Effect.sleep(50)
          }
          yield* Scope.close(scope, Exit.void)
          const { disconnects, dropped } = yield* transport.stats
          return { taken, dropped, unread, disconnects, ...yield* memory }
        })
    }
  })
)
