/** Ingress streams that pack: what is on the channel, and that every count is one of payloads still. */
import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import { Events } from "@kps/events"
import { NatsTransport, Transport, TransportError } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import * as TransportTest from "@kps/transport/testing/TransportTest"
import { Effect, Layer, Option, References, Schema, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as RunningStreams from "../src/RunningStreams.ts"
import type * as StreamPacking from "../src/StreamPacking.ts"
import {
  apply,
  bytes,
  channel,
  collect,
  Fake,
  type Fault,
  type Hooks,
  implementation,
  layer,
  Lost,
  notConnected,
  settle,
  spec,
  stateOf,
  statsOf,
  text,
  turn,
  until
} from "./streams.ts"

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`)
const forever = <A, E>(stream: Stream.Stream<A, E>) => Stream.concat(stream, Stream.never)
const lossy = (stream: Stream.Stream<string, Fault>): Hooks => ({
  ingress: () => Effect.succeed(Delivery.lossy(Stream.map(stream, bytes)))
})
/** Arrays of one, all in the same turn. */
const ones = (all: ReadonlyArray<string>) => Stream.rechunk(Stream.fromArray(all), 1)

const on: StreamPacking.Options = { all: "on" }

const packed = (
  hooks: Hooks,
  options: Parameters<typeof layer>[1] & { readonly packing?: StreamPacking.Options } = {}
) => Effect.provide(layer(hooks, { packing: on, ...options }))

/** Each message on the channel, as the texts of its payloads. */
const messagesOn = Effect.fnUntraced(
  function*(name: string): Effect.fn.Return<
    ReadonlyArray<ReadonlyArray<string>>,
    never,
    Transport.Transport | Scope.Scope
  > {
    const seen: Array<ReadonlyArray<string>> = []
    const messages = yield* Effect.orDie((yield* Transport.Transport).subscription(channel(name)))
    yield* messages.pipe(
      Stream.runForEach(({ payloads }) => Effect.sync(() => seen.push(payloads.map(text)))),
      Effect.orDie,
      Effect.forkScoped
    )
    return seen
  }
)

/** Takes what fits; fails as a broker would whose limit is not the one it told. */
const tooLarge = (over: number) => (transport: Transport.Transport["Service"]) => {
  const refused = (messages: ReadonlyArray<{ readonly payloads: ReadonlyArray<Uint8Array> }>) =>
    messages.some(({ payloads }) => payloads.reduce((sum, { byteLength }) => sum + byteLength, 0) > over)
  const error = new TransportError.TransportError({
    reason: new TransportError.MessageTooLarge({ channel: "ch", byteLength: over + 1, limit: over })
  })
  return {
    publishAll: (...[name, messages, options]: Parameters<typeof transport.publishAll>) =>
      refused(messages) ? Effect.fail(error) : transport.publishAll(name, messages, options),
    publishConfirmed: (...[name, messages, options]: Parameters<typeof transport.publishConfirmed>) =>
      refused(messages) ? Effect.fail(error) : transport.publishConfirmed(name, messages, options)
  }
}

describe("A lossy source of a stream that packs", () => {
  it.effect("is packed by 64 payloads or 16 KiB, in order, and counted in payloads", () =>
    Effect.gen(function*() {
      const seen = yield* messagesOn("ch.1")
      yield* apply([spec("1")])
      yield* until("all", () => seen.flat().length === 5_000)

      assert.deepStrictEqual(seen.flat(), range(0, 5_000))
      assert.isAtMost(Math.max(...seen.map((payloads) => payloads.length)), 64)
      assert.isAtMost(seen.length, 5_000 / 64 + 3)
      assert.deepInclude(yield* statsOf("1"), { received: 5_000, published: 5_000, dropped: 0, uncertain: 0 })
    }).pipe(packed(lossy(forever(Stream.fromArray(range(0, 5_000)))))))

  it.effect("packs by itself what comes one by one, as long as it comes in the same turn", () =>
    Effect.gen(function*() {
      const seen = yield* messagesOn("ch.1")
      yield* apply([spec("1")])
      yield* until("all", () => seen.flat().length === 1_000)

      assert.deepStrictEqual(seen.flat(), range(0, 1_000))
      // the source's fiber gives way to others now and then, and what it gave goes out
      assert.isAtMost(seen.length, 100)
      assert.deepInclude(yield* statsOf("1"), { received: 1_000, published: 1_000 })
    }).pipe(packed(lossy(forever(ones(range(0, 1_000)))))))

  it.effect("holds up nothing that comes alone: it is published in its own turn, and no time passes", () => {
    let given = 0
    return Effect.gen(function*() {
      const seen = yield* messagesOn("ch.1")
      yield* apply([spec("1")])
      yield* until("some", () => seen.length >= 20)

      assert.deepStrictEqual(seen, range(0, seen.length).map((one) => [one]))
      assert.isAtMost(given - seen.length, 2)
    }).pipe(packed(lossy(Stream.fromEffectRepeat(Effect.map(turn, () => `${given++}`)))))
  })

  it.effect("is the choice of each stream", () =>
    Effect.gen(function*() {
      const seen = {
        one: yield* messagesOn("ch.one"),
        two: yield* messagesOn("ch.two"),
        three: yield* messagesOn("ch.three")
      }
      yield* apply([spec("one"), spec("two"), spec("three")])
      yield* until("all", () => Object.values(seen).every((messages) => messages.flat().length === 6))

      assert.deepStrictEqual(seen.one.map(({ length }) => length), [1, 1, 1, 1, 1, 1])
      assert.deepStrictEqual(seen.two.map(({ length }) => length), [6])
      assert.deepStrictEqual(seen.three.map(({ length }) => length), [4, 2])
    }).pipe(packed(lossy(forever(Stream.fromArray(range(0, 6)))), {
      packing: { streams: { two: "on", three: { maxPayloads: 4 } } }
    })))

  it.effect("packs no message that the broker would not take", () => {
    const tries: Array<number> = []
    return Effect.gen(function*() {
      const seen = yield* messagesOn("ch.1")
      yield* apply([spec("1")])
      yield* until("all", () => seen.flat().length === 100)

      assert.isAbove(seen.length, 10)
      assert.deepStrictEqual(tries, [seen.length])
    }).pipe(packed(lossy(forever(Stream.fromArray(range(0, 100)))), {
      over: (transport) => ({
        statusChanges: Stream.concat(
          Stream.succeed(
            { _tag: "Connected", server: "a", since: 0, maxPayloadBytes: 50, dataPath: "memory" } as const
          ),
          Stream.never
        ),
        publishAll: (name, messages, options) => {
          tries.push(messages.length)
          return transport.publishAll(name, messages, options)
        }
      })
    }))
  })

  it.effect("loses of a message that is too large only the payload that is", () => {
    const all = range(100, 400).map((one, i) => i === 70 ? "x".repeat(500) : one)
    return Effect.gen(function*() {
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* until("all", () => seen.length === 299)
      yield* settle

      assert.deepStrictEqual(seen, all.filter((_, i) => i !== 70))
      assert.deepInclude(yield* statsOf("1"), { received: 300, published: 299, dropped: 1 })
    }).pipe(packed(lossy(forever(Stream.fromArray(all))), { over: tooLarge(100) }))
  })

  it.effect("publishes again what was not handed over when the broker went, and counts payloads", () => {
    const handed: Array<ReadonlyArray<number>> = []
    return Effect.gen(function*() {
      yield* Effect.forkScoped(apply([spec("1")]))
      yield* settle
      assert.deepInclude(yield* statsOf("1"), { received: 300, published: 128, uncertain: 64 })
      assert.strictEqual(yield* stateOf("1"), "Retrying")
      yield* TestClock.adjust("10 seconds")
      yield* settle

      assert.deepStrictEqual(handed, [[64, 64, 64, 64, 44], [64, 64, 44]])
      assert.deepInclude(yield* statsOf("1"), { received: 300, published: 300, dropped: 0, uncertain: 64 })
    }).pipe(packed(lossy(forever(Stream.fromArray(range(0, 300)))), {
      over: () => ({
        publishAll: (_, messages, options) => {
          handed.push(messages.map(({ payloads }) => payloads.length))
          if (handed.length > 1) return Effect.void
          options?.onUncertain?.(1, 64)
          return Effect.fail(notConnected(2))
        }
      })
    }))
  })

  it.effect("is not read while the broker is away, and loses and repeats nothing", () => {
    let read = 0
    return Effect.gen(function*() {
      const broker = yield* TransportTest.TransportTest
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* until("some", () => seen.length > 10)
      yield* broker.disconnect
      yield* settle
      const then = read
      yield* settle
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(read, then)

      yield* broker.reconnect
      yield* until("more", () => seen.length > then + 10)
      assert.deepStrictEqual(seen, range(0, seen.length))
    }).pipe(packed(lossy(Stream.fromEffectRepeat(Effect.map(Effect.yieldNow, () => `${read++}`)))))
  })

  it.effect("has all published that it gave before it failed", () =>
    Effect.gen(function*() {
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* settle

      assert.deepStrictEqual(seen, range(0, 10))
      assert.strictEqual(yield* stateOf("1"), "Retrying")
      assert.deepInclude(yield* statsOf("1"), { received: 10, published: 10, dropped: 0 })
    }).pipe(packed(lossy(Stream.concat(ones(range(0, 10)), Stream.fail(new Lost({ message: "gone" })))))))

  it.effect("has all published that it held when it was drained", () =>
    Effect.gen(function*() {
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* settle
      yield* RunningStreams.RunningStreams.use((streams) => streams.drain({ timeout: "1 hour" }))
      yield* settle

      const { dropped, published, received } = yield* statsOf("1")
      assert.deepStrictEqual([seen.length, published, dropped], [received, received, 0])
    }).pipe(packed(lossy(Stream.fromEffectRepeat(Effect.map(Effect.yieldNow, () => "x"))))))

  it.effect("counts what was in hand when it was stopped as dropped", () =>
    Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* settle
      const [running] = yield* RunningStreams.RunningStreams.use((streams) => streams.readings)
      yield* apply([])
      const [stopped] = yield* RunningStreams.RunningStreams.use((streams) => streams.readings)

      assert.strictEqual(running?.inFlight, running?.stats.received)
      assert.isAbove(running!.stats.received, 64)
      assert.deepInclude(stopped?.stats, { published: 0, dropped: stopped!.stats.received })
    }).pipe(
      packed(lossy(forever(Stream.fromArray(range(0, 1_000)))), { over: () => ({ publishAll: () => Effect.never }) })
    ))
})

/** An acknowledged source of these arrays that notes what becomes of them. */
const acknowledged = (arrays: ReadonlyArray<ReadonlyArray<string>>, log: Array<string>): Hooks => ({
  ingress: () =>
    Effect.succeed(Delivery.acknowledged(forever(
      Stream.map(Stream.fromIterable(arrays), (array) => {
        const [first, ...others] = array.map(bytes)
        const note = (what: string) => Effect.sync(() => void log.push(`${what} ${array[0]!.slice(0, 4)}`))
        return { payloads: [first!, ...others] as const, ack: note("ack"), nack: note("nack") }
      })
    )))
})

const tens = (count: number) => Array.from({ length: count }, (_, i) => range(1_000 + 10 * i, 1_010 + 10 * i))
const firsts = (what: string, arrays: ReadonlyArray<ReadonlyArray<string>>) =>
  arrays.map((array) => `${what} ${array[0]!}`)

describe("An acknowledged source of a stream that packs", () => {
  it.effect("is packed over its arrays, and acknowledged array by array when the broker has them", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const seen = yield* messagesOn("ch.1")
      yield* apply([spec("1")])
      yield* until("all", () => log.length === 50)

      assert.deepStrictEqual(seen.flat(), tens(50).flat())
      assert.isAtMost(seen.length, 500 / 64 + 3)
      assert.deepStrictEqual(log, firsts("ack", tens(50)))
      assert.deepInclude(yield* statsOf("1"), { received: 500, published: 500, dropped: 0 })
    }).pipe(packed(acknowledged(tens(50), log)))
  })

  it.effect("is published again when the broker went before it had all, and acknowledged once", () => {
    const log: Array<string> = []
    const handed: Array<number> = []
    return Effect.gen(function*() {
      yield* Effect.forkScoped(apply([spec("1")]))
      yield* settle
      assert.deepStrictEqual(log, [])
      assert.deepInclude(yield* statsOf("1"), { received: 100, published: 64, uncertain: 64 })
      yield* TestClock.adjust("10 seconds")
      yield* settle

      assert.deepStrictEqual(handed, [2, 2])
      assert.deepStrictEqual(log, firsts("ack", tens(10)))
      // the 64 again, and the rest
      assert.deepInclude(yield* statsOf("1"), { received: 100, published: 164, dropped: 0, uncertain: 64 })
    }).pipe(packed(acknowledged(tens(10), log), {
      over: () => ({
        publishConfirmed: (_, messages, options) => {
          handed.push(messages.length)
          if (handed.length > 1) return Effect.void
          options?.onUncertain?.(1, 64)
          return Effect.fail(notConnected(1))
        }
      })
    }))
  })

  it.effect("gives back the array of a payload that is too large, and no other", () => {
    const log: Array<string> = []
    const arrays = tens(20).map((array, i) => i === 7 ? array.with(3, "x".repeat(500)) : array)
    return Effect.gen(function*() {
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* until("all", () => log.length === 20)

      assert.deepStrictEqual(seen, arrays.flat().filter(({ length }) => length < 100))
      assert.deepStrictEqual(log, firsts("ack", arrays).with(7, "nack 1070"))
      assert.deepInclude(yield* statsOf("1"), { received: 200, published: 199, dropped: 1 })
    }).pipe(packed(acknowledged(arrays, log), { over: tooLarge(100) }))
  })

  it.effect("counts a payload that was given up once, also when the stream is stopped behind it", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      yield* Effect.forkScoped(apply([spec("1")]))
      yield* settle
      yield* apply([])
      const [stopped] = yield* RunningStreams.RunningStreams.use((streams) => streams.readings)

      assert.deepStrictEqual(log, ["nack xxxx"])
      assert.deepInclude(stopped?.stats, { received: 10, published: 0, dropped: 10 })
    }).pipe(packed(acknowledged([["x".repeat(500), ...range(1, 10)]], log), {
      over: (transport) => ({
        publishConfirmed: (name, messages, options) =>
          messages[0]!.payloads[0]!.byteLength < 100
            ? Effect.never
            : tooLarge(100)(transport).publishConfirmed(name, messages, options)
      })
    }))
  })

  it.effect("counts as dropped what was never handed over when it was stopped, and gives all of it back", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      yield* Effect.forkScoped(apply([spec("1")]))
      yield* settle
      const [running] = yield* RunningStreams.RunningStreams.use((streams) => streams.readings)
      yield* apply([])
      const [stopped] = yield* RunningStreams.RunningStreams.use((streams) => streams.readings)

      assert.deepStrictEqual(log, firsts("nack", tens(10)))
      assert.strictEqual(running?.inFlight, 100)
      assert.deepInclude(stopped?.stats, { received: 100, published: 64, dropped: 36 })
    }).pipe(packed(acknowledged(tens(10), log), {
      over: () => ({ publishConfirmed: () => Effect.fail(notConnected(1)) })
    }))
  })
})

describe("A resumable source of a stream that packs", () => {
  it.effect("is gone on with after what the broker has", () => {
    const from: Array<number> = []
    return Effect.gen(function*() {
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* settle
      yield* TestClock.adjust("10 seconds")
      yield* until("all", () => seen.length === 300)

      assert.deepStrictEqual(from, [0, 200])
      assert.deepStrictEqual(seen, range(0, 300))
    }).pipe(packed({
      ingress: () =>
        Effect.succeed(Delivery.resumable({
          position: Schema.Int,
          from: (at) => {
            const start = Option.getOrElse(at, () => 0)
            from.push(start)
            const rest = Stream.map(Stream.fromIterable(range(start, start === 0 ? 200 : 300)), (one) => ({
              payloads: [bytes(one)] as const,
              position: Number(one) + 1
            }))
            return start === 0 ? Stream.concat(rest, Stream.fail(new Lost({ message: "gone" }))) : forever(rest)
          }
        }))
    }))
  })
})

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("Packed streams on NATS"), () => {
  it.live("bracket what arrived through a killed broker: published less uncertain, and published", () => {
    const hooks: Hooks = {
      ingress: () =>
        Effect.succeed(
          Delivery.lossy(Stream.flatMap(Stream.fromEffectRepeat(Effect.sleep("1 millis")), () =>
            Stream.fromArray(range(0, 100).map(bytes))))
        )
    }
    return Effect.gen(function*() {
      const server = yield* NatsServer.make()
      yield* Effect.gen(function*() {
        const arrived = yield* collect("ch.1")
        yield* apply([spec("1")], "5 seconds")
        const published = Effect.map(statsOf("1"), (stats) => stats.published)
        const reach = (count: number) =>
          published.pipe(
            Effect.flatMap((now) =>
              now >= count ? Effect.void : Effect.andThen(Effect.sleep("5 millis"), Effect.fail("not yet"))
            ),
            Effect.eventually,
            Effect.timeout("15 seconds")
          )
        yield* reach(2_000)
        // what is published from here on is not confirmed
        yield* server.kill("SIGSTOP")
        yield* reach((yield* published) + 5_000)
        yield* server.kill()
        yield* server.restart
        yield* reach((yield* published) + 2_000)
        yield* apply([], "5 seconds")
        yield* Transport.Transport.use((transport) => transport.flush)
        yield* Effect.sleep("100 millis")
        const [now] = yield* RunningStreams.RunningStreams.use((streams) => streams.readings)
        const { dropped, published: all, received, uncertain } = now!.stats

        assert.isAtLeast(uncertain, 1_000)
        assert.isAtMost(arrived.length, all)
        assert.isAtLeast(arrived.length, all - uncertain)
        assert.strictEqual(received, all + dropped)
      }).pipe(
        Effect.provide(
          RunningStreams.layer(Fake, { connectorId: "c-1", packing: on }).pipe(
            Layer.provide(implementation(hooks)),
            Layer.provideMerge([NatsTransport.layer({ servers: [server.url] }), Events.layer]),
            Layer.provide(Layer.succeed(References.MinimumLogLevel, "None"))
          )
        )
      )
    })
  })
})
