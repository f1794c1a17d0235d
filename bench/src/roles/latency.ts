/** Our subscriber, which looks at the clock for each payload that its handler is given. */
import { Channel } from "@kps/transport"
import { Effect, Schema, Stream } from "effect"
import * as Connection from "../engine/Connection.ts"
import * as Role from "../engine/Role.ts"
import * as Statistics from "../engine/Statistics.ts"

const Parameters = Schema.Struct({ url: Schema.String, channel: Channel.ChannelName, size: Schema.Int })

// without all of them after so long, the rest is lost
const patienceMillis = 1500

Role.main(
  Parameters,
  Effect.fnUntraced(function*({ channel, size, url }) {
    const transport = yield* Connection.open(url)
    const messages = yield* transport.subscription(channel)
    const latencies = new Float64Array(1_000_000)
    let received = 0
    yield* messages.pipe(
      Stream.runForEachArray((batch) =>
        Effect.sync(() => {
          for (const { payloads } of batch) {
            for (const payload of payloads) {
              if (payload.length !== size) continue
              const stamp = new DataView(payload.buffer, payload.byteOffset).getFloat64(0)
              latencies[received++] = (Role.monotonicNanos() - stamp) / 1000
            }
          }
        })
      ),
      Effect.forkScoped
    )
    return {
      begin: () =>
        Effect.sync(() => {
          received = 0
          return {}
        }),
      await: ({ count = 0 }) =>
        Effect.gen(function*() {
          const isComplete = () => received >= count
          for (let waited = 0; waited < patienceMillis && !isComplete(); waited += 5) yield* Effect.sleep(5)
          const all = latencies.subarray(0, received)
          return { received, p50: Statistics.quantile(all, 0.5), p99: Statistics.quantile(all, 0.99) }
        })
    }
  })
)
