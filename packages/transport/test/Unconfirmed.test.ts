import { assert, describe, it } from "@effect/vitest"
import { Unconfirmed } from "../src/internal/Unconfirmed.ts"

/** An account, and what it was told: messages and payloads. */
const account = () => {
  const told: Array<readonly [number, number]> = []
  return { told, add: (messages: number, payloads: number) => void told.push([messages, payloads]) }
}

/** Of messages with three payloads each. */
const mark = (messages: number) => ({ messages, payloads: 3 * messages })

describe("Unconfirmed", () => {
  it("tells each account how many of its own messages and payloads were not confirmed", () => {
    const unconfirmed = new Unconfirmed()
    const a = account()
    const b = account()
    unconfirmed.add(a.add, mark(0), mark(10))
    unconfirmed.add(b.add, mark(10), mark(15))
    unconfirmed.add(a.add, mark(19), mark(20))
    unconfirmed.confirm(mark(7))
    unconfirmed.end(mark(7))

    assert.deepStrictEqual(a.told, [[3, 9], [1, 3]])
    assert.deepStrictEqual(b.told, [[5, 15]])
  })

  it("tells the others when one throws", () => {
    const unconfirmed = new Unconfirmed()
    const b = account()
    unconfirmed.add(
      () => {
        throw new Error("a mistake of the caller's")
      },
      mark(0),
      mark(10)
    )
    unconfirmed.add(b.add, mark(10), mark(15))
    unconfirmed.end(mark(0))

    assert.deepStrictEqual(b.told, [[5, 15]])
  })

  it("tells nobody whose messages are all confirmed", () => {
    const unconfirmed = new Unconfirmed()
    const a = account()
    const b = account()
    unconfirmed.add(a.add, mark(0), mark(10))
    unconfirmed.add(b.add, mark(10), mark(15))
    unconfirmed.confirm(mark(10))
    unconfirmed.end(mark(10))

    assert.deepStrictEqual(a.told, [])
    assert.deepStrictEqual(b.told, [[5, 15]])
  })

  it("counts payloads where messages have different numbers of them", () => {
    const unconfirmed = new Unconfirmed()
    const a = account()
    unconfirmed.add(a.add, { messages: 0, payloads: 0 }, { messages: 2, payloads: 64 })
    unconfirmed.add(a.add, { messages: 2, payloads: 64 }, { messages: 3, payloads: 65 })
    unconfirmed.end({ messages: 1, payloads: 60 })

    assert.deepStrictEqual(a.told, [[2, 5]])
  })

  it("tells once, and keeps apart what others sent in between", () => {
    const unconfirmed = new Unconfirmed()
    const a = account()
    unconfirmed.add(a.add, mark(0), mark(2))
    unconfirmed.add(a.add, mark(2), mark(5))
    // five that belong to nobody
    unconfirmed.add(a.add, mark(10), mark(11))
    unconfirmed.end(mark(0))
    unconfirmed.end(mark(0))

    assert.deepStrictEqual(a.told, [[5, 15], [1, 3]])
  })
})
