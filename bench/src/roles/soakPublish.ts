/** Our publisher at a pace for a long time, which looks at its own memory. */
import { Channel } from "@kps/transport"
import { Clock, Effect, Schema } from "effect"
import * as Connection from "../engine/Connection.ts"
import * as Memory from "../engine/Memory.ts"
import * as Role from "../engine/Role.ts"

const Parameters = Schema.Struct({
  url: Schema.String,
  channel: Channel.ChannelName,
  size: Schema.Int,
  /** Payloads. */
  perSecond: Schema.Finite
})

const everyMillis = 10

Role.main(
  Parameters,
  Effect.fnUntraced(function*({ channel, perSecond, size, url }) {
    const transport = yield* Connection.open(url)
    // one for all: what the program itself would allocate is not the transport's
    const payload = new Uint8Array(size).fill(7)
    const batch = Math.round(perSecond * everyMillis / 1000)
    return {
      publish: ({ millis = 0 }) =>
        Effect.scoped(Effect.gen(function*() {
          const memory = yield* Memory.sampled
          const startedNanos = Role.monotonicNanos()
          const elapsedMillis = () => (Role.monotonicNanos() - startedNanos) / 1e6
          let sent = 0
          for (let nextMillis = 0; nextMillis < millis; nextMillis += everyMillis) {
            const early = nextMillis - elapsedMillis()
            if (early > 0) yield* Effect.sleep(early)
            const timestampNanos = yield* Clock.currentTimeNanos
            const messages = Array.from({ length: batch }, () => ({ payloads: [payload], timestampNanos }))
            yield* transport.publishAll(channel, messages)
            sent += batch
          }
          yield* transport.flush
          const seconds = elapsedMillis() / 1000
          const { uncertain } = yield* transport.stats
          return { sent, seconds, uncertain, ...yield* memory }
        }))
    }
  })
)
