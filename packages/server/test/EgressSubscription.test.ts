import { assert, describe, it } from "@effect/vitest"
import * as EgressSubscription from "../src/EgressSubscription.ts"

describe("The queue group of a stream", () => {
  it("tells instances and streams apart, whatever their ids are, and fits a subject token", () => {
    const ids = [
      "a",
      "a.b",
      "a b",
      "*",
      "a*",
      ">",
      "ü",
      "a%2Eb",
      "",
      "x".repeat(1_000),
      `${"x".repeat(1_000)}y`,
      "\ud800"
    ]
    const groups = ids.flatMap((a) => ids.map((b) => EgressSubscription.queueGroup(a, b)))

    assert.strictEqual(new Set(groups).size, ids.length ** 2)
    assert.isTrue(groups.every((group) => /^[\w%.-]{1,420}$/.test(group)), groups.join("\n"))
  })
})
