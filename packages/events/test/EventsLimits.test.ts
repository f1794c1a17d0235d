import { create, toBinary } from "@bufbuild/protobuf"
import { assert, describe, it } from "@effect/vitest"
import { type EventPayload, GetEventsResponseSchema, Severity, State } from "@kps/idl"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Event, Events, StreamEvents } from "../src/index.ts"

const info = Event.alert("info", { message: "info", severity: "INFO" })
const warning = Event.alert("warning", { message: "warning", severity: "WARNING" })
const critical = Event.alert("critical", { message: "critical", severity: "CRITICAL" })
const status = Event.status("status", { message: "status", state: "HEALTHY" })

const alertOf = (event: EventPayload | undefined) => {
  assert(event?.object.case === "alert")
  return event.object.value
}
const idOf = (event: EventPayload) => `${event.object.value?.id}/${event.object.value?.streamId}`
const find = (events: ReadonlyArray<EventPayload>, id: string) => events.find((event) => event.object.value?.id === id)
const encodedBytes = (events: ReadonlyArray<EventPayload>) =>
  toBinary(GetEventsResponseSchema, create(GetEventsResponseSchema, { eventPayloads: [...events] })).byteLength
const dropped = (events: ReadonlyArray<EventPayload>) => {
  const extra = alertOf(find(events, "eventsDropped")).metadata?.["ExtraMessage"]
  assert(typeof extra === "object" && extra !== null && !Array.isArray(extra))
  return extra["dropped"]
}

setFlagsFromString("--expose-gc")
const collectGarbage: () => void = runInNewContext("gc")
const usedBytes = () => {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

describe("the limits of Events", () => {
  it.effect(
    "make a bounded answer of a million failures on few keys, the last of them told",
    () =>
      Effect.gen(function*() {
        const events = yield* Events.Events
        for (let n = 1; n <= 1_000_000; n++) {
          yield* events.raise(StreamEvents.streamFailed, {
            streamId: `s-${n % 10}`,
            metadata: StreamEvents.metadata({ errorMessage: `failure ${n}`, extra: { attempts: n } })
          })
        }

        const snapshot = yield* events.snapshot

        assert.lengthOf(snapshot, 10)
        assert.deepStrictEqual(alertOf(snapshot.at(-1)).metadata?.["ExtraMessage"], { attempts: 1_000_000 })
        assert.isBelow(encodedBytes(snapshot), 2_000)
      }).pipe(Effect.provide(Events.layer)),
    60_000
  )

  it.effect("keep 10,000 of 20,000 distinct events, and count the rest in one of them", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      for (let n = 1; n <= 10_000; n++) yield* events.raise(warning, { streamId: String(n) })
      assert.lengthOf(yield* events.snapshot, 10_000)
      assert.isUndefined(find(yield* events.snapshot, "eventsDropped"))

      for (let n = 10_001; n <= 20_000; n++) yield* events.raise(warning, { streamId: String(n) })

      const snapshot = yield* events.snapshot
      assert.lengthOf(snapshot, 10_000)
      assert.strictEqual(dropped(snapshot), 10_001)
      assert.strictEqual(alertOf(find(snapshot, "eventsDropped")).severity, Severity.WARNING)
      assert.deepStrictEqual(
        snapshot.filter((event) => event !== find(snapshot, "eventsDropped")).map(idOf),
        Array.from({ length: 9_999 }, (_, n) => `warning/${n + 10_002}`)
      )
    }).pipe(Effect.provide(Events.layer)))

  it.effect("keep what is told within 3.5 MiB, as it is encoded", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      for (let n = 1; n <= 2_000; n++) {
        yield* events.raise(critical, { streamId: String(n), message: `${n}${"x".repeat(4_000)}` })
        if (n % 100 === 0) assert.isAtMost(encodedBytes(yield* events.snapshot), 3_670_016)
      }

      const snapshot = yield* events.snapshot
      assert.strictEqual(alertOf(find(snapshot, "eventsDropped")).severity, Severity.WARNING)
      // No more was dropped than the next event needs.
      assert.isAbove(encodedBytes(snapshot), 3_670_016 - 4_200)
      assert.strictEqual(snapshot.length - 1 + Number(dropped(snapshot)), 2_000)
    }).pipe(Effect.provide(Events.layer)))

  it.effect("drop INFO and what has ended first, then statuses, then WARNING, then CRITICAL, of each the oldest", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.raise(critical, { streamId: "1" })
      yield* events.raise(warning, { streamId: "2" })
      yield* events.set(status, { streamId: "3" })
      yield* events.raise(info, { streamId: "4" })
      yield* events.raise(critical, { streamId: "gone" })
      yield* events.raise(critical, { streamId: "5" })
      yield* events.raise(info, { streamId: "6" })
      yield* events.removeStream("gone")
      yield* events.clear(critical, { streamId: "5" })

      const order: Array<string> = []
      let before = (yield* events.snapshot).map(idOf)
      for (let n = 0; n < 7; n++) {
        yield* events.raise(critical, { streamId: `new ${n}` })
        const after = (yield* events.snapshot).map(idOf)
        order.push(...before.filter((id) => !after.includes(id)))
        before = after
      }

      assert.deepStrictEqual(order, [
        "info/4",
        // The alert that counts takes a place too.
        "info/6",
        "critical/gone",
        "critical/5",
        "status/3",
        "warning/2",
        "critical/1",
        "critical/new 0"
      ])
    }).pipe(Effect.provide(Events.layerOptions({ maxEvents: 7 }))))

  it.effect("drop the newcomer when everything else matters more", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.raise(critical, { streamId: "1" })
      yield* events.raise(critical, { streamId: "2" })
      yield* events.raise(critical, { streamId: "3" })
      yield* events.raise(critical, { streamId: "4" })
      yield* events.raise(info)

      const snapshot = yield* events.snapshot

      assert.deepStrictEqual(snapshot.map(idOf), ["critical/3", "critical/4", "eventsDropped/"])
      assert.strictEqual(dropped(snapshot), 3)
    }).pipe(Effect.provide(Events.layerOptions({ maxEvents: 3 }))))

  it.effect("follow the severity of an alert that is raised again", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.raise(warning, { streamId: "1" })
      yield* events.raise(warning, { streamId: "2" })
      yield* events.raise(warning, { streamId: "3" })
      yield* events.raise(warning, { streamId: "1", severity: "CRITICAL" })
      yield* events.raise(warning, { streamId: "4" })

      assert.deepStrictEqual((yield* events.snapshot).map(idOf), ["warning/1", "warning/4", "eventsDropped/"])
    }).pipe(Effect.provide(Events.layerOptions({ maxEvents: 3 }))))

  it.effect("drop an event that no room can hold, and nothing else for its sake", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.raise(info)
      yield* events.raise(critical, { streamId: "x".repeat(2_000) })

      const snapshot = yield* events.snapshot

      assert.deepStrictEqual(snapshot.map(idOf), ["info/", "eventsDropped/"])
      assert.strictEqual(dropped(snapshot), 1)
    }).pipe(Effect.provide(Events.layerOptions({ maxBytes: 1_000 }))))

  it.effect("clear the alert that counts when there is room again, and go on counting when there is not", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      const raise = (from: number, to: number) =>
        Effect.forEach(
          Array.from({ length: to - from + 1 }, (_, n) => String(from + n)),
          (streamId) => events.raise(warning, { streamId })
        )
      yield* raise(1, 21)
      assert.strictEqual(dropped(yield* events.snapshot), 2)
      yield* Effect.forEach(["20", "21"], (streamId) => events.removeStream(streamId))
      yield* TestClock.adjust("29999 millis")
      assert.strictEqual(alertOf(find(yield* events.snapshot, "eventsDropped")).severity, Severity.WARNING)
      yield* TestClock.adjust("1 millis")

      const cleared = alertOf(find(yield* events.snapshot, "eventsDropped"))
      assert.strictEqual(cleared.severity, Severity.INFO)
      assert.strictEqual(cleared.state, State.HEALTHY)

      yield* TestClock.adjust("30 seconds")
      assert.isUndefined(find(yield* events.snapshot, "eventsDropped"))
      yield* raise(22, 25)
      assert.strictEqual(dropped(yield* events.snapshot), 2 + 2)
    }).pipe(Effect.provide(Events.layerOptions({ maxEvents: 20 }))))

  it.effect("keep memory bounded too, however many streams come and go", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      const raise = (from: number, to: number) =>
        Effect.gen(function*() {
          for (let n = from; n <= to; n++) yield* events.raise(warning, { streamId: String(n) })
        })
      yield* raise(1, 20_000)
      const before = usedBytes()
      yield* raise(20_001, 300_000)

      const snapshot = yield* events.snapshot
      assert.lengthOf(snapshot, 10_000)
      assert.strictEqual(dropped(snapshot), 290_001)
      assert.isBelow(usedBytes() - before, 16 * 1024 * 1024)
    }).pipe(Effect.provide(Events.layer)), 60_000)
})
