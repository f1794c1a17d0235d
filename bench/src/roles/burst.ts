/** Our publisher at a pace: a burst of payloads in one `Transport.publishAll`, each with the instant of that call. */
import { Channel, Packing } from "@kps/transport"
import { Clock, Effect, Schema } from "effect"
import * as Connection from "../engine/Connection.ts"
import * as Role from "../engine/Role.ts"

const Parameters = Schema.Struct({
  url: Schema.String,
  channel: Channel.ChannelName,
  size: Schema.Int,
  packed: Schema.Boolean,
  /** Payloads. */
  perSecond: Schema.Finite,
  /** Payloads at once. */
  burst: Schema.Int
})

Role.main(
  Parameters,
  Effect.fnUntraced(function*({ burst, channel, packed, perSecond, size, url }) {
    const transport = yield* Connection.open(url)
    const stamp = (payloads: ReadonlyArray<Uint8Array>) => {
      const now = Role.monotonicNanos()
      for (const payload of payloads) new DataView(payload.buffer).setFloat64(0, now)
    }
    const everyMillis = burst / perSecond * 1000
    return {
      publish: ({ millis = 0 }) =>
        Effect.gen(function*() {
          const startedNanos = Role.monotonicNanos()
          const elapsedMillis = () => (Role.monotonicNanos() - startedNanos) / 1e6
          let sent = 0
          for (let nextMillis = 0; nextMillis < millis; nextMillis += everyMillis) {
            const early = nextMillis - elapsedMillis()
            if (early > 0) yield* Effect.sleep(early)
            const timestampNanos = yield* Clock.currentTimeNanos
            const payloads = Array.from({ length: burst }, () => new Uint8Array(size))
            stamp(payloads)
            const messages = packed
              ? Packing.pack(payloads, timestampNanos)
              : payloads.map((payload) => ({ payloads: [payload], timestampNanos }))
            yield* transport.publishAll(channel, messages)
            sent += burst
          }
          return { sent }
        })
    }
  })
)
