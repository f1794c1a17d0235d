/** Our publisher on JetStream: `Transport.publishAll` with arrays of messages, until all of them are stored. */
import { Channel, JetStreamTransport, Transport } from "@kps/transport"
import { Clock, Context, Effect, Schema } from "effect"
import * as Role from "../engine/Role.ts"

const Parameters = Schema.Struct({
  url: Schema.String,
  channel: Channel.ChannelName,
  size: Schema.Int,
  maxBytes: Schema.Int,
  window: Schema.Int,
  ordering: Schema.Literals(["strict", "none"])
})

Role.main(
  Parameters,
  Effect.fnUntraced(function*({ channel, maxBytes, ordering, size, url, window }) {
    const context = yield* JetStreamTransport.make({
      servers: [url],
      ordering,
      maxUnconfirmedMessages: window,
      stream: { maxBytes }
    })
    const transport = Context.get(context, Transport.Transport)
    const payload = new Uint8Array(size).fill(7)
    return {
      publish: ({ millis = 0 }) =>
        Effect.gen(function*() {
          const startedCpu = Role.cpuMicros()
          const startedNanos = Role.monotonicNanos()
          let count = 0
          while (Role.monotonicNanos() - startedNanos < millis * 1e6) {
            const timestampNanos = yield* Clock.currentTimeNanos
            const messages = Array.from({ length: 256 }, () => ({ payloads: [payload], timestampNanos }))
            yield* transport.publishAll(channel, messages)
            count += messages.length
          }
          yield* transport.flush
          return { count, nanos: Role.monotonicNanos() - startedNanos, cpuMicros: Role.cpuMicros() - startedCpu }
        })
    }
  })
)
