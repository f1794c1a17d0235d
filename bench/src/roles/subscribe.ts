/** Our subscriber: `Transport.subscription`, read array by array. */
import { Channel } from "@kps/transport"
import { Effect, Schema, Stream } from "effect"
import * as Arrivals from "../engine/Arrivals.ts"
import * as Connection from "../engine/Connection.ts"
import * as Role from "../engine/Role.ts"

const Parameters = Schema.Struct({ url: Schema.String, channel: Channel.ChannelName, size: Schema.Int })

Role.main(
  Parameters,
  Effect.fnUntraced(function*({ channel, size, url }) {
    const transport = yield* Connection.open(url)
    const messages = yield* transport.subscription(channel)
    const arrivals = Arrivals.make()
    yield* messages.pipe(
      Stream.runForEachArray((batch) =>
        Effect.sync(() => {
          let payloads = 0
          for (const message of batch) {
            for (const payload of message.payloads) if (payload.length === size) payloads++
          }
          arrivals.add(payloads)
        })
      ),
      Effect.forkScoped
    )
    return arrivals.handlers
  })
)
