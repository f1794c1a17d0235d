/**
 * C05 to C09, C16: what a SetPayload changes, and what it leaves alone.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type { Case } from "../Case.ts"
import type { Driver } from "../Driver.ts"
import * as Flow from "../Flow.ts"
import { expect, Mismatch, same, show } from "../Outcome.ts"
import * as Template from "../Template.ts"
import * as TestStream from "../TestStream.ts"

/** When each status of a stream came: a stream that was restarted has new ones. */
const since = (driver: Driver, stream: TestStream.TestStream) =>
  Effect.map(
    driver.eventsOf(stream),
    (events) =>
      events.filter(({ kind, name }) => kind === "status" && /start/i.test(name)).map(({ createdAt }) => `${createdAt}`)
  )

/** Fails when a status says that the stream was started again meanwhile. */
const untouched = <E, R>(driver: Driver, stream: TestStream.TestStream, during: Effect.Effect<void, E, R>) =>
  Effect.gen(function*() {
    const before = yield* since(driver, stream)
    const count = yield* Flow.uninterrupted(driver, stream, during)
    const after = yield* since(driver, stream)
    // once something has flowed another status may have taken the place of the one about the start
    if (after.length > 0) yield* same(`${stream.id} started at`, before, after)
    const list = yield* driver.asked
    const listed = list.find(({ id }) => id === stream.id)
    yield* expect(listed?.subscribed === true, `${stream.id} subscribed throughout`, TestStream.text(list))
    return count
  })

/** The same stream with other parameters, under the same id and channel. */
const changed = Effect.fnUntraced(function*(driver: Driver, stream: TestStream.TestStream) {
  const sample = driver.samples(stream.direction)
  const other = yield* driver.stream({
    direction: stream.direction,
    sample: sample?.changed === undefined ? "working" : "changed"
  })
  return { ...other, id: stream.id, channel: stream.channel }
})

/** @since 0.1.0 */
export const cases: ReadonlyArray<Case> = [
  {
    id: "C05",
    title: "the same SetPayload five times",
    expected: "the same state, no restart, no gap in the data",
    level: "core",
    door: "wire",
    requires: [],
    run: Effect.fnUntraced(function*(driver) {
      const stream = yield* driver.stream()
      yield* driver.start(stream)
      const before = yield* driver.asked
      const count = yield* untouched(
        driver,
        stream,
        Effect.gen(function*() {
          for (let n = 1; n <= 5; n++) {
            yield* driver.ok(`SetPayload, repeated ${n} times`, yield* driver.setStreams(stream))
          }
        })
      )
      yield* same("the list", before, yield* driver.asked)
      return `five times OK, the same list, ${Flow.seen(count)}`
    })
  },
  {
    id: "C06",
    title: "a SetPayload with config alone",
    expected: "the streams go on",
    level: "core",
    door: "wire",
    requires: [],
    run: Effect.fnUntraced(function*(driver) {
      const stream = yield* driver.stream()
      const [config = {}] = driver.subject.description.config.valid ?? []
      yield* driver.start(stream)
      const count = yield* untouched(
        driver,
        stream,
        Effect.flatMap(driver.setConfig(config), (reply) => Effect.asVoid(driver.ok("SetPayload of a config", reply)))
      )
      return `OK, the stream is still subscribed, ${Flow.seen(count)}`
    })
  },
  {
    id: "C07",
    title: "a SetPayload with streams alone",
    expected: "the config stays",
    level: "full",
    door: "wire",
    requires: ["config"],
    run: Effect.fnUntraced(function*(driver) {
      const [config = {}] = driver.subject.description.config.valid ?? []
      yield* driver.ok("SetPayload of a config", yield* driver.setConfig(config))
      const before = yield* driver.config
      const shown = Object.entries(config).every(([key, value]) => Equal.equals(before[key], value))
      yield* expect(shown, `the config that was set, ${show(config)}`, show(before))
      yield* driver.start(yield* driver.stream())
      yield* same("the config after the streams", before, yield* driver.config)
      return `${show(before)} before and after`
    })
  },
  {
    id: "C08",
    title: "a stream that a SetPayload leaves out, then an empty SetPayload",
    expected: "that stream stops and the others are untouched; an empty request stops all",
    level: "core",
    door: "wire",
    requires: [],
    run: Effect.fnUntraced(function*(driver) {
      const [gone, stays] = [yield* driver.stream(), yield* driver.stream()]
      yield* driver.start(gone, stays)
      const count = yield* untouched(
        driver,
        stays,
        Effect.flatMap(driver.setStreams(stays), (reply) => Effect.asVoid(driver.ok("SetPayload of one of two", reply)))
      )
      yield* driver.asksFor("streams after one was left out", stays)
      const looked = yield* Flow.silent(driver, gone, "which was left out")
      yield* driver.ok("SetPayload without payloads", yield* driver.setNothing)
      yield* driver.asksFor("streams after an empty request")
      yield* Flow.silent(driver, stays, "stopped by an empty request")
      return `left out: stopped${looked ? ", and nothing flows" : ""}; the other: ${
        Flow.seen(count)
      }; empty: no streams`
    })
  },
  {
    id: "C09",
    title: "a stream with changed metadata, then with a changed channel",
    expected: "restarted with the new one, and reported only then",
    level: "core",
    door: "wire",
    requires: ["change"],
    run: Effect.fnUntraced(function*(driver) {
      const direction = driver.directionWith(({ changed, working }) =>
        Template.uses(working, "stream") ? working : changed
      )
      const stream = yield* driver.stream({ direction })
      yield* driver.start(stream)
      const next = yield* changed(driver, stream)
      yield* driver.start(next)
      const looked = yield* Flow.flows(driver, next)
      const own = Template.uses(driver.samples(stream.direction)?.working, "stream")
      if (looked && own) yield* Flow.silent(driver, { ...stream, channel: next.channel }, "by its old parameters")
      yield* reports(driver, next)

      const moved = { ...next, channel: `${next.channel}.moved` }
      yield* driver.start(moved)
      yield* Flow.flows(driver, moved)
      yield* Flow.silent(driver, next, "moved to another channel")
      yield* reports(driver, moved)
      return looked
        ? "data flows by the new parameters alone, and on the new channel"
        : "listed with what is new; data not looked at: the description has no way to give and see it"
    })
  },
  {
    id: "C16",
    title: "eight SetPayload at the same time",
    expected: "the result is one of the eight, whole",
    level: "full",
    door: "wire",
    requires: [],
    run: Effect.fnUntraced(function*(driver) {
      const shared = yield* driver.stream()
      const sets = yield* Effect.forEach(
        Array.from({ length: 8 }),
        (_, n) => Effect.map(driver.stream(), (own) => [own, { ...shared, channel: `${shared.channel}.${n}` }] as const)
      )
      yield* Effect.forEach(sets, (set) => driver.setStreams(...set), { concurrency: "unbounded" })
      const list = yield* driver.asked
      const found = sets.find((set) =>
        set.length === list.length &&
        set.every(({ channel, id }) => list.some((listed) => listed.id === id && listed.channel === channel))
      )
      yield* expect(found !== undefined, "the two streams of one of the eight requests", TestStream.text(list))
      yield* expect(list.every(({ subscribed }) => subscribed), "both subscribed", TestStream.text(list))
      for (const stream of found ?? []) yield* Flow.flows(driver, stream)
      return TestStream.text(list)
    })
  }
]

const reports = Effect.fnUntraced(function*(driver: Driver, stream: TestStream.TestStream) {
  const list = yield* driver.asked
  const [listed] = list
  if (listed === undefined || list.length > 1) {
    return yield* new Mismatch({ expected: `${stream.id} alone`, got: TestStream.text(list) })
  }
  const shown = Object.entries(stream.metadata).every(([key, value]) => Equal.equals(listed.metadata[key], value))
  yield* expect(shown, `metadata ${show(stream.metadata)}`, show(listed.metadata))
  yield* expect(listed.channel === stream.channel, `channel "${stream.channel}"`, `"${listed.channel}"`)
})
