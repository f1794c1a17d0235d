import { assert, describe, it } from "@effect/vitest"
import { Unconfirmed } from "../src/internal/Unconfirmed.ts"

/** An account, and what it was told. */
const account = () => {
  const told: Array<number> = []
  return { told, add: (count: number) => void told.push(count) }
}

describe("Unconfirmed", () => {
  it("tells each account how many of its own messages were not confirmed", () => {
    const unconfirmed = new Unconfirmed()
    const a = account()
    const b = account()
    unconfirmed.add(a.add, 10, 10)
    unconfirmed.add(b.add, 5, 15)
    unconfirmed.add(a.add, 1, 20)
    unconfirmed.confirm(7)
    unconfirmed.end(7)

    assert.deepStrictEqual(a.told, [3, 1])
    assert.deepStrictEqual(b.told, [5])
  })

  it("tells nobody whose messages are all confirmed", () => {
    const unconfirmed = new Unconfirmed()
    const a = account()
    const b = account()
    unconfirmed.add(a.add, 10, 10)
    unconfirmed.add(b.add, 5, 15)
    unconfirmed.confirm(10)
    unconfirmed.end(10)

    assert.deepStrictEqual(a.told, [])
    assert.deepStrictEqual(b.told, [5])
  })

  it("tells once, and keeps apart what others sent in between", () => {
    const unconfirmed = new Unconfirmed()
    const a = account()
    unconfirmed.add(a.add, 2, 2)
    unconfirmed.add(a.add, 3, 5)
    // five that belong to nobody
    unconfirmed.add(a.add, 1, 11)
    unconfirmed.end(0)
    unconfirmed.end(0)

    assert.deepStrictEqual(a.told, [5, 1])
  })
})
