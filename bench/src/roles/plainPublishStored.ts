/** The JavaScript client's own publish to JetStream, as many at once as the window takes. */
import { jetstream } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Effect, Schema } from "effect"
import * as Role from "../engine/Role.ts"

const Parameters = Schema.Struct({
  url: Schema.String,
  channel: Schema.String,
  size: Schema.Int,
  window: Schema.Int
})

Role.main(
  Parameters,
  Effect.fnUntraced(function*({ channel, size, url, window }) {
    const connection = yield* Effect.acquireRelease(
      Effect.promise(() => connect({ servers: url })),
      (connection) => Effect.promise(() => connection.close())
    )
    const stored = jetstream(connection)
    const payload = new Uint8Array(size).fill(7)
    return {
      publish: ({ millis = 0 }) =>
        Effect.promise(async () => {
          const startedCpu = Role.cpuMicros()
          const startedNanos = Role.monotonicNanos()
          let count = 0
          const publishAll = async () => {
            while (Role.monotonicNanos() - startedNanos < millis * 1e6) {
              // oxlint-disable-next-line no-await-in-loop -- one of the window
              await stored.publish(channel, payload)
              count++
            }
          }
          await Promise.all(Array.from({ length: window }, publishAll))
          return { count, nanos: Role.monotonicNanos() - startedNanos, cpuMicros: Role.cpuMicros() - startedCpu }
        })
    }
  })
)
