import { assert, type Vitest } from "@effect/vitest"
import { type Channel, Channel as Channels, Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Deferred, Effect, Fiber, Schema, Stream } from "effect"
import * as Peer from "./Peer.ts"
import { subscriber } from "./Subscriber.ts"
import * as Tally from "./Tally.ts"

const { Transport: Service } = Transport

/** Larger than any message here: the platform's broker takes more than the 1 MiB of NATS's default too. */
export const brokerConfig = "max_payload: 8MB"

const mebibyte = 1_048_576
const many = 100_000
const sizes = [0, 1, mebibyte]
const timestamps = [
  0n,
  1n,
  -1n,
  1_622_032_215_123_456_789n,
  2n ** 53n + 1n,
  -(2n ** 53n) - 1n,
  2n ** 63n - 1n,
  -(2n ** 63n)
]

const ReceivedMessages = Schema.Struct({
  ...Tally.Report.fields,
  malformed: Schema.Int,
  messages: Schema.Array(Schema.Struct({ timestamp: Schema.String, payloads: Schema.Int }))
})

/** Everything that comes on a channel while the publisher runs, array by array, and what the publisher reports. */
const whilePublishing = Effect.fnUntraced(function*(
  channel: Channels.ChannelName,
  args: ReadonlyArray<string>,
  onMessages: (messages: ReadonlyArray<Channel.Message>) => void
) {
  const transport = yield* Service
  const { url } = yield* NatsServer.NatsServer
  const allPublished = yield* Deferred.make<void>()
  const messages = yield* transport.subscription(channel, { drainWhen: Deferred.await(allPublished) })
  const reading = yield* messages.pipe(
    Stream.runForEachArray((array) => Effect.sync(() => onMessages(array))),
    Effect.forkChild({ startImmediately: true })
  )
  const peer = yield* Peer.Peer
  const publisher = yield* peer.start(["publish", "-channel", channel, ...args], url)
  const published = yield* publisher.next("published", Tally.Report)
  yield* Deferred.succeed(allPublished, undefined)
  yield* Fiber.join(reading)
  return published
})

/** Registers what goes over the channels, in both directions. */
export const suite = (it: Vitest.MethodsNonLive<Peer.Peer | Transport.Transport | NatsServer.NatsServer>): void => {
  it.effect("receives payloads of 0 bytes, 1 byte and 1 MiB from the Go SDK, stamped with its time", () =>
    Effect.gen(function*() {
      const before = BigInt(Date.now()) * 1_000_000n
      const messages: Array<Channel.Message> = []
      const tally = Tally.make()
      const published = yield* whilePublishing(
        Channels.ChannelName.make("go.sizes"),
        ["-client", "sdk", "-count", "6", "-sizes", sizes.join(",")],
        (array) => {
          for (const message of array) {
            messages.push(message)
            for (const payload of message.payloads) tally.add(payload)
          }
        }
      )
      const after = BigInt(Date.now() + 1) * 1_000_000n

      assert.deepStrictEqual(published, Tally.reportOf(6, sizes))
      assert.deepStrictEqual(tally.report(), published)
      assert.deepStrictEqual(messages.map(({ payloads }) => payloads.length), [1, 1, 1, 1, 1, 1])
      for (const { timestampNanos } of messages) {
        assert.isTrue(before <= timestampNanos && timestampNanos <= after, `stamped ${timestampNanos}`)
      }
    }))

  it.effect("receives messages of 500 payloads, their timestamps bit for bit", () =>
    Effect.gen(function*() {
      const messages: Array<readonly [bigint, number]> = []
      const tally = Tally.make()
      const count = timestamps.length
      const published = yield* whilePublishing(
        Channels.ChannelName.make("go.packed"),
        [
          ["-client", "raw", "-count", `${count}`, "-payloads", "500"],
          ["-sizes", "16,0,300", "-timestamps", timestamps.join(",")]
        ].flat(),
        (array) => {
          for (const { payloads, timestampNanos } of array) {
            messages.push([timestampNanos, payloads.length])
            for (const payload of payloads) tally.add(payload)
          }
        }
      )

      assert.deepStrictEqual(messages, timestamps.map((timestamp) => [timestamp, 500] as const))
      assert.deepStrictEqual(tally.report(), published)
      assert.strictEqual(published.payloads, count * 500)
    }))

  it.effect("receives messages without payloads", () =>
    Effect.gen(function*() {
      const messages: Array<Channel.Message> = []
      yield* whilePublishing(
        Channels.ChannelName.make("go.none"),
        ["-client", "raw", "-count", "2", "-payloads", "0", "-timestamps", "7,0"],
        (array) => {
          messages.push(...array)
        }
      )

      assert.deepStrictEqual(
        messages.map(({ payloads, timestampNanos }) => ({ payloads: [...payloads], timestampNanos })),
        [{ payloads: [], timestampNanos: 7n }, { payloads: [], timestampNanos: 0n }]
      )
    }))

  it.effect(`receives ${many} messages of the Go SDK, every one and in order`, () =>
    Effect.gen(function*() {
      const transport = yield* Service
      const tally = Tally.make()
      let backwards = 0
      let last = 0n
      const published = yield* whilePublishing(
        Channels.ChannelName.make("go.many"),
        ["-client", "sdk", "-count", `${many}`, "-sizes", "16"],
        (array) => {
          for (const { payloads, timestampNanos } of array) {
            if (timestampNanos < last) backwards++
            last = timestampNanos
            for (const payload of payloads) tally.add(payload)
          }
        }
      )
      const { dropped, malformed } = yield* transport.stats

      assert.deepStrictEqual(published, Tally.reportOf(many, [16]))
      assert.deepStrictEqual(tally.report(), published)
      assert.strictEqual(backwards, 0)
      assert.deepStrictEqual({ dropped, malformed }, { dropped: 0, malformed: 0 })
    }))

  it.effect("sends payloads of 0 bytes, 1 byte and 1 MiB to the Go SDK", () =>
    Effect.gen(function*() {
      const transport = yield* Service
      const channel = Channels.ChannelName.make("ours.sizes")
      const received = yield* subscriber(channel, "sdk")
      for (let i = 0; i < 6; i++) {
        yield* transport.publish(channel, {
          payloads: [Tally.payload(i, sizes[i % sizes.length]!)],
          timestampNanos: BigInt(i)
        })
      }
      yield* transport.flush
      yield* received.came(6)
      yield* received.endInput

      assert.deepStrictEqual(yield* received.next("received", Tally.Report), Tally.reportOf(6, sizes))
    }))

  it.effect("sends messages of 500 payloads, their timestamps bit for bit", () =>
    Effect.gen(function*() {
      const transport = yield* Service
      const channel = Channels.ChannelName.make("ours.packed")
      const packed = [16, 0, 300]
      const received = yield* subscriber(channel, "raw")
      yield* transport.publishAll(
        channel,
        timestamps.map((timestampNanos, message) => ({
          timestampNanos,
          payloads: Array.from({ length: 500 }, (_, i) => {
            const number = message * 500 + i
            return Tally.payload(number, packed[number % packed.length]!)
          })
        }))
      )
      yield* transport.flush
      yield* received.came(timestamps.length * 500)
      yield* received.endInput
      const { malformed, messages, ...report } = yield* received.next("received", ReceivedMessages)

      assert.deepStrictEqual(report, Tally.reportOf(timestamps.length * 500, packed))
      assert.deepStrictEqual(messages, timestamps.map((timestamp) => ({ timestamp: `${timestamp}`, payloads: 500 })))
      assert.strictEqual(malformed, 0)
    }))

  it.effect(`sends ${many} messages to the Go SDK, every one and in order`, () =>
    Effect.gen(function*() {
      const transport = yield* Service
      const channel = Channels.ChannelName.make("ours.many")
      const received = yield* subscriber(channel, "sdk")
      const batch = 1_000
      for (let sent = 0; sent < many; sent += batch) {
        yield* transport.publishAll(
          channel,
          Array.from({ length: batch }, (_, i) => ({
            timestampNanos: BigInt(sent + i),
            payloads: [Tally.payload(sent + i, 16)]
          }))
        )
        // the SDK drops what comes while 65,536 messages wait for its callback: it is never that far behind
        if (sent > 0 && sent % 20_000 === 0) yield* received.came(sent - 20_000)
      }
      yield* transport.flush
      yield* received.came(many)
      yield* received.endInput

      assert.deepStrictEqual(yield* received.next("received", Tally.Report), Tally.reportOf(many, [16]))
    }))

  it.effect("finds that this version of the Go SDK reads the first payload of a message, and no other", () =>
    Effect.gen(function*() {
      const transport = yield* Service
      const channel = Channels.ChannelName.make("ours.first")
      const received = yield* subscriber(channel, "sdk")
      yield* transport.publishAll(
        channel,
        [0, 1, 2].map((number) => ({
          timestampNanos: 1n,
          payloads: [Tally.payload(number, 16), Tally.payload(1_000, 16), Tally.payload(1_001, 16)]
        }))
      )
      yield* transport.flush
      yield* received.came(3)
      yield* received.endInput

      assert.deepStrictEqual(yield* received.next("received", Tally.Report), Tally.reportOf(3, [16]))
    }))

  it.effect("finds that a message without payloads ends a process of this version of the Go SDK", () =>
    Effect.gen(function*() {
      const transport = yield* Service
      const channel = Channels.ChannelName.make("ours.none")
      const received = yield* subscriber(channel, "sdk")
      yield* transport.publish(channel, { timestampNanos: 1n, payloads: [] })
      const { status, stderr } = yield* received.ended

      assert.strictEqual(status, 2)
      assert.match(stderr, /panic: runtime error: index out of range \[0\] with length 0/)
    }))
}
