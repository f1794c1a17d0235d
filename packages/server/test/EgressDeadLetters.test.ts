import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import { Transport, TransportError } from "@kps/transport"
import * as TransportTest from "@kps/transport/testing/TransportTest"
import { Effect, Layer, Random } from "effect"
import { TestClock } from "effect/testing"
import { DeadLetterError, Unavailable } from "../src/DeadLetterError.ts"
import * as DeadLetters from "../src/DeadLetters.ts"
import * as RunningStreams from "../src/RunningStreams.ts"
import { pass } from "./sinks.ts"
import { steady } from "./steady.ts"
import {
  alertOf,
  alerts,
  apply,
  bytes,
  channel,
  egress,
  type Fault,
  type Hooks,
  layer,
  Lost,
  Poison,
  publish,
  Refused,
  settle,
  Stale,
  stateOf,
  statsOf,
  statuses,
  text,
  until
} from "./streams.ts"
import * as StoredChannels from "./support/StoredChannels.ts"

type Store = DeadLetters.DeadLetters["Service"]

const refused = new Refused({ message: "nats://u:secret@outside refuses it" })
const texts = (batch: ReadonlyArray<Delivery.Outgoing>) => batch.map(({ payload }) => text(payload))

/** A store whose letters a test sees, and that can be away. */
const watched = () => {
  const letters: Array<DeadLetters.Letter> = []
  const state = { away: false, evicts: 0 }
  const store: Store = {
    ...Effect.runSync(
      Effect.scoped(Effect.map(Layer.build(DeadLetters.layerMemory().pipe(Layer.provide(Transport.layerMemory))), (
        context
      ) => context.mapUnsafe.get(DeadLetters.DeadLetters.key) as Store))
    ),
    add: (added) =>
      Effect.suspend(() => {
        if (state.away) {
          const reason = new Unavailable({ operation: "store", instance: "fake", cause: new Error("away") })
          return Effect.fail(new DeadLetterError({ reason }))
        }
        letters.push(...added)
        return Effect.succeed(state.evicts)
      })
  }
  return { letters, state, store }
}

/** A sink that names what fails, by the text of the payload. */
const naming = (failing: Record<string, Fault>, delivered: Array<string>): Hooks => ({
  egress: () =>
    Effect.succeed(Delivery.sinkPartial<Fault, never>({
      idempotent: false,
      deliver: (batch) =>
        Effect.sync(() => {
          delivered.push(...texts(batch).filter((one) => !Object.hasOwn(failing, one)))
          return Delivery.failed(
            texts(batch).flatMap((one, index) => Object.hasOwn(failing, one) ? [{ index, error: failing[one]! }] : [])
          )
        })
    }))
})

const horizon = (seconds: number, ordering: "strict" | "none" = "strict") => ({
  all: { ordering, horizon: `${seconds} seconds` as const }
})

describe("An item that cannot be delivered", () => {
  it.effect("holds those behind it until its horizon, then is kept with its bytes and its tries, and they flow", () => {
    const delivered: Array<string> = []
    const { letters, store } = watched()
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a", "bad", "b"])
      yield* settle
      yield* publish("ch.1", ["c"])
      yield* pass(9_900)
      assert.deepStrictEqual(delivered, ["a", "b"])
      assert.strictEqual(yield* stateOf("1"), "Retrying")
      assert.deepStrictEqual(letters, [])
      yield* pass(200)

      assert.deepStrictEqual(delivered, ["a", "b", "c"])
      assert.strictEqual(letters.length, 1)
      const { bytes, key: _, ...about } = letters[0]!
      assert.strictEqual(text(bytes), "bad")
      assert.deepStrictEqual(about, {
        instance: "fake",
        stream: "1",
        channel: channel("ch.1"),
        kind: "payload",
        timestampNanos: 1n,
        headers: [],
        tag: "Refused",
        cause: "nats://<redacted>@outside refuses it",
        // at 0, 0.25, 0.75, 1.75, 3.75, 7.75 and 10
        attempts: 7,
        firstTriedMillis: 0,
        lastTriedMillis: 10_000
      })
      assert.deepInclude(yield* statsOf("1"), { received: 4, delivered: 3, failed: 7, dropped: 0, deadLettered: 1 })
      assert.deepStrictEqual(yield* alerts, ["messageDeadLettered of 1 (CRITICAL)"])
      const alert = yield* alertOf("messageDeadLettered", "1")
      assert.strictEqual(alert?.ErrorMessage, "nats://<redacted>@outside refuses it")
      assert.strictEqual(alert?.ExtraMessage["count"], 1)
      assert.deepStrictEqual(yield* statuses, ["1 streamHealthy"])
    }).pipe(
      Effect.provide(layer(naming({ bad: refused }, delivered), { delivery: horizon(10), deadLetters: store })),
      Effect.provideService(Random.Random, steady)
    )
  })

  it.effect("is passed by the others where the stream has no order, and tried as often", () => {
    const delivered: Array<string> = []
    const { letters, store } = watched()
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a", "bad", "b"])
      yield* settle
      yield* publish("ch.1", ["c", "bad"])
      yield* settle
      assert.deepStrictEqual(delivered, ["a", "b", "c"])
      yield* pass(10_100)
      yield* publish("ch.1", ["d"])
      yield* settle

      assert.deepStrictEqual(delivered, ["a", "b", "c", "d"])
      assert.deepStrictEqual(letters.map(({ attempts }) => attempts), [7, 7])
      assert.deepInclude(yield* statsOf("1"), { received: 6, delivered: 4, dropped: 0, deadLettered: 2 })
      assert.deepStrictEqual(yield* statuses, ["1 streamHealthy"])
    }).pipe(
      Effect.provide(layer(naming({ bad: refused }, delivered), { delivery: horizon(10, "none"), deadLetters: store })),
      Effect.provideService(Random.Random, steady)
    )
  })

  it.effect("is tried to the end, though it was passed, when the stream is told to finish", () => {
    const delivered: Array<string> = []
    const { letters, store } = watched()
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["bad", "b"])
      yield* settle
      const streams = yield* RunningStreams.RunningStreams
      const draining = yield* Effect.forkChild(streams.drain({ timeout: "1 hour" }))
      yield* pass(2_600)

      assert.isDefined(draining.pollUnsafe())
      assert.deepStrictEqual(delivered, ["b"])
      assert.deepStrictEqual(letters.map(({ bytes }) => text(bytes)), ["bad"])
    }).pipe(
      Effect.provide(layer(naming({ bad: refused }, delivered), { delivery: horizon(2, "none"), deadLetters: store })),
      Effect.provideService(Random.Random, steady)
    )
  })

  it.effect("is found among those of a batch that fails as a whole, and only it is kept", () => {
    const delivered: Array<string> = []
    const { letters, store } = watched()
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a", "bad", "b"])
      yield* settle
      yield* publish("ch.1", ["c"])
      yield* pass(4_900)
      assert.deepStrictEqual([delivered, letters], [[], []])
      assert.strictEqual(yield* stateOf("1"), "Retrying")
      yield* pass(300)

      assert.deepStrictEqual(delivered, ["a", "b", "c"])
      assert.deepStrictEqual(letters.map(({ bytes }) => text(bytes)), ["bad"])
      assert.deepInclude(yield* statsOf("1"), { received: 4, delivered: 3, dropped: 0, deadLettered: 1 })
      assert.strictEqual(yield* stateOf("1"), "Running")
    }).pipe(
      Effect.provide(layer({
        egress: () =>
          Effect.succeed(Delivery.sink<Fault, never>({
            idempotent: false,
            deliver: (batch) =>
              Effect.suspend(() => {
                if (texts(batch).includes("bad")) return Effect.fail(refused)
                delivered.push(...texts(batch))
                return Effect.void
              })
          }))
      }, { delivery: horizon(5), deadLetters: store })),
      Effect.provideService(Random.Random, steady)
    )
  })

  it.effect("is kept too when the author's code throws on it", () => {
    const delivered: Array<string> = []
    const { letters, store } = watched()
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["bad", "b"])
      yield* pass(5_200)

      assert.deepStrictEqual(delivered, ["b"])
      assert.deepStrictEqual(letters.map(({ tag }) => tag), ["Defect"])
      assert.match(letters[0]!.cause, /^internal error, reference [0-9a-f]{16}$/)
    }).pipe(
      Effect.provide(layer({
        egress: () =>
          Effect.succeed(Delivery.sink<Fault, never>({
            idempotent: false,
            deliver: (batch) =>
              Effect.sync(() => {
                if (texts(batch).includes("bad")) throw new Error("a secret text")
                delivered.push(...texts(batch))
              })
          }))
      }, { delivery: horizon(5), deadLetters: store })),
      Effect.provideService(Random.Random, steady)
    )
  })

  it.effect("is never given up for an outside that is away", () => {
    const delivered: Array<string> = []
    const { letters, store } = watched()
    const failing: Record<string, Fault> = { a: new Lost({ message: "away" }) }
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a", "b"])
      yield* Effect.repeat(Effect.andThen(TestClock.adjust("10 seconds"), settle), { times: 100 })
      delete failing["a"]
      yield* Effect.repeat(Effect.andThen(TestClock.adjust("10 seconds"), settle), { times: 5 })

      assert.deepStrictEqual(letters, [])
      assert.deepStrictEqual(delivered, ["b", "a"])
    }).pipe(
      Effect.provide(layer(naming(failing, delivered), { delivery: horizon(5), deadLetters: store })),
      Effect.provideService(Random.Random, steady)
    )
  })

  it.effect("is dropped, and not kept, where the table says so", () => {
    const delivered: Array<string> = []
    const { letters, store } = watched()
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a", "old", "b"])
      yield* until("the others", () => delivered.length === 2)

      assert.deepStrictEqual(letters, [])
      assert.deepInclude(yield* statsOf("1"), { delivered: 2, dropped: 1, deadLettered: 0 })
      assert.deepStrictEqual(yield* alerts, ["itemDropped of 1 (CRITICAL)"])
    }).pipe(
      Effect.provide(layer(naming({ old: new Stale({ message: "old" }) }, delivered), { deadLetters: store }))
    )
  })

  it.effect("waits with those behind it while it cannot be kept, and an alert says so; nothing is lost", () => {
    const delivered: Array<string> = []
    const { letters, state, store } = watched()
    return Effect.gen(function*() {
      state.away = true
      yield* apply([egress("1")])
      yield* publish("ch.1", ["bad"])
      yield* settle
      yield* publish("ch.1", ["b"])
      yield* pass(5_000)
      assert.deepStrictEqual(delivered, [])
      assert.deepStrictEqual(yield* alerts, ["deadLettersHeld of 1 (CRITICAL)"])
      assert.include(
        (yield* alertOf("deadLettersHeld", "1"))?.ErrorMessage,
        "cannot store dead letters of connector \"fake\": away"
      )
      state.away = false
      state.evicts = 3
      yield* pass(1_100)

      assert.deepStrictEqual(delivered, ["b"])
      assert.deepStrictEqual(letters.map(({ bytes }) => text(bytes)), ["bad"])
      assert.deepStrictEqual(yield* alerts, [
        "deadLettersEvicted of 1 (WARNING)",
        "messageDeadLettered of 1 (CRITICAL)"
      ])
      assert.deepInclude(yield* statsOf("1"), { received: 2, delivered: 1, deadLettered: 1, evicted: 3 })
    }).pipe(
      Effect.provide(layer(naming({ bad: new Poison({ message: "bad" }) }, delivered), { deadLetters: store }))
    )
  })

  it.effect("is counted as dropped when the stream stops while it cannot be kept", () => {
    const { state, store } = watched()
    return Effect.gen(function*() {
      state.away = true
      yield* apply([egress("1")])
      yield* publish("ch.1", ["bad", "b"])
      yield* settle
      const before = yield* statsOf("1")
      yield* apply([])
      yield* apply([egress("1")])

      assert.deepInclude(before, { received: 2, delivered: 1, dropped: 0, deadLettered: 0 })
      assert.deepInclude(yield* statsOf("1"), { received: 2, delivered: 1, dropped: 1, deadLettered: 0 })
    }).pipe(
      Effect.provide(layer(naming({ bad: new Poison({ message: "bad" }) }, []), { deadLetters: store }))
    )
  })
})

describe("A channel that acknowledges", () => {
  for (const ordering of ["strict", "none"] as const) {
    it.effect(`is told of each message when all of it is dealt with: ${ordering}`, () => {
      const delivered: Array<string> = []
      const acked: Array<number> = []
      const { letters, store } = watched()
      const messages = [["a", "bad"], ["b"], ["c"]].map((payloads, i) => ({
        payloads: payloads.map(bytes),
        timestampNanos: BigInt(i)
      }))
      return Effect.gen(function*() {
        yield* apply([egress("1")])
        yield* Transport.Transport.use((transport) => transport.publishAll(channel("ch.1"), messages))
        yield* pass(4_000)
        assert.deepStrictEqual(acked.toSorted((a, b) => a - b), [2, 3])
        yield* pass(3_000)
        assert.deepStrictEqual(acked.toSorted((a, b) => a - b), [1, 2, 3])
        assert.deepStrictEqual([delivered.toSorted(), letters.length], [["a", "b", "c"], 1])
      }).pipe(
        Effect.provide(
          layer(naming({ bad: refused }, delivered), {
            delivery: { all: { ordering, horizon: "5 seconds" } },
            deadLetters: store,
            stored: StoredChannels.layerOf(acked)
          })
        ),
        Effect.provideService(Random.Random, steady)
      )
    })
  }
})

describe("A malformed frame", () => {
  it.effect("is kept with its bytes, counted and alerted, and what is behind it flows though the store is away", () => {
    const delivered: Array<string> = []
    const { letters, state, store } = watched()
    return Effect.gen(function*() {
      const broker = yield* TransportTest.TransportTest
      state.away = true
      yield* apply([egress("1")])
      yield* broker.inject(channel("ch.1"), new Uint8Array([255, 1, 2]))
      yield* broker.inject(channel("ch.1"), new Uint8Array([255, 3]))
      yield* publish("ch.1", ["a"])
      yield* until("what is behind", () => delivered.length === 1)
      yield* settle
      assert.deepInclude(yield* alerts, "deadLettersHeld of 1 (CRITICAL)")
      assert.deepInclude(yield* statsOf("1"), { malformed: 2 })
      state.away = false
      yield* pass(1_100)

      assert.deepStrictEqual(letters.map(({ bytes }) => Array.from(bytes)), [[255, 1, 2], [255, 3]])
      assert.deepStrictEqual(new Set(letters.map(({ key }) => key)).size, 2)
      assert.deepInclude(letters[0], { kind: "frame", tag: "MalformedFrame", attempts: 0, stream: "1" })
      assert.deepStrictEqual(yield* alerts, [
        "malformedFrame of 1 (WARNING)",
        "messageDeadLettered of 1 (CRITICAL)"
      ])
      assert.deepInclude(yield* statsOf("1"), { malformed: 2, received: 1, delivered: 1, deadLettered: 0 })
    }).pipe(Effect.provide(layer(naming({}, delivered), { deadLetters: store })))
  })

  it.effect("that waits for the store when its stream is removed is counted as dropped", () => {
    const { state, store } = watched()
    return Effect.gen(function*() {
      const broker = yield* TransportTest.TransportTest
      state.away = true
      yield* apply([egress("1")])
      for (let i = 0; i < 3; i++) yield* broker.inject(channel("ch.1"), new Uint8Array([255, i]))
      yield* settle
      yield* apply([])

      assert.deepInclude((yield* alertOf("itemDropped", "1"))?.ExtraMessage, { count: 3 })
    }).pipe(Effect.provide(layer(naming({}, []), { deadLetters: store })))
  })

  it.effect("that JetStream stores is acknowledged when its letter is kept, which is the same each time it comes", () => {
    const { letters, state, store } = watched()
    const error = new TransportError.TransportError({
      reason: new TransportError.MalformedFrame({
        channel: channel("ch.1"),
        byteLength: 2,
        cause: new Error("no message")
      })
    })
    let onMalformed: Transport.SubscribeOptions["onMalformed"]
    return Effect.gen(function*() {
      state.away = true
      yield* apply([egress("1")])
      const tell = Effect.suspend(() =>
        onMalformed?.(error, new Uint8Array([255, 1]), { sequence: 7, storedMillis: 1_000 }) ?? Effect.void
      )
      const first = yield* Effect.forkChild(tell)
      yield* pass(500)
      assert.isUndefined(first.pollUnsafe())
      state.away = false
      yield* pass(1_000)
      assert.isDefined(first.pollUnsafe())
      yield* tell

      assert.strictEqual(letters.length, 2)
      assert.strictEqual(letters[0]?.key, letters[1]?.key)
      assert.include(letters[0]?.key, "kps.fake.1")
    }).pipe(
      Effect.provide(layer(naming({}, []), {
        deadLetters: store,
        over: (transport) => ({
          subscription: (channel, options) => {
            onMalformed = options?.onMalformed
            return transport.subscription(channel, options)
          }
        })
      })),
      Effect.provideService(Random.Random, steady)
    )
  })
})
