import { assert, it } from "@effect/vitest"
import { TransportCodec } from "@kps/idl"
import type { ConsumerInfo } from "@nats-io/jetstream"
import { Effect, Stream } from "effect"
import * as Counters from "../src/internal/Counters.ts"
import { Consumer } from "../src/internal/jetstream/Consumer.ts"
import * as counters from "../src/internal/jetstream/counters.ts"
import type { Session } from "../src/internal/jetstream/Session.ts"
import { Sessions } from "../src/internal/jetstream/Sessions.ts"
import type { Delivery } from "../src/JetStream.ts"
import { channelOf } from "./support.ts"

const chunkBytes = 65_536

const info = {
  config: { ack_policy: "explicit", ack_wait: 30_000_000_000, max_ack_pending: 1000 },
  ack_floor: { consumer_seq: 0, stream_seq: 0 },
  delivered: { consumer_seq: 0, stream_seq: 0 },
  num_ack_pending: 0
} as ConsumerInfo

/** A consumer that is attached, and what brings it a message: alone in a chunk of a socket, beside what others had in it. */
const consuming = Effect.gen(function*() {
  let headed: Parameters<Session["subscribe"]>[2] | undefined
  const session = {
    call: () => Effect.succeed(info),
    onEnd: () => () => undefined,
    publish: () => true,
    acknowledge: () => true,
    roundTrip: () => undefined,
    subscribe: (...[, , onHeaded]: Parameters<Session["subscribe"]>) => {
      headed = onHeaded
      return { unsubscribe: () => undefined }
    },
    maxPayloadBytes: 1_048_576
  } as unknown as Session // what a consumer needs of one
  const consumer = new Consumer({
    channel: channelOf("a"),
    wanted: { name: "egress", use: "consumer", ack_wait: 3e10, max_ack_pending: 1000, given: {}, from: undefined },
    exclusive: false,
    ackWhenAsked: false,
    keepLeases: true,
    maxBytes: 1_048_576,
    sessions: new Sessions(),
    ensureStream: () =>
      Effect.succeed({
        name: "S",
        created: "",
        firstSequence: 1,
        lastSequence: 1,
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
  let sequence = 0
  const bring = (payloadBytes: number) => {
    sequence++
    const reply = Buffer.from(`$JS.ACK.S.egress.1.${sequence}.${sequence}.0.0`)
    const headers = Buffer.from(`NATS/1.0\r\nNats-Msg-Id: n${sequence}\r\n\r\n`)
    const frame = TransportCodec.encode(1n, [new Uint8Array(payloadBytes).fill(sequence)])
    const chunk = new Uint8Array(chunkBytes)
    const body = reply.length + headers.length
    chunk.set(reply)
    chunk.set(headers, reply.length)
    chunk.set(frame, body)
    headed?.(chunk, 0, reply.length, reply.length, body, body + frame.length)
  }
  return { consumer, bring }
})

const pinned = (deliveries: ReadonlyArray<Delivery>) =>
  [...new Set(deliveries.map(({ frame }) => frame.buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0)

it.effect("holds no more memory for messages than about what they have, however they came", () =>
  Effect.gen(function*() {
    const { bring, consumer } = yield* consuming
    const held: Array<Delivery> = []
    const read = consumer.shelf.stream.pipe(
      Stream.runForEachArray((deliveries) => Effect.sync(() => held.push(...deliveries)))
    )
    yield* Effect.forkChild(read, { startImmediately: true })
    for (let i = 0; i < 200; i++) bring(100)
    yield* Effect.promise(() => Promise.resolve())
    const bytes = pinned(held)

    assert.strictEqual(held.length, 200)
    assert.isAtMost(bytes, 1_048_576 + 3 * chunkBytes)
    assert.deepStrictEqual(held.map(({ payloads }) => payloads[0]?.[0]), Array.from({ length: 200 }, (_, i) => i + 1))
    assert.deepStrictEqual(held.map(({ id }) => id), Array.from({ length: 200 }, (_, i) => `n${i + 1}`))
    // what is acknowledged is let go of: chunks may be kept again
    consumer.ack(held.splice(0))
    for (let i = 0; i < 10; i++) bring(100)
    yield* Effect.promise(() => Promise.resolve())

    assert.strictEqual(pinned(held), 10 * chunkBytes)
  }))
