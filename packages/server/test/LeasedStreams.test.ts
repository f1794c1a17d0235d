import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import type { JetStream, Transport } from "@kps/transport"
import { Deferred, Effect, Layer, Queue, Stream } from "effect"
import { Lease } from "../src/Lease.ts"
import * as RunningStreams from "../src/RunningStreams.ts"
import {
  apply,
  bytes,
  collect,
  egress,
  type Hooks,
  layer,
  publish,
  settle,
  spec,
  stateOf,
  statuses,
  text,
  until
} from "./streams.ts"
import * as StoredChannels from "./support/StoredChannels.ts"

/** A lease in the hands of the test: given, doubtful (as after a pause of the process), lost. */
class Hand {
  private held = false
  private gone = Deferred.makeUnsafe<void>()
  private readonly waiting: Array<() => void> = []
  tokens = 0
  released = 0

  readonly layer = Layer.succeed(
    Lease,
    Lease.of({
      acquire: (name, { onWaiting = Effect.void } = {}) =>
        Effect.acquireRelease(
          Effect.gen({ self: this }, function*() {
            yield* onWaiting
            yield* Effect.callback<void>((resume) => void this.waiting.push(() => resume(Effect.void)))
            const gone = this.gone
            return { name, token: ++this.tokens, isHeld: () => this.held, lost: Deferred.await(gone) }
          }),
          () => Effect.sync(() => this.released++),
          { interruptible: true }
        ),
      verify: () => Effect.void,
      holder: () => Effect.succeedNone
    })
  )

  /** To who waits for it by now. */
  readonly give = Effect.andThen(
    settle,
    Effect.sync(() => {
      this.held = true
      this.waiting.shift()?.()
    })
  )

  readonly doubt = Effect.sync(() => {
    this.held = false
  })

  readonly lose = Effect.suspend(() => {
    this.held = false
    const before = this.gone
    this.gone = Deferred.makeUnsafe()
    return Deferred.succeed(before, undefined)
  })
}

const leased = (
  hooks: Hooks,
  hand: Hand,
  options: Parameters<typeof layer>[1] = {},
  over?: Layer.Layer<JetStream.JetStream, never, Transport.Transport>
) => layer(hooks, { ...options, stored: over }).pipe(Layer.provide(hand.layer))

/** Channels are in JetStream. */
const stored = StoredChannels.layer

/** A source of what the test puts into it. */
const fed = Effect.map(Queue.unbounded<string>(), (queue) => ({
  feed: (...texts: ReadonlyArray<string>) => Queue.offerAll(queue, texts),
  lossy: { ingress: () => Effect.succeed(Delivery.lossy(Stream.map(Stream.fromQueue(queue), bytes))) } satisfies Hooks,
  acknowledged: (acks: Array<string>): Hooks => ({
    ingress: () =>
      Effect.succeed(Delivery.acknowledged(Stream.map(Stream.fromQueue(queue), (one) => ({
        payloads: [bytes(one)] as const,
        ack: Effect.sync(() => acks.push(one))
      }))))
  })
}))

describe("A stream that runs by a lease", () => {
  it.effect("stands by without it, runs with it, and stands by again when it is lost", () =>
    Effect.gen(function*() {
      const hand = new Hand()
      const { feed, lossy } = yield* fed
      yield* Effect.gen(function*() {
        const seen = yield* collect("ch.1")
        const [outcome] = yield* apply([spec("1")])
        assert.strictEqual(outcome?._tag, "Standby")
        assert.strictEqual(yield* stateOf("1"), "Standby")
        yield* feed("a")
        yield* settle
        assert.deepStrictEqual(seen, [])

        yield* hand.give
        yield* until("a", () => seen.length === 1)
        assert.strictEqual(yield* stateOf("1"), "Running")
        assert.deepStrictEqual(yield* statuses, ["1 streamHealthy"])

        yield* hand.lose
        yield* settle
        assert.strictEqual(yield* stateOf("1"), "Standby")
        yield* feed("b")
        yield* settle
        assert.deepStrictEqual(seen, ["a"])

        yield* hand.give
        yield* until("b", () => seen.length === 2)
        assert.strictEqual(hand.tokens, 2)
      }).pipe(Effect.scoped, Effect.provide(leased(lossy, hand)))
      assert.strictEqual(hand.released, 2)
    }))

  for (const kind of ["lossy", "acknowledged"] as const) {
    it.effect(`publishes nothing when it may be lost, before that is known: ${kind}`, () =>
      Effect.gen(function*() {
        const hand = new Hand()
        const acks: Array<string> = []
        const source = yield* fed
        yield* Effect.gen(function*() {
          const seen = yield* collect("ch.1")
          yield* apply([spec("1")])
          yield* hand.give
          yield* source.feed("a")
          yield* until("a", () => seen.length === 1)
          yield* hand.doubt
          yield* source.feed("b")
          yield* settle

          assert.deepStrictEqual(seen, ["a"])
          yield* hand.lose
          yield* settle
          assert.deepStrictEqual(seen, ["a"])
          assert.strictEqual(yield* stateOf("1"), "Standby")
          if (kind === "acknowledged") assert.deepStrictEqual(acks, ["a"])
        }).pipe(
          Effect.scoped,
          Effect.provide(leased(kind === "lossy" ? source.lossy : source.acknowledged(acks), hand))
        )
      }))
  }

  it.effect("delivers nothing when it may be lost, before that is known", () => {
    const hand = new Hand()
    const delivered: Array<string> = []
    const hooks: Hooks = {
      egress: () =>
        Effect.succeed(Delivery.sink({
          idempotent: true,
          deliver: (batch) => Effect.sync(() => delivered.push(...batch.map(({ payload }) => text(payload))))
        }))
    }
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      assert.strictEqual(yield* stateOf("1"), "Standby")
      yield* hand.give
      yield* settle
      yield* publish("ch.1", ["a"])
      yield* until("a", () => delivered.length === 1)
      yield* hand.doubt
      yield* publish("ch.1", ["b"])
      yield* settle
      assert.deepStrictEqual(delivered, ["a"])
      yield* hand.lose
      yield* settle
      assert.strictEqual(yield* stateOf("1"), "Standby")
    }).pipe(Effect.provide(leased(hooks, hand, {}, stored)))
  })

  it.effect("needs one as an egress stream of a channel in JetStream, with strict order, and not otherwise", () => {
    const both = { all: { ordering: "strict" }, streams: { 2: { ordering: "none" } } } as const
    const states = Effect.gen(function*() {
      yield* apply([egress("1"), egress("2")])
      return [yield* stateOf("1"), yield* stateOf("2")]
    })
    return Effect.gen(function*() {
      const inJetStream = yield* Effect.provide(states, leased({}, new Hand(), { delivery: both }, stored))
      const inCore = yield* Effect.provide(states, leased({}, new Hand(), { delivery: both }))

      assert.deepStrictEqual([inJetStream, inCore], [["Standby", "Running"], ["Running", "Running"]])
    })
  })

  it.effect("ends at once when it is removed or drained while it stands by, and holds nothing then", () => {
    const hand = new Hand()
    return Effect.gen(function*() {
      const streams = yield* RunningStreams.RunningStreams
      yield* apply([spec("1"), spec("2")])
      yield* apply([spec("2")])
      assert.strictEqual(yield* stateOf("1"), undefined)
      yield* streams.drain({ timeout: "1 hour" })
      yield* hand.give
      yield* settle
      assert.deepStrictEqual([hand.tokens, hand.released], [0, 0])
    }).pipe(Effect.provide(leased({}, hand)))
  })

  it.effect("ends when it loses it while it drains, and does not begin again", () =>
    Effect.gen(function*() {
      const hand = new Hand()
      const held = Deferred.makeUnsafe<void>()
      const { feed, lossy } = yield* fed
      let published = 0
      const slow = {
        over: () => ({
          publishAll: () =>
            Effect.andThen(
              Effect.sync(() => {
                published++
              }),
              Deferred.await(held)
            )
        })
      }
      yield* Effect.gen(function*() {
        const streams = yield* RunningStreams.RunningStreams
        yield* apply([spec("1")])
        yield* hand.give
        yield* settle
        yield* feed("a")
        yield* until("a on its way", () => published === 1)
        const draining = yield* Effect.forkChild(streams.drain({ timeout: "1 hour" }))
        yield* settle
        yield* hand.lose
        yield* hand.give
        yield* until("the end of the drain", () => draining.pollUnsafe() !== undefined)

        assert.deepStrictEqual([hand.tokens, hand.released], [1, 1])
      }).pipe(Effect.scoped, Effect.provide(leased(lossy, hand, slow)))
    }))

  it.effect("gives it back when it has drained", () =>
    Effect.gen(function*() {
      const hand = new Hand()
      const { feed, lossy } = yield* fed
      yield* Effect.gen(function*() {
        const streams = yield* RunningStreams.RunningStreams
        yield* apply([spec("1")])
        yield* hand.give
        yield* settle
        yield* feed("a")
        yield* streams.drain({ timeout: "1 hour" })
        assert.strictEqual(hand.released, 1)
      }).pipe(Effect.provide(leased(lossy, hand)))
    }))
})
