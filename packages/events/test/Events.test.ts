import { timestampMs } from "@bufbuild/protobuf/wkt"
import { assert, describe, it } from "@effect/vitest"
import { type EventPayload, Severity, State } from "@kps/idl"
import { Clock, Effect, Fiber, Queue, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Event, Events, StreamEvents } from "../src/index.ts"

const hot = Event.alert("hot", { message: "too hot", severity: "WARNING", state: "UNHEALTHY" })
const open = Event.status("open", { message: "valve is open", state: "HEALTHY", slot: "valve" })
const shut = Event.status("shut", { message: "valve is shut", state: "UNHEALTHY", slot: "valve" })

/** The parts of an event that tests compare, without protobuf's own. */
const brief = ({ object }: EventPayload) =>
  object.case === undefined
    ? object
    : {
      kind: object.case,
      id: object.value.id,
      streamId: object.value.streamId,
      message: object.value.message,
      at: object.value.createdAt === undefined ? undefined : timestampMs(object.value.createdAt)
    }
const value = (event: EventPayload | undefined) => {
  assert(event?.object.case !== undefined)
  return event.object.value
}
const atMillis = (event: EventPayload | undefined) => {
  const { createdAt } = value(event)
  assert(createdAt !== undefined)
  return timestampMs(createdAt)
}
const ids = (events: ReadonlyArray<EventPayload>) => events.map((event) => value(event).id)

describe("Events", () => {
  it.effect("reports a raised alert as its definition and occurrence say", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* TestClock.adjust("1500 millis")
      yield* events.raise(hot, { streamId: "s-1", metadata: { celsius: 90 } })
      yield* events.raise(hot, { message: "much too hot", severity: "CRITICAL" })

      const [first, second] = yield* events.snapshot

      assert(first?.object.case === "alert" && second?.object.case === "alert")
      assert.strictEqual(first.object.value.id, "hot")
      assert.strictEqual(first.object.value.streamId, "s-1")
      assert.strictEqual(first.object.value.message, "too hot")
      assert.strictEqual(first.object.value.severity, Severity.WARNING)
      assert.strictEqual(first.object.value.state, State.UNHEALTHY)
      assert.deepStrictEqual(first.object.value.metadata, { celsius: 90 })
      assert.strictEqual(atMillis(first), 1500)
      assert.strictEqual(second.object.value.streamId, "")
      assert.strictEqual(second.object.value.message, "much too hot")
      assert.strictEqual(second.object.value.severity, Severity.CRITICAL)
      assert.isUndefined(second.object.value.metadata)
    }).pipe(Effect.provide(Events.layer)))
})
