import { assert, describe, it } from "@effect/vitest"
import type { Pulled } from "../src/Pull.ts"
import { Recalled } from "../src/Recalled.ts"

const messages = (from: number, to: number, count: number, byteLength = 1): ReadonlyArray<Pulled> =>
  Array.from({ length: to - from + 1 }, (_, n) => ({
    data: new Uint8Array(byteLength),
    reply: "",
    count,
    sequence: from + n,
    storedMillis: 0
  }))

const sequences = (pulled: ReadonlyArray<Pulled>) => pulled.map(({ sequence }) => sequence)

describe("what another reader held", () => {
  it("goes on in order when all of it has come again, in whatever order", () => {
    const recalled = new Recalled(5)

    assert.deepStrictEqual(recalled.take(messages(4, 5, 2)), [])
    assert.isTrue(recalled.isAwaited)
    assert.deepStrictEqual(sequences(recalled.take(messages(1, 3, 2))), [1, 2, 3, 4, 5])
    assert.isFalse(recalled.isAwaited)
    assert.deepStrictEqual(sequences(recalled.take(messages(6, 7, 1))), [6, 7])
  })

  it("is not waited for any more when something new comes, or when nobody waits", () => {
    const removed = new Recalled(5)
    removed.take(messages(4, 5, 2))
    assert.deepStrictEqual(sequences(removed.take(messages(6, 6, 1))), [4, 5, 6])

    const silent = new Recalled(5)
    silent.take(messages(4, 5, 3))
    assert.deepStrictEqual(sequences(silent.rest()), [4, 5])
    assert.isFalse(silent.isAwaited)
  })

  it("does not come twice for one that was delivered twice, and waits with so much of it at most", () => {
    const recalled = new Recalled(3)
    recalled.take(messages(2, 3, 2))
    assert.deepStrictEqual(recalled.take(messages(2, 3, 3)), [])
    assert.deepStrictEqual(sequences(recalled.take(messages(1, 1, 2))), [1, 2, 3])

    const large = new Recalled(100)
    assert.deepStrictEqual(sequences(large.take(messages(2, 3, 2, 16 << 20))), [2, 3])
  })

  it("is nothing where nothing was held", () => {
    assert.deepStrictEqual(sequences(new Recalled(0).take(messages(3, 4, 2))), [3, 4])
  })
})
