/**
 * I30: what is lost of a connector that is killed between publishing and telling its outside.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Driver } from "../Driver.ts"
import * as Flow from "../Flow.ts"
import * as Ledger from "../Ledger.ts"
import { BedFailed, type Ended, type Mismatch } from "../Outcome.ts"
import * as Reply from "../Reply.ts"
import type { Collected, Process, Source, Subject } from "../Subject.ts"
import * as TestStream from "../TestStream.ts"

const kinds = ["acknowledged", "resumable"] as const

/** A stream, what it reads, and what came of it. */
interface Lane {
  readonly kind: typeof kinds[number]
  readonly stream: TestStream.TestStream
  readonly source: Source
  readonly collected: Collected
  /** How many payloads it was given, numbered from 1. */
  given: number
}

interface Bed {
  readonly driver: Driver
  readonly process: Process
  readonly line: NonNullable<Subject["Service"]["line"]>
  readonly lanes: ReadonlyArray<Lane>
}

const laneOf = Effect.fnUntraced(
  function*(driver: Driver, kind: Lane["kind"]): Effect.fn.Return<ReadonlyArray<Lane>, Ended, Scope.Scope> {
    const { description: { streams }, outside } = driver.subject
    const [metadata, source] = [streams.ingress?.[kind], outside?.sources?.[kind]]
    if (metadata === undefined || source === undefined) return []
    const stream = yield* driver.stream({ direction: "INGRESS", metadata })
    yield* source.prepare(stream.name)
    return [{ kind, stream, source, collected: yield* Flow.collect(driver, stream), given: 0 }]
  }
)

/** Payloads of each stream that are given in one go. */
const several = 25

const give = ({ lanes }: Bed, count = several): Effect.Effect<void, BedFailed> =>
  Effect.forEach(lanes, (lane) => {
    const from = lane.given + 1
    lane.given += count
    return lane.source.feed(lane.stream.name, Flow.numbered(lane.stream, from, from + count))
  }, { concurrency: "unbounded", discard: true })

const cameOf = ({ collected, stream }: Lane): ReadonlyArray<number> => Flow.numbersOf(stream, collected)

/** The streams of which something does not hold, in words; nothing when it holds of all. */
const without = (lanes: ReadonlyArray<Lane>, holds: (lane: Lane) => boolean): string | undefined => {
  const late = lanes.filter((lane) => !holds(lane))
  return late.length === 0
    ? undefined
    : `none of ${late.map(({ kind, stream }) => `${stream.id} (${kind})`).join(", ")}`
}

/** Waits for what was given last. What was given before may be missing yet. */
const flows = ({ driver, lanes }: Bed, when: string): Effect.Effect<void, Mismatch> =>
  driver.eventually(
    `the payload that was given last, ${when}`,
    Effect.sync(() => without(lanes, (lane) => cameOf(lane).includes(lane.given))),
    Duration.max(driver.subject.patience.start, driver.subject.patience.redelivery)
  )

const givenTo = (lanes: ReadonlyArray<Lane>): ReadonlyMap<Lane, number> =>
  new Map(lanes.map((lane) => [lane, lane.given]))

/** Waits until a payload of each stream has come that was given after these. */
const someCame = ({ driver, lanes }: Bed, before: ReadonlyMap<Lane, number>): Effect.Effect<void, Mismatch> =>
  driver.eventually(
    "a payload on the channel",
    Effect.sync(() => without(lanes, (lane) => cameOf(lane).some((number) => number > before.get(lane)!)))
  )

/** Waits until a payload of each stream is on its way to the broker. */
const someLeft = ({ driver, lanes, line }: Bed): Effect.Effect<void, Mismatch> =>
  driver.eventually(
    "a payload on its way to the broker",
    Effect.map(line.asked, (connections) => {
      const said = connections.map((bytes) => Buffer.from(bytes))
      return without(lanes, ({ stream }) => said.some((bytes) => bytes.includes(`${stream.name}:`)))
    })
  )

/** What is held at that moment, or on its way, never comes anywhere. */
const kill = Effect.fnUntraced(function*({ line, process }: Bed) {
  yield* process.signal("SIGKILL")
  yield* process.exit
  yield* line.cut
  yield* line.release
})

/** Starts it again, and has its streams run. */
const restart = Effect.fnUntraced(function*({ driver, lanes, process }: Bed) {
  const { start } = driver.subject.patience
  yield* process.start
  const streams = lanes.map(({ stream }) => stream)
  // it may know them, and wait until what the killed one held is free
  yield* driver.eventually(
    "SetPayload of the streams after it was killed and started: OK",
    Effect.map(driver.setStreams(...streams), (reply) => reply.code === "OK" ? undefined : Reply.text(reply)),
    start
  )
  yield* driver.eventually(
    "the streams to run after it was killed and started",
    Effect.map(
      driver.list,
      (list) =>
        streams.every((stream) => list.some(({ id, subscribed }) => id === stream.id && subscribed))
          ? undefined
          : TestStream.text(list)
    ),
    start
  )
})

/** For those that save now and then how far they have come: so that they go on from there, and not from the beginning. */
const saving = "1500 millis"

/** Fails where something is lost. */
const accounts = Effect.fnUntraced(function*({ driver, lanes }: Bed) {
  return yield* Effect.forEach(lanes, (lane) => {
    const { given, kind, stream: { id } } = lane
    const account = () => Ledger.account(cameOf(lane), given)
    return Effect.map(
      driver.eventually(
        `all ${given} payloads of ${id} (${kind}), some of them more than once`,
        Effect.sync(() => Ledger.violations(account(), "at-least-once", { ordered: false })[0]),
        driver.subject.patience.redelivery
      ),
      () => `${kind}: all ${given}, ${account().repeated} again`
    )
  }, { concurrency: "unbounded" })
})

/** @since 0.1.0 */
export const lossless = Effect.fnUntraced(function*(driver: Driver) {
  const { line, process } = driver.subject
  if (line === undefined || process === undefined) return yield* new BedFailed({ problem: "no process" })
  const lanes = (yield* Effect.forEach(kinds, (kind) => laneOf(driver, kind))).flat()
  const bed: Bed = { driver, line, process, lanes }
  // what they read goes after them
  yield* Effect.addFinalizer(() => Effect.andThen(line.release, driver.setNothing))
  yield* driver.start(...lanes.map(({ stream }) => stream))
  yield* give(bed)
  yield* flows(bed, "before a kill")
  yield* Effect.sleep(saving)

  // A connector that gives no sign that it has published is killed after the wait, each time.
  yield* line.hold("everything")
  yield* give(bed)
  yield* Effect.ignore(someLeft(bed))
  yield* kill(bed)
  yield* restart(bed)
  yield* give(bed, 1)
  yield* flows(bed, "after a kill while nothing reached the broker")

  // what it saves at the broker is saved, and it is not told so
  yield* line.hold("answers")
  const answered = givenTo(lanes)
  yield* give(bed)
  yield* Effect.ignore(someCame(bed, answered))
  yield* kill(bed)
  yield* restart(bed)
  yield* give(bed, 1)
  yield* flows(bed, "after a kill while the broker gave no answer")

  const flowing = givenTo(lanes)
  yield* give(bed)
  yield* Effect.ignore(someCame(bed, flowing))
  yield* kill(bed)
  yield* give(bed)
  yield* restart(bed)
  yield* flows(bed, "after a kill while payloads flowed")
  const found = yield* accounts(bed)
  const missing = kinds.filter((kind) => lanes.every((lane) => lane.kind !== kind))
  return [`killed three times; ${found.join("; ")}`, ...missing.map((kind) => `${kind} not looked at: not described`)]
    .join("; ")
})
