/**
 * Group I: from outside to the channel.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Case } from "../Case.ts"
import * as Flow from "../Flow.ts"
import { BedFailed, expect } from "../Outcome.ts"
import * as Reply from "../Reply.ts"
import { broken } from "./brokerAway.ts"
import { lossless } from "./killed.ts"
import { wrongPositions } from "./wrongPositions.ts"

/** A probe that `requires` has looked for. */
const needed = <A>(probe: A | undefined, what: string): Effect.Effect<A, BedFailed> =>
  probe === undefined ? Effect.fail(new BedFailed({ problem: `no ${what}` })) : Effect.succeed(probe)

const tryWindow = Duration.seconds(3)
/** "Not more than a few tries a second", over the window and its first second. */
const mostTries = 15

/** The waits between the tries of a stream, in milliseconds. */
const waits = (at: ReadonlyArray<number>): ReadonlyArray<number> => at.slice(1).map((next, n) => next - at[n]!)

const mostPulled = 100_000

/** @since 0.1.0 */
export const cases: ReadonlyArray<Case> = [
  {
    id: "I30",
    title: "SIGKILL between publishing and acknowledging, or saving a position",
    expected: "no gap, whether the source forgets what was acknowledged or keeps its data; what comes again is no flaw",
    level: "full",
    door: "process",
    timeout: "150 seconds",
    requires: ["sources", "process", "line"],
    run: lossless
  },
  {
    id: "I31",
    title: "when the source is acknowledged",
    expected: "only after the transport has confirmed",
    level: "full",
    door: "library",
    requires: ["feed", "gate", "acknowledged"],
    run: Effect.fnUntraced(function*(driver) {
      const { probes } = driver.subject
      const acknowledged = yield* needed(probes?.acknowledged, "acknowledgements")
      const gate = yield* needed(probes?.gate, "gate")
      const stream = yield* driver.stream({ direction: "INGRESS" })
      yield* driver.start(stream)
      const collected = yield* Flow.collect(driver, stream)
      yield* Effect.acquireRelease(gate.hold, () => gate.release)
      yield* Flow.send(driver, stream, Flow.numbered(stream, 0, 10))
      yield* driver.quiet
      const early = acknowledged(stream.name)
      yield* expect(early === 0, "nothing acknowledged while the transport takes nothing", `${early} acknowledged`)
      yield* gate.release
      yield* driver.eventually(
        "10 payloads on the channel, then acknowledged",
        Effect.sync(() => {
          const [came, told] = [collected.texts().length, acknowledged(stream.name)]
          return came === 10 && told === 10 ? undefined : `${came} on the channel, ${told} acknowledged`
        })
      )
      return "0 acknowledged while the transport took nothing, 10 after it had them"
    })
  },
  {
    id: "I32",
    title: "the platform's broker is away for ten seconds",
    expected: "bounded memory, no exit, and everything goes on by itself",
    level: "full",
    door: "process",
    timeout: "60 seconds",
    requires: ["feed", "process", "broker"],
    run: broken
  },
  {
    id: "I34",
    title: "order, through retries and packing",
    expected: "payloads come in the order in which they were given",
    level: "full",
    door: "wire",
    timeout: "30 seconds",
    requires: ["feed"],
    run: Effect.fnUntraced(function*(driver) {
      const { broker } = driver.subject
      const stream = yield* driver.stream({ direction: "INGRESS" })
      yield* driver.start(stream)
      const collected = yield* Flow.collect(driver, stream)
      const rounds = 20
      const each = 50
      for (let n = 0; n < rounds; n++) {
        if (broker !== undefined && n === 5) yield* broker.leave
        if (broker !== undefined && n === 10) yield* broker.back
        yield* Flow.send(driver, stream, Flow.numbered(stream, n * each, (n + 1) * each))
        yield* Effect.sleep("2 millis")
      }
      const numbers = () => Flow.numbersOf(stream, collected)
      const last = rounds * each - 1
      yield* driver.eventually(
        `payload ${last}`,
        Effect.sync(() => numbers().includes(last) ? undefined : `${numbers().length} payloads, none of them the last`)
      )
      // what was held back comes behind it
      yield* driver.quiet
      yield* inOrder(numbers(), broker !== undefined, rounds * each)
      return `${new Set(numbers()).size} of ${rounds * each} payloads in order${
        broker === undefined ? "" : ", with the platform's broker away in between"
      }`
    })
  },
  {
    id: "I35",
    title: "a source that is far faster than the transport",
    expected: `at most ${mostPulled} payloads are taken from it while nothing can be handed on`,
    level: "full",
    door: "library",
    requires: ["flood", "gate"],
    run: Effect.fnUntraced(function*(driver) {
      const { probes } = driver.subject
      const gate = yield* needed(probes?.gate, "gate")
      const flood = yield* needed(probes?.flood, "flood")
      const pulled = yield* needed(probes?.pulled, "count of what was taken")
      const stream = yield* driver.stream({ direction: "INGRESS" })
      yield* driver.start(stream)
      yield* Effect.acquireRelease(gate.hold, () => gate.release)
      yield* flood(stream.name)
      yield* driver.eventually(
        `at most ${mostPulled} payloads taken, and then no more`,
        Effect.gen(function*() {
          const before = pulled(stream.name)
          yield* driver.quiet
          const after = pulled(stream.name)
          yield* expect(after <= mostPulled, `at most ${mostPulled} payloads taken`, `${after}`)
          if (after === 0) return "none yet"
          return after === before ? undefined : `${after}, and growing`
        })
      )
      const held = pulled(stream.name)
      yield* gate.release
      yield* driver.eventually(
        "more once the transport takes them",
        Effect.sync(() => pulled(stream.name) > held ? undefined : `${held} as before`)
      )
      return `${held} payloads taken while the transport took nothing, more after that`
    })
  },
  {
    id: "I36",
    title: "a source that fails again and again",
    expected: `back-off with jitter: at most ${mostTries} tries in 3 s`,
    level: "full",
    door: "wire",
    requires: ["unreachable", "tries"],
    run: Effect.fnUntraced(function*(driver) {
      const tries = yield* needed(driver.subject.outside?.tries, "count of tries")
      const direction = driver.directionWith(({ unreachable }) => unreachable)
      const streams = yield* Effect.forEach(
        Array.from({ length: 4 }),
        () => driver.stream({ direction, sample: "unreachable" })
      )
      yield* driver.setStreams(...streams)
      yield* Effect.sleep(tryWindow)
      const all = streams.map(({ name }) => tries(name))
      const counts = all.map(({ length }) => length)
      yield* expect(
        counts.every((count) => count >= 2 && count <= mostTries),
        `2 to ${mostTries} tries of each stream in ${Duration.format(tryWindow)}`,
        counts.join(", ")
      )
      const [first = [], ...others] = all.map(waits)
      const jittered = others.some((other) =>
        other.some((wait, n) => first[n] !== undefined && Math.abs(wait - first[n]) > 2)
      )
      yield* expect(
        jittered,
        "waits that differ between streams which fail together",
        `${first.map(Math.round).join(", ")} ms for all`
      )
      return `${counts.join(", ")} tries in 3 s, with different waits`
    })
  },
  {
    id: "I39",
    title: "a stream that starts again when half of what it read is acknowledged",
    expected: "what was not acknowledged comes again, in order, and nothing else",
    level: "full",
    door: "library",
    requires: ["feed", "gate", "acknowledged", "keeps"],
    run: Effect.fnUntraced(function*(driver) {
      const { probes } = driver.subject
      const acknowledged = yield* needed(probes?.acknowledged, "acknowledgements")
      const gate = yield* needed(probes?.gate, "gate")
      const stream = yield* driver.stream({ direction: "INGRESS" })
      yield* driver.start(stream)
      const collected = yield* Flow.collect(driver, stream)
      const seen = (what: string, numbers: ReadonlyArray<number>) =>
        driver.eventually(
          what,
          Effect.sync(() => {
            const came = Flow.numbersOf(stream, collected)
            return came.join() === numbers.join() ? undefined : `numbers ${came.join(", ")}`
          })
        )
      yield* Flow.send(driver, stream, Flow.numbered(stream, 0, 5))
      yield* seen("0 to 4 on the channel", [0, 1, 2, 3, 4])
      yield* driver.eventually(
        "0 to 4 acknowledged",
        Effect.sync(() => acknowledged(stream.name) === 5 ? undefined : `${acknowledged(stream.name)} acknowledged`)
      )
      yield* Effect.acquireRelease(gate.hold, () => gate.release)
      yield* Flow.send(driver, stream, Flow.numbered(stream, 5, 10))
      yield* driver.quiet
      yield* driver.setNothing
      yield* gate.release
      yield* driver.start(stream)
      const all = Array.from({ length: 10 }, (_, n) => n)
      yield* seen("5 to 9 on the channel once the stream runs again", all)
      // what comes once more comes later
      yield* driver.quiet
      yield* seen("nothing more", all)
      return "10 read, 5 acknowledged, started again: the other 5 came, and nothing twice"
    })
  },
  {
    id: "I40",
    title: "a position from the future, and corrupt ones",
    expected: "an alert that says why it does not go on, nothing is read or skipped, and once mended it goes on behind",
    level: "full",
    door: "library",
    requires: ["feed", "positions"],
    run: wrongPositions
  },
  {
    id: "I41",
    title: "stopping a stream whose read blocks",
    expected: "at once, and a hundred cycles leave nothing behind",
    level: "full",
    door: "library",
    requires: ["ingress", "open"],
    run: Effect.fnUntraced(function*(driver) {
      const open = yield* needed(driver.subject.probes?.open, "count of what is open")
      const before = yield* open
      const cycles = 100
      for (let n = 0; n < cycles; n++) {
        const stream = yield* driver.stream({ direction: "INGRESS" })
        yield* driver.ok("SetPayload of a stream that reads nothing", yield* driver.setStreams(stream))
        const stopped = yield* Effect.timeoutOption(driver.setNothing, "2 seconds")
        yield* expect(
          Option.isSome(stopped) && stopped.value.code === "OK",
          "the stream to stop within 2 s",
          Option.isSome(stopped) ? Reply.text(stopped.value) : "no answer"
        )
      }
      yield* driver.eventually(
        `${before} open, as before`,
        Effect.map(open, (count) => count === before ? undefined : `${count} open`)
      )
      return `${cycles} cycles, ${before} open before and after`
    })
  }
]

/** With the broker away in between what was given may be lost or come again, but not in another order. */
const inOrder = Effect.fnUntraced(function*(numbers: ReadonlyArray<number>, wasAway: boolean, count: number) {
  if (!wasAway) {
    const flaw = Flow.flaw(numbers, count)
    return yield* expect(flaw === undefined, `0 to ${count - 1} in order, each once`, flaw ?? "")
  }
  const firsts = [...new Set(numbers)]
  const late = firsts.find((number, n) => n > 0 && number < firsts[n - 1]!)
  yield* expect(late === undefined, "numbers that only go up", `${late} late`)
})
