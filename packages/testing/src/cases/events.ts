/**
 * Group E: alerts and statuses.
 *
 * @since 0.1.0
 */
import { toBinary } from "@bufbuild/protobuf"
import { GetEventsResponseSchema } from "@kps/idl"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Case } from "../Case.ts"
import * as Deadline from "../Deadline.ts"
import type { Driver } from "../Driver.ts"
import * as EventView from "../EventView.ts"
import { expect, Mismatch, show } from "../Outcome.ts"
import type { TestStream } from "../TestStream.ts"

/** A stream in trouble, and what ends the trouble. */
const troubled = Effect.fnUntraced(function*(driver: Driver) {
  const faults = driver.subject.outside?.faults
  if (faults !== undefined) {
    const stream = yield* driver.stream()
    yield* driver.start(stream)
    yield* Effect.addFinalizer(() => Effect.ignore(faults.mend))
    yield* faults.break
    return { stream, mend: faults.mend, how: "its outside was broken" }
  }
  const direction = driver.directionWith(({ unreachable }) => unreachable)
  const away = yield* driver.stream({ direction, sample: "unreachable" })
  const there = yield* driver.stream({ direction })
  yield* driver.setStreams(away)
  return {
    stream: away,
    mend: Effect.asVoid(driver.setStreams({ ...there, id: away.id, channel: away.channel })),
    how: "it was unreachable"
  }
})

const nanosPerHour = 3_600_000_000_000n

/** Since when each event is what it is; fails where one does not say, or says what cannot be. */
const times = Effect.fnUntraced(function*(driver: Driver, events: ReadonlyArray<EventView.EventView>) {
  const now = BigInt(yield* Clock.currentTimeMillis) * 1_000_000n
  const found = new Map<string, bigint>()
  for (const event of events) {
    const { createdAt } = event
    if (createdAt === undefined) {
      return yield* new Mismatch({ expected: `created_at of ${EventView.text(event)}`, got: "none" })
    }
    yield* expect(
      createdAt > now - 24n * 365n * nanosPerHour && createdAt < now + nanosPerHour,
      `created_at of ${EventView.text(event)} to be a time of this year`,
      `${createdAt} ns since the Unix epoch`
    )
    found.set(EventView.key(event), createdAt)
  }
  return found
})

/** Each may raise an alert. They are given in slices, as many as there is time for. */
const failures = 1_000_000
const slice = 20_000
const leastFailures = 20_000

const maxEvents = 10_000
const maxBytes = 4 << 20

const ofStreams = (events: ReadonlyArray<EventView.EventView>, streams: ReadonlyArray<TestStream>) =>
  events.filter(({ streamId }) => streams.some(({ id }) => id === streamId))

/** What two scrapers must see alike: retries change the metadata of an alert between two looks. */
const alike = (events: ReadonlyArray<EventView.EventView>) =>
  events.map((event) => `${EventView.text(event)} since ${event.createdAt}`).toSorted()

/** @since 0.1.0 */
export const cases: ReadonlyArray<Case> = [
  {
    id: "E25",
    title: "an alert is raised and cleared; the events of a removed stream go",
    expected: "an alert while the stream fails, none after it recovered, nothing half a minute after it was removed",
    level: "full",
    door: "wire",
    timeout: "80 seconds",
    requires: ["failure"],
    run: Effect.fnUntraced(function*(driver) {
      const { how, mend, stream } = yield* troubled(driver)
      const look = (want: boolean) =>
        Effect.map(
          driver.eventsOf(stream),
          (events) => events.some(EventView.isStanding) === want ? undefined : EventView.texts(events)
        )
      yield* driver.eventually(`an alert about ${stream.id} while ${how}`, look(true))
      const raised = (yield* driver.eventsOf(stream)).filter(EventView.isStanding)
      yield* mend
      yield* driver.eventually(`no alert about ${stream.id} after it recovered`, look(false))
      yield* driver.setNothing
      yield* driver.eventually(
        `no events of ${stream.id}, which was removed`,
        Effect.map(driver.eventsOf(stream), (events) => events.length === 0 ? undefined : EventView.texts(events)),
        driver.subject.patience.forgotten
      )
      return `${EventView.texts(raised)}, then none, then no events`
    })
  },
  {
    id: "E26",
    title: "when an event came",
    expected: "created_at is set and does not go backwards",
    level: "core",
    door: "wire",
    requires: [],
    run: Effect.fnUntraced(function*(driver) {
      const direction = driver.directionWith(({ unreachable }) => unreachable)
      const streams = [
        yield* driver.stream(),
        ...(direction === undefined ? [] : [yield* driver.stream({ direction, sample: "unreachable" })])
      ]
      yield* driver.setStreams(...streams)
      yield* driver.eventually(
        "at least one event of the streams that were started",
        Effect.map(driver.events, (events) => ofStreams(events, streams).length > 0 ? undefined : "none")
      )
      let before = new Map<string, bigint>()
      let count = 0
      for (let n = 0; n < 4; n++) {
        const after = yield* times(driver, yield* driver.events)
        for (const [key, at] of after) {
          const was = before.get(key)
          yield* expect(was === undefined || at >= was, `created_at of ${key} not before ${was}`, `${at}`)
        }
        count = Math.max(count, after.size)
        before = after
        // started again: what is told anew must not be older
        yield* driver.setNothing
        yield* driver.setStreams(...streams)
      }
      return `set on ${count} events, and not going backwards over four looks`
    })
  },
  {
    id: "E28",
    title: "a million failures",
    expected: `an answer of at most ${maxEvents} events and 4 MiB, in time`,
    level: "full",
    door: "wire",
    timeout: "60 seconds",
    requires: ["egress"],
    run: Effect.fnUntraced(function*(driver) {
      const stream = yield* driver.stream({ direction: "EGRESS" })
      yield* driver.start(stream)
      const { patience, pipeline } = driver.subject
      const until = (yield* Clock.currentTimeMillis) + Duration.toMillis(patience.longest)
      let given = 0
      while (given < failures && (given < leastFailures || (yield* Clock.currentTimeMillis) < until)) {
        yield* pipeline.inject(stream.channel, slice)
        given += slice
      }
      yield* driver.quiet
      const reply = yield* driver.ok("GetEvents", yield* Deadline.kept(driver, "GetEvents", driver.wire.getEvents()))
      const bytes = toBinary(GetEventsResponseSchema, reply).length
      const count = reply.eventPayloads.length
      const got = `${count} events in ${bytes} bytes`
      yield* expect(count <= maxEvents && bytes <= maxBytes, "a bounded answer", got)
      return `${got}, after ${given} malformed frames on the channel`
    })
  },
  {
    id: "E29",
    title: "two scrapers",
    expected: "both see the same, and reading changes nothing",
    level: "full",
    door: "wire",
    requires: [],
    run: Effect.fnUntraced(function*(driver) {
      const direction = driver.directionWith(({ unreachable }) => unreachable)
      const streams = [
        yield* driver.stream(),
        ...(direction === undefined ? [] : [yield* driver.stream({ direction, sample: "unreachable" })])
      ]
      yield* driver.setStreams(...streams)
      let last = ["", ""]
      // something may change between two looks, but not each time
      for (let n = 0; n < 5; n++) {
        const [first, second] = yield* Effect.all([driver.events, driver.events], { concurrency: 2 })
        const third = yield* driver.events
        const [a, b, c] = [alike(first), alike(second), alike(third)]
        yield* expect(a.length > 0 || n < 4, "at least one event", "none")
        if (a.length > 0 && show(a) === show(b) && show(b) === show(c)) {
          return `${a.length} events, the same to both and once more`
        }
        last = [a.join(", "), show(a) === show(b) ? c.join(", ") : b.join(", ")]
        yield* Effect.sleep("100 millis")
      }
      return yield* new Mismatch({ expected: `what the first scraper saw, ${show(last[0])}`, got: show(last[1]) })
    })
  }
]
