/** A broker whose connections a test makes and breaks. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Latch } from "effect"
import { TestClock } from "effect/testing"
import * as Broker from "../src/Broker.ts"
import { BrokerLost, BrokerUnreachable } from "../src/BrokerError.ts"
import type { Connection } from "../src/Client.ts"

const url = "nats://nats:4222"

const connection = () => {
  const listeners = new Set<(error: BrokerLost) => void>()
  const published: Array<string> = []
  const made: Connection = {
    // one cast: only JetStream asks for it
    client: undefined as unknown as Connection["client"],
    maxPayloadBytes: () => 10,
    publish: (subject) => void published.push(subject),
    roundTrip: Effect.void,
    refusals: () => 0,
    subscribe: () => ({ unsubscribe: () => {}, drain: Effect.void }),
    onLost: (callback) => {
      listeners.add(callback)
      return () => void listeners.delete(callback)
    }
  }
  const lose = () => {
    for (const listener of listeners) listener(new BrokerLost({ broker: url, cause: "gone" }))
  }
  return { lose, made, published }
}

const settle = Effect.repeat(Effect.yieldNow, { times: 10 })

describe("Broker", () => {
  it.effect("dials once for all who ask at the same time, also when the first stops waiting", () =>
    Effect.gen(function*() {
      const arrived = yield* Deferred.make<Connection>()
      let dials = 0
      const broker = yield* Broker.make(url, Effect.suspend(() => (dials++, Deferred.await(arrived))))
      const first = yield* Effect.forkChild(broker.connected, { startImmediately: true })
      const second = yield* Effect.forkChild(broker.connected, { startImmediately: true })
      yield* settle
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(arrived, connection().made)

      yield* Fiber.join(second)
      assert.strictEqual(dials, 1)
    }))

  it.effect("keeps its new connection when the old one takes long to close", () =>
    Effect.gen(function*() {
      const closing = yield* Latch.make()
      const made = [connection(), connection(), connection()]
      let dials = 0
      const broker = yield* Broker.make(
        url,
        Effect.acquireRelease(
          Effect.sync(() => made[dials++]!.made),
          () => closing.await
        )
      )
      yield* broker.connected
      yield* settle
      made[0]!.lose()
      yield* settle
      yield* broker.connected
      yield* closing.open
      yield* settle

      yield* broker.publish("out", [new Uint8Array(1)])
      assert.strictEqual(dials, 2)
      assert.deepStrictEqual(made[1]!.published, ["out"])
    }))

  it.effect("gives the error of the last dial to those who ask within the pause, then dials again", () =>
    Effect.gen(function*() {
      let dials = 0
      const broker = yield* Broker.make(
        url,
        Effect.suspend(() => Effect.fail(new BrokerUnreachable({ broker: url, cause: `dial ${++dials}` })))
      )
      const ask = Effect.map(Effect.flip(broker.connected), ({ message }) => message)
      assert.strictEqual(yield* ask, `cannot connect to ${url}: dial 1`)
      yield* TestClock.adjust("199 millis")
      assert.strictEqual(yield* ask, `cannot connect to ${url}: dial 1`)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* ask, `cannot connect to ${url}: dial 2`)
    }))
})
