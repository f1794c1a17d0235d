/** The plain JavaScript client: a call for each message, a turn of the event loop for each batch. */
import { create, toBinary } from "@bufbuild/protobuf"
import { TransportCodec, TransportMessageSchema } from "@kps/idl"
import { connect } from "@nats-io/transport-node"
import { Effect, Schema } from "effect"
import * as Role from "../engine/Role.ts"

const Parameters = Schema.Struct({
  url: Schema.String,
  channel: Schema.String,
  size: Schema.Int,
  codec: Schema.Literals(["generated", "hand", "none"])
})

Role.main(
  Parameters,
  Effect.fnUntraced(function*({ channel, codec, size, url }) {
    const connection = yield* Effect.acquireRelease(
      Effect.promise(() => connect({ servers: url })),
      (connection) => Effect.promise(() => connection.close())
    )
    const payload = new Uint8Array(size).fill(7)
    const batch = Math.max(1, Math.min(256, Math.floor(524_288 / size)))
    const encode = {
      generated: (timestamp: bigint) =>
        toBinary(TransportMessageSchema, create(TransportMessageSchema, { timestamp, payload: [payload] })),
      hand: (timestamp: bigint) => TransportCodec.encode(timestamp, [payload]),
      none: () => payload
    }[codec]
    return {
      publish: ({ millis = 0 }) =>
        Effect.promise(async () => {
          const startedCpu = Role.cpuMicros()
          const startedNanos = Role.monotonicNanos()
          let sent = 0
          // two flushes on their way: the client has no other bound for what it holds
          let flushing = Promise.resolve()
          while (Role.monotonicNanos() - startedNanos < millis * 1e6) {
            const before = flushing
            for (let calls = 0; calls < 16; calls++) {
              const timestamp = BigInt(Date.now()) * 1_000_000n
              for (let i = 0; i < batch; i++) connection.publish(channel, encode(timestamp))
              sent += batch
              // oxlint-disable-next-line no-await-in-loop -- the socket is written to between turns
              await new Promise((resume) => setImmediate(resume))
            }
            flushing = connection.flush()
            // oxlint-disable-next-line no-await-in-loop -- back-pressure is what it is for
            await before
          }
          await connection.flush()
          return { sent, startedNanos, cpuMicros: Role.cpuMicros() - startedCpu }
        })
    }
  })
)
