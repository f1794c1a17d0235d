import { timestampMs } from "@bufbuild/protobuf/wkt"
import { assert, describe, it } from "@effect/vitest"
import type { EventPayload } from "@kps/idl"
import { Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Event, Events } from "../src/index.ts"

/** Parts that run into each other when they are joined without care. */
const Part = Schema.Literals(["", "a", "b", "ab", "a/b", "a\u0000", "\u0000b", "alert", "__proto__", "constructor"])
const Key = Schema.Struct({ kind: Schema.Literals(["alert", "status"]), slot: Part, streamId: Part })
const Step = Schema.Struct({
  key: Key,
  action: Schema.Literals(["put", "put", "put", "clear", "remove"]),
  name: Schema.Literals(["n", "m"]),
  state: Schema.Literals(["HEALTHY", "FAILED"]),
  afterMillis: Schema.Literals([0, 0, 1, 7_000, 31_000])
})
// The message is the slot, so that a payload shows its whole key.
const alert = ({ key: { slot }, name, state }: typeof Step.Type) =>
  Event.alert(name, { slot, state, message: slot, severity: "CRITICAL" })
const status = ({ key: { slot }, name, state }: typeof Step.Type) => Event.status(name, { slot, state, message: slot })

const run = Effect.fnUntraced(function*(step: typeof Step.Type) {
  const events = yield* Events.Events
  const { key: { kind, streamId } } = step
  if (step.action === "remove") return yield* events.removeStream(streamId)
  if (kind === "status") return yield* events.set(status(step), { streamId })
  return yield* step.action === "put"
    ? events.raise(alert(step), { streamId })
    : events.clear(alert(step), { streamId })
})
const createdAt = ({ object }: EventPayload) => {
  assert(object.value?.createdAt !== undefined)
  return timestampMs(object.value.createdAt)
}

describe("the keys of Events", () => {
  it.effect.prop("never collide", [Schema.Array(Key)], ([keys]) =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      // The slot is the name too, so that a payload shows its whole key.
      for (const { kind, slot, streamId } of keys) {
        yield* kind === "alert"
          ? events.raise(Event.alert(slot, { message: "", severity: "INFO" }), { streamId })
          : events.set(Event.status(slot, { message: "", state: "HEALTHY" }), { streamId })
      }

      const told = (yield* events.snapshot).map(({ object }) => [object.case, object.value?.id, object.value?.streamId])
      assert.deepStrictEqual(
        new Set(told.map((key) => JSON.stringify(key))),
        new Set(keys.map(({ kind, slot, streamId }) => JSON.stringify([kind, slot, streamId])))
      )
      assert.strictEqual(told.length, new Set(told.map((key) => JSON.stringify(key))).size)
    }).pipe(Effect.provide(Events.layer)), { arbitrary: { runs: 200 } })

  it.effect.prop("are told oldest first, and no key's created_at goes back, whatever happens", [Schema.Array(Step)], ([
    steps
  ]) =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      const last = new Map<string, number>()
      for (const step of steps) {
        yield* TestClock.adjust(step.afterMillis)
        yield* run(step)
        const snapshot = yield* events.snapshot
        const times = snapshot.map(createdAt)
        assert.deepStrictEqual(times, times.toSorted((a, b) => a - b))
        for (const event of snapshot) {
          const key = JSON.stringify([event.object.case, event.object.value?.message, event.object.value?.streamId])
          assert.isAtLeast(createdAt(event), last.get(key) ?? 0)
          last.set(key, createdAt(event))
        }
      }
    }).pipe(Effect.provide(Events.layerOptions({ maxEvents: 20 }))), { arbitrary: { runs: 200, size: 60 } })
})
