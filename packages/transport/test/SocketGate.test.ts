import { assert, describe, it } from "@effect/vitest"
import type { Socket } from "node:net"
import { afterEach, beforeEach, vi } from "vitest"
import { SocketGate } from "../src/internal/SocketGate.ts"

const MiB = 1_048_576

/** A gate on a socket that notes what is done to it, with the test's clock. */
const gated = () => {
  const log: Array<string> = []
  const socket = { pause: () => log.push("pause"), resume: () => log.push("resume") } as unknown as Socket
  let received = 0
  const gate = new SocketGate({ socket, now: () => Date.now(), received: () => received })
  /** Fills a subscriber at so many bytes in a millisecond. */
  const fill = (subscriber: object, perMilli = 100) => {
    gate.pressure(subscriber, "half")
    vi.advanceTimersByTime(10)
    received += 10 * perMilli
    gate.pressure(subscriber, "high")
  }
  return { gate, log, fill, a: {}, b: {} }
}

beforeEach(() => {
  vi.useFakeTimers({ now: 0 })
})
afterEach(() => {
  vi.useRealTimers()
})

describe("SocketGate", () => {
  it("pauses while anybody is behind", () => {
    const { a, b, fill, gate, log } = gated()
    fill(a)
    fill(b)
    gate.pressure(a, "empty")
    const whileB = gate.isPaused
    gate.pressure(b, "empty")

    assert.isTrue(whileB)
    assert.isFalse(gate.isPaused)
    assert.deepStrictEqual(log, ["pause", "resume"])
  })

  it("pauses for two seconds at most, then not again for one that never caught up", () => {
    const { a, fill, gate, log } = gated()
    fill(a)
    vi.advanceTimersByTime(1999)
    const before = gate.isPaused
    vi.advanceTimersByTime(1)
    const after = gate.isPaused
    vi.advanceTimersByTime(60_000)

    assert.isTrue(before)
    assert.isFalse(after)
    assert.deepStrictEqual(log, ["pause", "resume"])
  })

  it("pauses for less when more comes: no longer than 16 MiB take", () => {
    const { a, fill, gate } = gated()
    fill(a, 100 * MiB / 1000)
    vi.advanceTimersByTime(159)
    const before = gate.isPaused
    vi.advanceTimersByTime(2)

    assert.isTrue(before)
    assert.isFalse(gate.isPaused)
  })

  it("is open for most of the time when somebody is always behind", () => {
    const { a, fill, gate } = gated()
    let paused = 0
    // caught up for a moment, every 20 ms, for a minute
    for (let step = 0; step < 3000; step++) {
      gate.pressure(a, "empty")
      fill(a)
      vi.advanceTimersByTime(10)
      if (gate.isPaused) paused += 10
    }

    assert.isAtLeast(paused, 10_000)
    assert.isAtMost(paused, 15_000)
  })

  it("gives its two seconds back after a quiet time", () => {
    const { a, fill, gate } = gated()
    fill(a)
    vi.advanceTimersByTime(2000)
    gate.pressure(a, "empty")
    vi.advanceTimersByTime(8000)
    fill(a)
    vi.advanceTimersByTime(1999)

    assert.isTrue(gate.isPaused)
  })

  it("has no timer when it is closed, and does nothing without a socket", () => {
    const { a, fill, gate } = gated()
    fill(a)
    gate.close()
    const none = new SocketGate({ socket: undefined, now: () => Date.now(), received: () => 0 })
    none.pressure(a, "half")
    none.pressure(a, "high")

    assert.strictEqual(vi.getTimerCount(), 0)
    assert.isFalse(none.isPaused)
  })
})
