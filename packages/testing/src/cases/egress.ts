/**
 * Group G: from the channel to outside.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Case } from "../Case.ts"
import type { Driver } from "../Driver.ts"
import * as EventView from "../EventView.ts"
import * as Flow from "../Flow.ts"
import { BedFailed, expect, show } from "../Outcome.ts"
import type { TestStream } from "../TestStream.ts"

const malformedFrames = 7
const graceMillis = 15_000

/** Waits for an alert of this name about a stream that counts so many. */
const deadLettered = (driver: Driver, stream: TestStream, count: number) =>
  driver.eventually(
    `an alert messageDeadLettered about ${stream.id} that says ${count}`,
    Effect.map(driver.eventsOf(stream), (events) => {
      const alert = events.find((event) => EventView.isStanding(event) && event.name === "messageDeadLettered")
      if (alert === undefined) return EventView.texts(events)
      return new RegExp(`\\b${count}\\b`).test(JSON.stringify(alert.metadata["ExtraMessage"])) ? undefined : show(alert)
    })
  )

/** @since 0.1.0 */
export const cases: ReadonlyArray<Case> = [
  {
    id: "G42",
    title: "a payload that the outside never takes",
    expected: "an alert that it is a dead letter, and what is behind it flows",
    level: "full",
    door: "wire",
    timeout: "40 seconds",
    requires: ["observe", "refusing"],
    run: Effect.fnUntraced(function*(driver) {
      const refusing = driver.subject.description.streams.egress?.refusing
      if (refusing === undefined) return yield* new BedFailed({ problem: "no refusing stream" })
      const stream = yield* driver.stream({ direction: "EGRESS", metadata: refusing.metadata })
      yield* driver.start(stream)
      const collected = yield* Flow.collect(driver, stream)
      yield* Flow.send(driver, stream, Flow.numbered(stream, 0, 1))
      yield* Flow.send(driver, stream, [refusing.payload])
      yield* Flow.send(driver, stream, Flow.numbered(stream, 1, 3))
      yield* Flow.all(driver, stream, collected, 3)
      yield* expect(collected.texts().length === 3, "nothing but the three payloads", show(collected.texts()))
      yield* deadLettered(driver, stream, 1)
      return "an alert says that it is a dead letter, and what was behind it came"
    })
  },
  {
    id: "G43",
    title: "malformed frames on the channel",
    expected: "alerts that count them, skipped and kept as dead letters, and what is behind them flows",
    level: "full",
    door: "wire",
    requires: ["observe"],
    run: Effect.fnUntraced(function*(driver) {
      const stream = yield* driver.stream({ direction: "EGRESS" })
      yield* driver.start(stream)
      const collected = yield* Flow.collect(driver, stream)
      yield* Flow.send(driver, stream, Flow.numbered(stream, 0, 1))
      yield* driver.subject.pipeline.inject(stream.channel, malformedFrames)
      yield* Flow.send(driver, stream, Flow.numbered(stream, 1, 3))
      yield* Flow.all(driver, stream, collected, 3)
      yield* expect(collected.texts().length === 3, "nothing but the three payloads", show(collected.texts()))
      yield* driver.eventually(
        `an alert about ${stream.id} that says ${malformedFrames}`,
        Effect.map(driver.eventsOf(stream), (events) => {
          const alerts = events.filter(EventView.isStanding)
          const counts = alerts.some(({ message, metadata }) =>
            new RegExp(`\\b${malformedFrames}\\b`).test(`${message} ${JSON.stringify(metadata)}`)
          )
          return counts ? undefined : alerts.length === 0 ? EventView.texts(events) : show(alerts)
        })
      )
      yield* deadLettered(driver, stream, malformedFrames)
      return `${malformedFrames} malformed frames: alerts count them, and what was behind them came`
    })
  },
  {
    id: "G44",
    title: "code that throws on a payload",
    expected: "that stream is affected, the others and the process are not",
    level: "full",
    door: "wire",
    requires: ["throwing"],
    run: Effect.fnUntraced(function*(driver) {
      const stream = yield* driver.stream({ direction: "EGRESS", sample: "throwing" })
      const neighbour = yield* driver.stream({ direction: "EGRESS" })
      yield* driver.start(stream, neighbour)
      yield* Flow.send(driver, stream, Flow.numbered(stream, 0, 1))
      yield* driver.eventually(
        `an alert about ${stream.id}`,
        Effect.map(
          driver.eventsOf(stream),
          (events) => events.some(EventView.isStanding) ? undefined : EventView.texts(events)
        )
      )
      yield* Flow.flows(driver, neighbour)
      const told = (yield* driver.eventsOf(neighbour)).filter(EventView.isStanding)
      yield* expect(told.length === 0, `no alert about ${neighbour.id}`, EventView.texts(told))
      return "an alert about the stream; its neighbour flows, without one"
    })
  },
  {
    id: "G45",
    title: "two replicas that run the same stream",
    expected: "each payload is handed on once, by one of them",
    level: "full",
    door: "process",
    timeout: "60 seconds",
    requires: ["observe", "replica"],
    run: Effect.fnUntraced(function*(driver) {
      const { replica } = driver.subject
      if (replica === undefined) return yield* new BedFailed({ problem: "no second replica" })
      const other = driver.over(yield* replica)
      const stream = yield* driver.stream({ direction: "EGRESS" })
      yield* driver.start(stream)
      yield* other.start(stream)
      const collected = yield* Flow.collect(driver, stream)
      const rounds = 20
      const each = 25
      for (let n = 0; n < rounds; n++) {
        yield* Flow.send(driver, stream, Flow.numbered(stream, n * each, (n + 1) * each))
        // so that it is not all one batch of one of them
        yield* Effect.sleep("5 millis")
      }
      const numbers = () => Flow.numbersOf(stream, collected)
      const expected = `all ${rounds * each} payloads, each once, in any order`
      yield* driver.eventually(
        expected,
        Effect.sync(() => {
          const different = new Set(numbers()).size
          return different === rounds * each ? undefined : `${different} of them`
        })
      )
      // what comes once more comes later
      yield* driver.quiet
      const flaw = Flow.flaw(numbers().toSorted((a, b) => a - b), rounds * each)
      yield* expect(flaw === undefined, expected, flaw ?? "")
      return `${rounds * each} payloads through two replicas, each once`
    })
  },
  {
    id: "G47",
    title: "SIGTERM under load",
    expected: "what was on the channel before is delivered, in order, and the exit code is 0",
    level: "full",
    door: "process",
    timeout: "40 seconds",
    requires: ["observe", "process"],
    run: Effect.fnUntraced(function*(driver) {
      const { process } = driver.subject
      if (process === undefined) return yield* new BedFailed({ problem: "no process" })
      const stream = yield* driver.stream({ direction: "EGRESS" })
      yield* driver.start(stream)
      const collected = yield* Flow.collect(driver, stream)
      let sent = 0
      const load = Effect.suspend(() => {
        const payloads = Flow.numbered(stream, sent, sent + 200)
        return Effect.tap(Flow.send(driver, stream, payloads), () => Effect.sync(() => sent += 200))
      })
      yield* Effect.repeat(load, { times: 20 })
      const loading = yield* Effect.forkChild(Effect.forever(Effect.andThen(load, Effect.sleep("2 millis"))))
      const before = sent
      const start = yield* Clock.currentTimeMillis
      yield* process.signal("SIGTERM")
      const exit = yield* Effect.timeoutOrElse(process.exit, {
        duration: graceMillis,
        orElse: () => Effect.succeed(`no exit within ${graceMillis} ms`)
      })
      const millis = (yield* Clock.currentTimeMillis) - start
      yield* Fiber.interrupt(loading)
      yield* expect(exit === 0, "exit code 0", `${exit}`)
      const numbers = Flow.numbersOf(stream, collected)
      const flaw = Flow.flaw(numbers, numbers.length)
      yield* expect(flaw === undefined, "what was delivered in order, without a gap", flaw ?? "")
      yield* driver.eventually(
        `the ${before} payloads that were on the channel before`,
        Effect.sync(() => {
          const came = Flow.numbersOf(stream, collected).length
          return came >= before ? undefined : `${came} of them`
        })
      )
      return `${before} payloads before SIGTERM, ${numbers.length} delivered in order, exit code 0 after ${millis} ms`
    })
  },
  {
    id: "G49",
    title: "saturated, paused, resumed",
    expected: "calls are answered meanwhile, and what comes out is in order and goes on",
    level: "full",
    door: "wire",
    timeout: "40 seconds",
    requires: ["observe", "pause"],
    run: Effect.fnUntraced(function*(driver) {
      const pause = driver.subject.outside?.pause
      if (pause === undefined) return yield* new BedFailed({ problem: "no pause" })
      const count = 20_000
      const stream = yield* driver.stream({ direction: "EGRESS" })
      yield* driver.start(stream)
      const collected = yield* Flow.collect(driver, stream)
      yield* Effect.acquireRelease(pause.hold, () => pause.release)
      yield* Flow.send(driver, stream, Flow.numbered(stream, 0, count))
      yield* driver.quiet
      yield* driver.ok("GetEvents while the outside takes nothing", yield* driver.wire.getEvents())
      yield* driver.list
      yield* pause.release
      yield* Flow.send(driver, stream, Flow.numbered(stream, count, count + 1))
      const numbers = () => Flow.numbersOf(stream, collected)
      yield* driver.eventually(
        "what was given after the pause",
        Effect.sync(() => numbers().includes(count) ? undefined : `${numbers().length} payloads, none of them the last`)
      )
      const firsts = [...new Set(numbers())]
      const late = firsts.find((number, n) => n > 0 && number < firsts[n - 1]!)
      yield* expect(late === undefined, "numbers that only go up", `${late} late`)
      const lost = count + 1 - firsts.length
      if (lost > 0) {
        const told = (yield* driver.eventsOf(stream)).filter(({ kind }) => kind === "alert")
        yield* expect(told.length > 0, `an alert about the ${lost} payloads that were dropped`, "none")
      }
      return `${firsts.length} of ${count + 1} payloads in order, and it goes on`
    })
  }
]
