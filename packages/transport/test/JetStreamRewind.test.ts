import { assert, it } from "@effect/vitest"
import type { ConsumerInfo } from "@nats-io/jetstream"
import { Effect } from "effect"
import * as Counters from "../src/internal/Counters.ts"
import { Consumer } from "../src/internal/jetstream/Consumer.ts"
import * as counters from "../src/internal/jetstream/counters.ts"
import type { Session } from "../src/internal/jetstream/Session.ts"
import { Sessions } from "../src/internal/jetstream/Sessions.ts"
import { channelOf } from "./support.ts"

const delivered = 100_000

/** A broker's word on a consumer that has delivered much, of which the first message is not acknowledged. */
const info = {
  config: { ack_policy: "explicit", ack_wait: 30_000_000_000, max_ack_pending: 1000 },
  ack_floor: { consumer_seq: 0, stream_seq: 0 },
  delivered: { consumer_seq: delivered, stream_seq: delivered },
  num_ack_pending: 1
} as ConsumerInfo

it.effect("asks again for what was delivered by so much at a time, however wide the gap", () =>
  Effect.gen(function*() {
    const asked: Array<string> = []
    const batches: Array<number> = []
    let batch = 0
    const negative = (subject: string) => {
      asked.push(subject)
      batch++
    }
    const session = {
      call: () => Effect.succeed(info),
      onEnd: () => () => undefined,
      publish: (subject: string, body: string) => void (body === "-NAK" && negative(subject)),
      ask: (_channel: string, _operation: string, subject: string) =>
        Effect.sync(() => {
          negative(subject)
          batches.push(batch)
          batch = 0
        }),
      subscribe: () => undefined,
      maxPayloadBytes: 1_048_576
    } as unknown as Session // what a consumer needs of one
    const consumer = new Consumer({
      channel: channelOf("a"),
      wanted: {
        name: "egress",
        use: "consumer",
        ack_wait: 30_000_000_000,
        max_ack_pending: 1000,
        given: {},
        from: undefined
      },
      exclusive: true,
      ackWhenAsked: false,
      keepLeases: true,
      maxBytes: 1_048_576,
      sessions: new Sessions(),
      ensureStream: () =>
        Effect.succeed({
          name: "S",
          created: "",
          firstSequence: 1,
          lastSequence: delivered,
          retention: "limits",
          maxMessageBytes: 100
        }),
      counters: Counters.make(),
      stats: counters.make(),
      now: () => 0,
      onMalformed: undefined,
      onMissed: undefined
    })
    yield* consumer.attach(session)

    assert.isAtMost(Math.max(...batches), 1024)
    assert.strictEqual(batch, 0)
    assert.strictEqual(new Set(asked).size, delivered)
    assert.strictEqual(asked[0], "$JS.ACK.S.egress.1.1.100000.0.0")
  }))
