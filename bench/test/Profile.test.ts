import { assert, describe, it } from "@effect/vitest"
import * as Profile from "../src/engine/Profile.ts"

const node = (id: number, functionName: string) => ({ id, callFrame: { functionName, url: "", lineNumber: 1 } })

describe("Profile", () => {
  it("adds up the self time of a function over all its calls, and leaves idle time out", () => {
    const shares = Profile.shares({
      nodes: [node(1, "(idle)"), node(2, "encode"), node(3, "write"), node(4, "encode")],
      samples: [1, 2, 3, 4],
      timeDeltas: [500, 30, 40, 30]
    })

    assert.deepStrictEqual(shares, [{ name: "encode", share: 0.6 }, { name: "write", share: 0.4 }])
  })
})
