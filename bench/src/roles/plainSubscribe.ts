/** The plain JavaScript client with a callback for each message, as its documentation shows it. */
import { fromBinary } from "@bufbuild/protobuf"
import { TransportCodec, TransportMessageSchema } from "@kps/idl"
import { connect } from "@nats-io/transport-node"
import { Effect, Result, Schema } from "effect"
import * as Arrivals from "../engine/Arrivals.ts"
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
    const arrivals = Arrivals.make()
    const count = {
      generated: (frame: Uint8Array) => {
        let payloads = 0
        for (const payload of fromBinary(TransportMessageSchema, frame).payload) if (payload.length === size) payloads++
        arrivals.add(payloads)
      },
      hand: (frame: Uint8Array) => {
        let payloads = 0
        for (const payload of Result.getOrThrow(TransportCodec.decode(frame)).payloads) {
          if (payload.length === size) payloads++
        }
        arrivals.add(payloads)
      },
      none: (frame: Uint8Array) => arrivals.add(frame.length === size ? 1 : 0)
    }[codec]
    connection.subscribe(channel, { callback: (_, message) => count(message.data) })
    yield* Effect.promise(() => connection.flush())
    return arrivals.handlers
  })
)
