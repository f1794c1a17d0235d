import { timestampMs } from "@bufbuild/protobuf/wkt"
import { assert, describe, it } from "@effect/vitest"
import { type EventPayload, Severity, State } from "@kps/idl"
import { Clock, Effect, Fiber, Queue, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Event, Events, StreamEvents } from "../src/index.ts"

const hot = Event.alert("hot", { message: "too hot", severity: "WARNING", state: "UNHEALTHY" })
const open = Event.status("open", { message: "valve is open", state: "HEALTHY", slot: "valve" })
const shut = Event.status("shut", { message: "valve is shut", state: "UNHEALTHY", slot: "valve" })

const value = (event: EventPayload | undefined) => {
  assert(event?.object.case !== undefined)
  return event.object.value
}
const atMillis = (event: EventPayload | undefined) => {
  const { createdAt } = value(event)
  assert(createdAt !== undefined)
  return timestampMs(createdAt)
}
/** Kind, name and stream of each event. */
const briefs = (events: ReadonlyArray<EventPayload>) =>
  events.map((event) => `${event.object.case} ${value(event).id}/${value(event).streamId}`)

const severity = (event: EventPayload | undefined) => {
  assert(event?.object.case === "alert")
  return event.object.value.severity
}

describe("Events", () => {
  it.effect("tells no credentials of an address in a message", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.raise(hot, { message: "cannot read nats://user:canary@a" })

      assert.strictEqual(value((yield* events.snapshot)[0]).message, "cannot read nats://<redacted>@a")
    }).pipe(Effect.provide(Events.layer)))

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

  it.effect("has one status per slot and stream: the last one set", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.set(StreamEvents.streamStarted, { streamId: "s-1" })
      yield* events.set(StreamEvents.streamUnhealthy, { streamId: "s-1" })
      yield* events.set(StreamEvents.streamHealthy, { streamId: "s-2" })
      yield* events.set(StreamEvents.streamHealthy, { streamId: "s-1" })
      yield* events.set(open)

      const snapshot = yield* events.snapshot

      assert.deepStrictEqual(briefs(snapshot), ["status streamHealthy/s-2", "status streamHealthy/s-1", "status open/"])
      assert.strictEqual(value(snapshot[1]).state, State.HEALTHY)
    }).pipe(Effect.provide(Events.layer)))

  it.effect("keeps an alert and a status of one name, slot and stream apart", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.raise(Event.alert("x", { message: "alert", severity: "INFO", slot: "x" }))
      yield* events.set(Event.status("x", { message: "status", state: "HEALTHY", slot: "x" }))

      assert.deepStrictEqual(briefs(yield* events.snapshot), ["alert x/", "status x/"])
    }).pipe(Effect.provide(Events.layer)))

  it.effect("renews an alert that stands: message, severity and metadata are new, place and created_at are not", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.raise(hot, { metadata: { celsius: 90 } })
      yield* TestClock.adjust("1 second")
      yield* events.set(open)
      yield* TestClock.adjust("1 second")
      yield* events.raise(hot, { message: "hotter", severity: "CRITICAL", metadata: { celsius: 99 } })

      const snapshot = yield* events.snapshot

      assert.deepStrictEqual(briefs(snapshot), ["alert hot/", "status open/"])
      assert.strictEqual(value(snapshot[0]).message, "hotter")
      assert.strictEqual(severity(snapshot[0]), Severity.CRITICAL)
      assert.deepStrictEqual(value(snapshot[0]).metadata, { celsius: 99 })
      assert.strictEqual(atMillis(snapshot[0]), 0)
    }).pipe(Effect.provide(Events.layer)))

  it.effect("changes nothing when an equal status is set again", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.set(open, { streamId: "s", metadata: { by: ["hand"] } })
      const before = yield* events.snapshot
      yield* TestClock.adjust("1 minute")
      yield* events.set(open, { streamId: "s", metadata: { by: ["hand"] } })

      const after = yield* events.snapshot

      assert.strictEqual(after, before)
      assert.strictEqual(atMillis(after[0]), 0)
    }).pipe(Effect.provide(Events.layer)))

  it.effect("keeps the created_at of a status of which only the words change, and not when the state does", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.set(open)
      yield* TestClock.adjust("1 second")
      yield* events.set(open, { message: "wide open" })
      const [renewed] = yield* events.snapshot
      yield* events.set(shut)
      const [replaced] = yield* events.snapshot

      assert.strictEqual(value(renewed).message, "wide open")
      assert.strictEqual(atMillis(renewed), 0)
      assert.strictEqual(value(replaced).id, "shut")
      assert.strictEqual(atMillis(replaced), 1000)
    }).pipe(Effect.provide(Events.layer)))

  it.effect("takes another status of the same state, or another state of the same status, for another", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.set(StreamEvents.streamHealthy, { streamId: "s" })
      yield* TestClock.adjust("1 second")
      yield* events.set(StreamEvents.streamDone, { streamId: "s" })
      const [done] = yield* events.snapshot
      yield* TestClock.adjust("1 second")
      yield* events.set({ ...StreamEvents.streamDone, state: "PROVISIONED" }, { streamId: "s" })
      const [other] = yield* events.snapshot

      assert.deepStrictEqual([value(done).id, atMillis(done)], ["streamDone", 1000])
      assert.deepStrictEqual([value(other).state, atMillis(other)], [State.PROVISIONED, 2000])
    }).pipe(Effect.provide(Events.layer)))

  it.effect("reports a cleared alert as HEALTHY and INFO for 30 s, then no more", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.raise(hot, { streamId: "s", metadata: { celsius: 90 } })
      yield* TestClock.adjust("5 seconds")
      yield* events.clear(hot, { streamId: "s" })

      const [cleared] = yield* events.snapshot
      assert.strictEqual(severity(cleared), Severity.INFO)
      assert.strictEqual(value(cleared).state, State.HEALTHY)
      assert.strictEqual(value(cleared).message, "too hot")
      assert.deepStrictEqual(value(cleared).metadata, { celsius: 90 })
      assert.strictEqual(atMillis(cleared), 5000)

      yield* TestClock.adjust("29999 millis")
      assert.lengthOf(yield* events.snapshot, 1)
      yield* TestClock.adjust("1 millis")
      assert.lengthOf(yield* events.snapshot, 0)
    }).pipe(Effect.provide(Events.layer)))

  it.effect("clears only what stands: not twice, not another stream's, not another alert of the slot", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      const cold = Event.alert("cold", { message: "too cold", severity: "WARNING", slot: "hot" })
      yield* events.clear(hot)
      assert.lengthOf(yield* events.snapshot, 0)
      yield* events.raise(hot)
      yield* events.clear(hot, { streamId: "s" })
      yield* events.clear(cold)
      assert.strictEqual(severity((yield* events.snapshot)[0]), Severity.WARNING)

      yield* events.clear(hot)
      yield* TestClock.adjust("20 seconds")
      yield* events.clear(hot)
      yield* TestClock.adjust("10 seconds")
      assert.lengthOf(yield* events.snapshot, 0)
    }).pipe(Effect.provide(Events.layer)))

  it.effect("raises an alert afresh that was cleared a moment ago", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.raise(hot)
      yield* events.clear(hot)
      yield* TestClock.adjust("10 seconds")
      yield* events.raise(hot)
      yield* TestClock.adjust("1 hour")

      const snapshot = yield* events.snapshot

      assert.deepStrictEqual(briefs(snapshot), ["alert hot/"])
      assert.strictEqual(severity(snapshot[0]), Severity.WARNING)
      assert.strictEqual(atMillis(snapshot[0]), 10_000)
    }).pipe(Effect.provide(Events.layer)))

  it.effect("keeps the events of a removed stream 30 s as they are, and no other's", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.raise(hot, { streamId: "a" })
      yield* events.set(open, { streamId: "a" })
      yield* events.set(open, { streamId: "b" })
      yield* events.set(open)
      yield* events.removeStream("a")
      yield* events.removeStream("unknown")
      yield* events.removeStream("")
      yield* TestClock.adjust("29999 millis")

      const during = yield* events.snapshot
      assert.deepStrictEqual(briefs(during), ["alert hot/a", "status open/a", "status open/b", "status open/"])
      assert.strictEqual(severity(during[0]), Severity.WARNING)

      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(briefs(yield* events.snapshot), ["status open/b", "status open/"])
    }).pipe(Effect.provide(Events.layer)))

  it.effect("starts afresh for a removed stream's id that comes again", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.set(open, { streamId: "a" })
      yield* events.removeStream("a")
      yield* TestClock.adjust("10 seconds")
      yield* events.set(open, { streamId: "a" })
      yield* TestClock.adjust("1 hour")

      const snapshot = yield* events.snapshot

      assert.deepStrictEqual(briefs(snapshot), ["status open/a"])
      assert.strictEqual(atMillis(snapshot[0]), 10_000)
    }).pipe(Effect.provide(Events.layer)))

  it.effect("tells nothing any more of a removed stream when its id comes again", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.raise(hot, { streamId: "a" })
      yield* events.set(open, { streamId: "a" })
      yield* events.raise(hot, { streamId: "b" })
      yield* events.removeStream("a")
      yield* events.set(open, { streamId: "a" })
      yield* events.raise(hot, { streamId: "a" })
      yield* events.removeStream("b")
      yield* events.set(open, { streamId: "b" })

      assert.deepStrictEqual(briefs(yield* events.snapshot), ["status open/a", "alert hot/a", "status open/b"])
    }).pipe(Effect.provide(Events.layer)))

  it.effect("does not let created_at go back when the machine's clock does, nor keep what has run out", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      const clock = yield* Clock.Clock
      let millis = 100_000.7
      let elapsed = 0n
      const turnable: Clock.Clock = Object.assign(Object.create(clock), {
        currentTimeMillisUnsafe: () => millis,
        monotonicTimeNanosUnsafe: () => elapsed
      })
      yield* Effect.gen(function*() {
        yield* events.raise(hot, { streamId: "a" })
        millis = 50_000
        yield* events.raise(hot, { streamId: "b" })
        yield* events.clear(hot, { streamId: "a" })
        assert.deepStrictEqual((yield* events.snapshot).map(atMillis), [100_000, 100_000])

        millis = 0
        elapsed = 30_000_000_000n
        assert.deepStrictEqual(briefs(yield* events.snapshot), ["alert hot/b"])
      }).pipe(Effect.provideService(Clock.Clock, turnable))
    }).pipe(Effect.provide(Events.layer)))

  it.effect("shows two readers the same, and does not change by being read", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.raise(hot)
      yield* events.clear(hot)
      yield* events.set(open)

      const one = yield* events.snapshot
      const two = yield* events.snapshot

      assert.deepStrictEqual(two, one)
      assert.deepStrictEqual(briefs(two), ["alert hot/", "status open/"])
    }).pipe(Effect.provide(Events.layer)))

  it.effect("tells of an event whose metadata does not encode, and what is wrong with that", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      const typed = Event.alert("typed", {
        message: "typed",
        severity: "INFO",
        metadata: Schema.Struct({ n: Schema.Int })
      })
      yield* events.raise(typed, { streamId: "s", metadata: { n: 0.5 } })

      assert.deepStrictEqual(value((yield* events.snapshot)[0]).metadata, {
        ErrorMessage: "metadata does not encode: Expected an integer\n  at [\"n\"]",
        StreamID: "s",
        ExtraMessage: {}
      })
    }).pipe(Effect.provide(Events.layer)))

  it.effect("cuts long messages", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.set(open, { message: "ä".repeat(1_000_000) })

      const { message } = value((yield* events.snapshot)[0])
      assert.strictEqual(message, `${"ä".repeat(2046)}…`)
      assert.isAtMost(new TextEncoder().encode(message).byteLength, 4096)
    }).pipe(Effect.provide(Events.layer)))

  it.effect("takes limits of one's own", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.raise(hot)
      yield* events.clear(hot)
      yield* TestClock.adjust("2 seconds")

      assert.lengthOf(yield* events.snapshot, 0)
    }).pipe(Effect.provide(Events.layerOptions({ retention: "2 seconds" }))))
})

describe("Events.changes", () => {
  const watch = Effect.gen(function*() {
    const events = yield* Events.Events
    const seen = yield* Queue.unbounded<ReadonlyArray<string>>()
    yield* events.changes.pipe(
      Stream.runForEach((snapshot) => Queue.offer(seen, briefs(snapshot))),
      Effect.forkScoped({ startImmediately: true })
    )
    return seen
  })

  it.effect("gives what is in force first, then each change, and nothing for what changes nothing", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.set(open)
      const seen = yield* watch
      assert.deepStrictEqual(yield* Queue.take(seen), ["status open/"])
      yield* events.set(open)
      yield* TestClock.adjust("1 second")
      yield* events.raise(hot)
      assert.deepStrictEqual(yield* Queue.take(seen), ["status open/", "alert hot/"])
      yield* events.set(shut)
      assert.deepStrictEqual(yield* Queue.take(seen), ["alert hot/", "status shut/"])
      yield* TestClock.adjust("1 hour")

      assert.strictEqual(yield* Queue.size(seen), 0)
    }).pipe(Effect.provide(Events.layer)))

  it.effect("sees events run out, without anybody else doing anything", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      yield* events.set(open, { streamId: "a" })
      yield* events.raise(hot)
      const readers = [yield* watch, yield* watch]
      yield* TestClock.adjust("1 second")
      yield* events.clear(hot)
      yield* TestClock.adjust("10 seconds")
      yield* events.removeStream("a")
      yield* TestClock.adjust("20 seconds")
      yield* TestClock.adjust("10 seconds")

      for (const seen of readers) {
        assert.deepStrictEqual(yield* Queue.takeAll(seen), [
          ["status open/a", "alert hot/"],
          ["status open/a", "alert hot/"],
          ["status open/a"],
          []
        ])
      }
    }).pipe(Effect.provide(Events.layer)))

  it.effect("waits with no timer when nothing will run out, and leaves none behind", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      const clock = yield* Clock.Clock
      let asleep = 0
      const counting: Clock.Clock = Object.assign(Object.create(clock), {
        sleep: () =>
          Effect.acquireUseRelease(Effect.sync(() => asleep++), () => Effect.never, () => Effect.sync(() => asleep--))
      })
      const reader = yield* events.changes.pipe(
        Stream.runDrain,
        Effect.provideService(Clock.Clock, counting),
        Effect.forkChild({ startImmediately: true })
      )
      yield* events.raise(hot)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(asleep, 0)
      yield* events.clear(hot)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(asleep, 1)
      yield* events.raise(hot)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(asleep, 0)
      yield* events.clear(hot)
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(reader)

      assert.strictEqual(asleep, 0)
    }).pipe(Effect.provide(Events.layer)))

  it.effect("tells changes in a row as one", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      const seen = yield* watch
      assert.lengthOf(yield* Queue.take(seen), 0)
      yield* Effect.forEach(Array.from({ length: 100 }, (_, n) => String(n)), (streamId) =>
        events.raise(hot, { streamId }))

      assert.lengthOf(yield* Queue.take(seen), 100)
    }).pipe(Effect.provide(Events.layer)))

  it.effect("lets a slow reader miss steps between, never the last", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      const counts: Array<number> = []
      const reader = yield* events.changes.pipe(
        Stream.tap(() => Effect.sleep("1 second")),
        Stream.runForEach((snapshot) => Effect.sync(() => counts.push(snapshot.length))),
        Effect.forkChild({ startImmediately: true })
      )
      for (let n = 1; n <= 1000; n++) yield* events.raise(hot, { streamId: String(n) })
      yield* TestClock.adjust("1 minute")

      assert.strictEqual(counts.at(-1), 1000)
      assert.isAtMost(counts.length, 3)
      yield* Fiber.interrupt(reader)
    }).pipe(Effect.provide(Events.layer)))
})
