import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as State from "../src/State.ts"

const outcome = (id: string) => ({
  id,
  promise: "p",
  runs: 1,
  faults: 2,
  unacknowledged: 3,
  lost: 0,
  duplicated: 0,
  violations: []
})

const file = Effect.acquireRelease(
  Effect.sync(() => join(mkdtempSync(join(tmpdir(), "kps-soak-state-")), "state.json")),
  (file) => Effect.sync(() => rmSync(join(file, ".."), { recursive: true, force: true }))
)

describe("the state of a soak", () => {
  it.effect("has what was done before, for the same soak", () =>
    Effect.gen(function*() {
      const place = yield* file
      const first = yield* State.open(place, { asked: "a", code: "c" }, false)
      yield* first.add(outcome("1"))
      yield* first.add(outcome("2"))

      const again = yield* State.open(place, { asked: "a", code: "c" }, false)
      assert.deepStrictEqual(again.outcomes, [outcome("1"), outcome("2")])
      const fresh = yield* State.open(place, { asked: "a", code: "c" }, true)
      assert.deepStrictEqual(fresh.outcomes, [])
    }))

  it.effect("is refused for another soak, for other code, and when it cannot be read", () =>
    Effect.gen(function*() {
      const place = yield* file
      yield* (yield* State.open(place, { asked: "a", code: "c" }, false)).add(outcome("1"))
      const other = yield* Effect.flip(State.open(place, { asked: "b", code: "c" }, false))
      const older = yield* Effect.flip(State.open(place, { asked: "a", code: "d" }, false))
      writeFileSync(place, "{")
      const broken = yield* Effect.flip(State.open(place, { asked: "a", code: "c" }, false))

      assert.strictEqual(other.message, `state ${place}: it is of a soak with a, not with b; --fresh begins anew`)
      assert.strictEqual(older.message, `state ${place}: it is of a soak of other code; --fresh begins anew`)
      assert.strictEqual(broken.message, `state ${place}: it cannot be read; --fresh begins anew`)
    }))

  it.effect("is refused at the beginning where it cannot be written", () =>
    Effect.gen(function*() {
      const place = yield* file
      const nowhere = yield* Effect.flip(State.open(join(place, "nowhere"), { asked: "a", code: "c" }, false))

      assert.include(nowhere.message, "it cannot be written: ENOENT")
    }))
})
