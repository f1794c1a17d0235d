/**
 * Case I40: positions that a stream cannot go on from.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type { Driver } from "../Driver.ts"
import * as EventView from "../EventView.ts"
import * as Flow from "../Flow.ts"
import { BedFailed, expect, Mismatch, show } from "../Outcome.ts"
import type { Positions } from "../Subject.ts"

const each = 5

/** @since 0.1.0 */
export const wrongPositions = Effect.fnUntraced(function*(driver: Driver) {
  const positions = driver.subject.probes?.positions
  if (positions === undefined) return yield* new BedFailed({ problem: "no hand on positions" })
  const wrong = Object.entries(positions.wrong)
  // a stream for each: an alert about one says nothing about another
  yield* Effect.forEach(wrong, ([what, position]) => wrongPosition(driver, positions, what, position))
  return `an alert for each position that is ${wrong.map(([what]) => what).join(", ")}; mended, it went on behind`
})

const wrongPosition = Effect.fnUntraced(function*(
  driver: Driver,
  { get, metadata, set }: Positions,
  what: string,
  wrong: Schema.Json
) {
  const stream = yield* driver.stream({ direction: "INGRESS", metadata })
  const collected = yield* Flow.collect(driver, stream)
  const came = () => Flow.numbersOf(stream, collected)
  const all = (count: number) =>
    driver.eventually(
      `all ${count} payloads on the channel, in order, each once`,
      Effect.sync(() => Flow.flaw(came(), count))
    )

  yield* driver.start(stream)
  yield* Flow.send(driver, stream, Flow.numbered(stream, 0, each))
  yield* all(each)
  yield* driver.setNothing
  const good = Option.getOrUndefined(yield* get(stream.id))
  if (good === undefined) {
    return yield* new Mismatch({ expected: "a position that is kept of a stream that was stopped", got: "none" })
  }

  yield* set(stream.id, wrong)
  // it may be refused, or fail as soon as it runs: the alert tells
  yield* driver.setStreams(stream)
  yield* driver.eventually(
    `an alert with an error about ${stream.id}, whose position is ${what}`,
    Effect.map(
      driver.eventsOf(stream),
      (events) =>
        events.some((event) => EventView.isStanding(event) && hasError(event)) ? undefined : EventView.texts(events)
    )
  )
  yield* Flow.send(driver, stream, Flow.numbered(stream, each, 2 * each))
  // what is read all the same comes later
  yield* driver.quiet
  yield* expect(came().length === each, `nothing read from a position that is ${what}`, `numbers ${came().join(", ")}`)
  const kept = yield* get(stream.id)
  yield* expect(
    Option.isSome(kept) && Equal.equals(kept.value, wrong),
    `a position that is ${what} is kept until somebody mends it`,
    show(Option.getOrUndefined(kept))
  )

  yield* driver.setNothing
  yield* set(stream.id, good)
  yield* driver.start(stream)
  yield* all(2 * each)
  yield* driver.quiet
  yield* all(2 * each)
})

const hasError = ({ metadata: { ErrorMessage: error } }: EventView.EventView): boolean =>
  typeof error === "string" && error !== ""
