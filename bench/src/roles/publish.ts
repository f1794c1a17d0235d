/** Our publisher: `Transport.publishAll` with arrays of messages, as a source gives them. */
import { Channel, Packing } from "@kps/transport"
import { Clock, Effect, Schema } from "effect"
import * as Connection from "../engine/Connection.ts"
import * as Role from "../engine/Role.ts"

const Parameters = Schema.Struct({
  url: Schema.String,
  channel: Channel.ChannelName,
  size: Schema.Int,
  packed: Schema.Boolean
})

Role.main(
  Parameters,
  Effect.fnUntraced(function*({ channel, packed, size, url }) {
    const transport = yield* Connection.open(url)
    const payload = new Uint8Array(size).fill(7)
    const batch = Math.max(1, Math.min(256, Math.floor(524_288 / size)))
    return {
      publish: ({ millis = 0 }) =>
        Effect.gen(function*() {
          const startedCpu = Role.cpuMicros()
          const startedNanos = Role.monotonicNanos()
          let sent = 0
          while (Role.monotonicNanos() - startedNanos < millis * 1e6) {
            const timestampNanos = yield* Clock.currentTimeNanos
            const payloads: Array<Uint8Array> = []
            for (let i = 0; i < batch; i++) payloads.push(payload)
            const messages = packed
              ? Packing.pack(payloads, timestampNanos)
              : payloads.map((payload) => ({ payloads: [payload], timestampNanos }))
            yield* transport.publishAll(channel, messages)
            sent += batch
          }
          yield* transport.flush
          return { sent, startedNanos, cpuMicros: Role.cpuMicros() - startedCpu }
        })
    }
  })
)
