import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Gate } from "../src/Gate.ts"
import * as Load from "../src/Load.ts"
import { Pace } from "../src/Pace.ts"
import type { Item } from "../src/Source.ts"
import { Traffic } from "../src/Traffic.ts"

const nowMicros = Effect.clockWith((clock) => Effect.sync(() => Number(clock.monotonicTimeNanosUnsafe() / 1_000n)))

/** A way out whose far end is the test. */
const makeRoute = () => {
  const traffic = new Traffic()
  const out: Array<Uint8Array> = []
  const state = { up: true }
  const route: Load.Route = {
    traffic,
    gate: new Gate({
      brokersConnected: () => state.up,
      streamsRunning: () => true,
      askedAtMicros: () => Number.POSITIVE_INFINITY
    }),
    publish: (data) => out.push(data)
  }
  const deliver = (count = Number.POSITIVE_INFINITY) =>
    Effect.map(nowMicros, (now) => {
      for (const data of out.splice(0, count)) traffic.receive(data, now)
    })
  return { route, traffic, out, state, deliver }
}

const forever: Stream.Stream<Item> = Stream.forever(Stream.fromArray<Item>(Array(256).fill(Buffer.from("x"))))
const lines = (...items: ReadonlyArray<Item>) => Stream.fromArray(items)

describe("Load.send", () => {
  it.effect("sends at the rate it is given", () =>
    Effect.gen(function*() {
      const { deliver, out, route, traffic } = makeRoute()
      yield* Effect.forkChild(Load.send(forever, route, { rate: 100 }))
      let most = 0
      for (let i = 0; i < 100; i++) {
        yield* TestClock.adjust("100 millis")
        most = Math.max(most, out.length)
        yield* deliver()
      }

      assert.isAtLeast(traffic.ledger.counts.sent, 990)
      assert.isAtMost(traffic.ledger.counts.sent, 1_001)
      assert.isAtMost(most, 11)
    }))

  it.effect("sends as many as it was asked for, and ends", () =>
    Effect.gen(function*() {
      const { out, route } = makeRoute()
      const fiber = yield* Effect.forkChild(Load.send(forever, route, { rate: 10_000, once: 300 }))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)

      assert.strictEqual(out.length, 300)
    }))

  it.effect("does not count a line that is too long as one of those it was asked for", () =>
    Effect.gen(function*() {
      const { out, route, traffic } = makeRoute()
      const one = Buffer.from("1")
      const items = lines(one, { oversizedBytes: 9 }, one, { oversizedBytes: 10 }, one, { oversizedBytes: 11 })
      const fiber = yield* Effect.forkChild(Load.send(items, route, { rate: 1_000, once: 3 }))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)

      assert.strictEqual(out.length, 3)
      assert.strictEqual(traffic.oversized, 2)
      assert.strictEqual(traffic.firstOversizedBytes, 9)
    }))

  it.effect("makes a reading when it is sent, with its own number", () =>
    Effect.gen(function*() {
      const { out, route } = makeRoute()
      const seen: Array<number> = []
      const item: Item = (sequence) => {
        seen.push(sequence)
        return Buffer.from(`${sequence}`)
      }
      const fiber = yield* Effect.forkChild(Load.send(lines(item, item, item), route, { rate: 1_000 }))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)

      assert.deepStrictEqual(seen, [1, 2, 3])
      assert.match(Buffer.from(out[2]!).toString(), /^3 [0-9a-f]{8} 3$/)
    }))

  it.effect("stops while the window is full, and goes on when messages came out", () =>
    Effect.gen(function*() {
      const { deliver, out, route, traffic } = makeRoute()
      yield* Effect.forkChild(Load.send(forever, route, { rate: 1_000_000 }))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(out.length, Load.maxInFlight)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(out.length, Load.maxInFlight)

      yield* deliver(1_000)
      yield* TestClock.adjust("10 millis")

      assert.strictEqual(traffic.ledger.counts.sent, Load.maxInFlight + 1_000)
    }))

  it.effect("keeps the bytes under way in bounds too", () =>
    Effect.gen(function*() {
      const { route, traffic } = makeRoute()
      const big: Item = new Uint8Array(1_000_000)
      yield* Effect.forkChild(Load.send(Stream.forever(lines(big)), route, { rate: 1_000_000 }))
      yield* TestClock.adjust("1 second")

      assert.isAtLeast(traffic.ledger.inFlightBytes, Load.maxInFlightBytes)
      assert.isAtMost(traffic.ledger.inFlightBytes, Load.maxInFlightBytes + 1_001_000)
    }))

  it.effect("sends while the gate is shut where what is sent is stored, and waits longer for it", () =>
    Effect.gen(function*() {
      const { out, route, state, traffic } = makeRoute()
      state.up = false
      const stored = { ...route, isSendable: () => true, patienceMicros: 20_000_000 }
      yield* Effect.forkChild(Load.settle(stored))
      yield* Effect.forkChild(Load.send(forever, stored, { rate: 1_000, once: 50 }))
      yield* TestClock.adjust("19 seconds")
      assert.strictEqual(out.length, 50)
      assert.deepInclude(traffic.ledger.counts, { inFlight: 50, lost: 0 })

      yield* TestClock.adjust("3 seconds")

      assert.deepInclude(traffic.ledger.counts, { inFlight: 0, lost: 50 })
    }))

  it.effect("sends nothing while the gate is shut, and makes up for it by no burst", () =>
    Effect.gen(function*() {
      const { out, route, state } = makeRoute()
      yield* Effect.forkChild(Load.send(forever, route, { rate: 1_000 }))
      yield* TestClock.adjust("100 millis")
      const before = out.length
      state.up = false
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(out.length, before)

      state.up = true
      yield* TestClock.adjust("100 millis")

      assert.isAtLeast(out.length - before, 100)
      assert.isAtMost(out.length - before, 205)
    }))

  it.effect("hands on what its input fails with", () =>
    Effect.gen(function*() {
      const { route } = makeRoute()
      const items = Stream.concat(lines(Buffer.from("1")), Stream.fail("unreadable"))

      assert.strictEqual(yield* Effect.flip(Load.send(items, route, { rate: 100 })), "unreadable")
    }))
})

describe("Load.drain", () => {
  const send = (traffic: Traffic, count: number) =>
    Effect.map(nowMicros, (now) => {
      for (let i = 0; i < count; i++) traffic.send(Buffer.from("x"), now)
    })

  it.effect("ends as soon as all are out", () =>
    Effect.gen(function*() {
      const { route, traffic } = makeRoute()
      yield* send(traffic, 2)
      const fiber = yield* Effect.forkChild(Load.drain(route))
      yield* TestClock.adjust("1 second")
      traffic.ledger.deliver(1, yield* nowMicros)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(fiber.pollUnsafe(), undefined)

      traffic.ledger.deliver(2, yield* nowMicros)
      yield* TestClock.adjust("10 millis")

      yield* Fiber.join(fiber)
    }))

  it.effect("waits 10 seconds after the last sign of life, no longer", () =>
    Effect.gen(function*() {
      const { route, traffic } = makeRoute()
      yield* send(traffic, 2)
      const fiber = yield* Effect.forkChild(Load.drain(route))
      yield* TestClock.adjust("9 seconds")
      traffic.ledger.deliver(1, yield* nowMicros)
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(fiber.pollUnsafe(), undefined)

      yield* TestClock.adjust("2 seconds")

      yield* Fiber.join(fiber)
    }))

  it.effect("waits longer while a broker is away, and 10 seconds after it came back", () =>
    Effect.gen(function*() {
      const { route, state, traffic } = makeRoute()
      yield* send(traffic, 1)
      state.up = false
      const fiber = yield* Effect.forkChild(Load.drain(route))
      yield* TestClock.adjust("30 seconds")
      state.up = true
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(fiber.pollUnsafe(), undefined)

      yield* TestClock.adjust("2 seconds")

      yield* Fiber.join(fiber)
    }))

  it.effect("gives up after a minute of silence whatever is down", () =>
    Effect.gen(function*() {
      const { route, state, traffic } = makeRoute()
      yield* send(traffic, 1)
      state.up = false
      const fiber = yield* Effect.forkChild(Load.drain(route))
      yield* TestClock.adjust("61 seconds")

      yield* Fiber.join(fiber)
    }))

  it.effect("does not wait for anything when all were out before", () =>
    Effect.gen(function*() {
      const { route, state, traffic } = makeRoute()
      yield* send(traffic, 1)
      traffic.ledger.deliver(1, 0)
      state.up = false

      yield* Load.drain(route)
    }))
})

describe("Load.settle", () => {
  it.effect("counts a message as lost 10 seconds after it was sent", () =>
    Effect.gen(function*() {
      const { route, traffic } = makeRoute()
      yield* Effect.forkChild(Load.settle(route))
      traffic.send(Buffer.from("x"), yield* nowMicros)
      yield* TestClock.adjust("9 seconds")
      assert.deepInclude(traffic.ledger.counts, { inFlight: 1, lost: 0 })

      yield* TestClock.adjust("3 seconds")

      assert.deepInclude(traffic.ledger.counts, { inFlight: 0, lost: 1 })
    }))
})

describe("Gate", () => {
  const make = () => {
    const state = { brokers: true, streams: true, asked: 0 }
    const gate = new Gate({
      brokersConnected: () => state.brokers,
      streamsRunning: () => state.streams,
      askedAtMicros: () => state.asked
    })
    return { gate, state }
  }

  it("is open while brokers and streams are there", () => {
    const { gate, state } = make()
    assert.isTrue(gate.isOpen(1_000))

    state.streams = false
    assert.isFalse(gate.isOpen(2_000))
    assert.strictEqual(gate.shutAtMicros, 2_000)
    state.streams = true
    assert.isTrue(gate.isOpen(3_000))
  })

  it("stays shut after a broker was away, until the connector was asked some time later", () => {
    const { gate, state } = make()
    state.asked = 900_000
    state.brokers = false
    assert.isFalse(gate.isOpen(1_000_000))

    state.brokers = true
    assert.isFalse(gate.isOpen(2_000_000))
    state.asked = 1_400_000
    assert.isFalse(gate.isOpen(3_000_000))
    state.asked = 1_500_000
    assert.isTrue(gate.isOpen(4_000_000))
  })
})

describe("Pace", () => {
  it("lets the first message out at once and the next when it is due", () => {
    const pace = new Pace(10, 0)
    assert.strictEqual(pace.available(0), 1)
    pace.spend(1)

    assert.strictEqual(pace.available(0), 0)
    assert.closeTo(pace.untilNext, 100_000, 1)
    assert.strictEqual(pace.available(99_000), 0)
    assert.strictEqual(pace.available(100_001), 1)
  })

  it("keeps a tenth of a second of what was not used", () => {
    const pace = new Pace(1_000, 0)

    assert.strictEqual(pace.available(60_000_000), 100)
  })

  it("is exact at rates below one a second", () => {
    const pace = new Pace(0.1, 0)
    pace.spend(pace.available(0))

    assert.strictEqual(pace.available(9_900_000), 0)
    assert.strictEqual(pace.available(10_000_001), 1)
  })
})
