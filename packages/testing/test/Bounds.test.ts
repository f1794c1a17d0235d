import { assert, describe, it } from "@effect/vitest"
import { ConnectorService } from "@kps/idl"
import { Conformance } from "@kps/testing"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as MemorySubject from "./support/MemorySubject.ts"

const never = () => new Promise<never>(() => {})

/** A connector that takes each call and answers none. */
const hangs = MemorySubject.make({
  routes: () => (router) => router.service(ConnectorService, { getPayload: never, setPayload: never, getEvents: never })
})

describe("a connector that never answers", () => {
  it.effect("is not waited for beyond the time for all cases, and the clean-up has 8 seconds more", () =>
    Effect.gen(function*() {
      const running = yield* Effect.forkChild(
        Conformance.run(yield* hangs, { within: "1 second", only: ["C01", "C06"] })
      )
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("7900 millis")
      assert.isUndefined(running.pollUnsafe())
      yield* TestClock.adjust("100 millis")
      const { results } = yield* Fiber.join(running)

      assert.deepStrictEqual(results.map(({ id }) => id), ["C01", "C06"])
      for (const { verdict } of results) {
        assert(verdict._tag === "Failed")
        assert.match(verdict.got, /^no verdict: the 1s for all cases are over$/)
      }
    }))
})
