/**
 * C14, C15, C19: streams that fail, that are on offer, that hang.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Case } from "../Case.ts"
import * as Deadline from "../Deadline.ts"
import type { Driver } from "../Driver.ts"
import * as EventView from "../EventView.ts"
import * as Flow from "../Flow.ts"
import { expect, NotApplicable } from "../Outcome.ts"
import * as Reply from "../Reply.ts"
import * as TestStream from "../TestStream.ts"

const subscribedIs = (driver: Driver, want: Readonly<Record<string, boolean>>) =>
  driver.eventually(
    Object.entries(want).map(([id, runs]) => `${id} ${runs ? "subscribed" : "not subscribed"}`).join(", "),
    Effect.map(driver.asked, (list) => {
      const same = list.length === Object.keys(want).length &&
        list.every(({ id, subscribed }) => want[id] === subscribed)
      return same ? undefined : TestStream.text(list)
    })
  )

/** @since 0.1.0 */
export const cases: ReadonlyArray<Case> = [
  {
    id: "C14",
    title: "one of three streams cannot connect",
    expected: "the other two run, the list tells the truth, one status per stream",
    level: "core",
    door: "wire",
    requires: ["unreachable"],
    run: Effect.fnUntraced(function*(driver) {
      const direction = driver.directionWith(({ unreachable }) => unreachable)
      const [first, second] = [yield* driver.stream({ direction }), yield* driver.stream({ direction })]
      const away = yield* driver.stream({ direction, sample: "unreachable" })
      const reply = yield* Deadline.kept(driver, "SetPayload", driver.setStreams(first, away, second))
      yield* expect(
        Reply.isStreamCode(reply),
        `SetPayload with an unreachable stream: a code such as UNAVAILABLE`,
        Reply.text(reply)
      )
      yield* subscribedIs(driver, { [first.id]: true, [away.id]: false, [second.id]: true })
      for (const stream of [first, second]) yield* Flow.flows(driver, stream)
      yield* driver.eventually(
        "one status for each of the three",
        Effect.map(driver.events, (events) => {
          const statuses = events.filter(({ kind }) => kind === "status")
          const counts = [first, away, second].map(({ id }) =>
            statuses.filter(({ streamId }) => streamId === id).length
          )
          return counts.every((count) => count === 1) ? undefined : EventView.texts(statuses)
        })
      )
      yield* subscribedIs(driver, { [first.id]: true, [away.id]: false, [second.id]: true })
      return `${Reply.text(reply)}; two subscribed, one not; one status each`
    })
  },
  {
    id: "C15",
    title: "streams that are on offer",
    expected: "discovered and not subscribed; asked for, both, and listed once; left out, on offer again",
    level: "full",
    door: "wire",
    requires: [],
    run: Effect.fnUntraced(function*(driver) {
      const offer = (yield* driver.list).find(({ discovered }) => discovered)
      if (offer === undefined || offer.direction === "UNSPECIFIED") {
        const { discovers } = driver.subject.description
        yield* expect(discovers !== true, "a stream on offer, as the description says", "none")
        return yield* new NotApplicable({ reason: "the connector offers no streams" })
      }
      yield* expect(!offer.subscribed, "what is only on offer not subscribed", TestStream.text([offer]))
      const { channel, ...wanted } = yield* driver.stream({ direction: offer.direction, metadata: offer.metadata })
      const asked = { ...wanted, id: offer.id, channel }
      yield* driver.start(asked)
      const taken = (yield* driver.list).filter(({ id }) => id === offer.id)
      yield* expect(
        taken.length === 1 && taken[0]?.subscribed === true && taken[0].discovered,
        `${offer.id} once, subscribed and discovered`,
        TestStream.text(taken)
      )
      yield* driver.ok("SetPayload without payloads", yield* driver.setNothing)
      const left = (yield* driver.list).filter(({ id }) => id === offer.id)
      yield* expect(
        left.length === 1 && left[0]?.subscribed === false && left[0].discovered,
        `${offer.id} once, discovered and not subscribed`,
        TestStream.text(left)
      )
      return `${offer.id}: discovered; subscribed and discovered; discovered`
    })
  },
  {
    id: "C19",
    title: "a hook that hangs: opening, running, stopping, discovering",
    expected: "every call is bounded, and the neighbours go on",
    level: "full",
    door: "wire",
    timeout: "60 seconds",
    requires: ["hanging"],
    run: Effect.fnUntraced(function*(driver) {
      const looked: Array<string> = []
      for (const direction of driver.directions) {
        const hooks = Object.entries(driver.samples(direction)?.hanging ?? {})
        for (const [hook, metadata] of hooks) {
          const told = `a stream that hangs while it ${hook === "open" ? "opens" : hook === "run" ? "runs" : "stops"}`
          const neighbour = yield* driver.stream({ direction })
          const hangs = yield* driver.stream({ direction, metadata })
          yield* driver.start(neighbour)
          yield* Deadline.kept(driver, `SetPayload of ${told}`, driver.setStreams(neighbour, hangs))
          yield* Flow.flows(driver, neighbour)
          yield* Deadline.kept(driver, "GetPayload", driver.list)
          yield* Deadline.kept(driver, "GetEvents", driver.events)
          yield* Deadline.kept(driver, `SetPayload without ${told}`, driver.setStreams(neighbour))
          yield* Flow.flows(driver, neighbour)
          yield* subscribedIs(driver, { [neighbour.id]: true })
          looked.push(`${direction.toLowerCase()} ${hook}`)
        }
      }
      const { hangsDiscovery } = driver.subject.description.config
      if (hangsDiscovery !== undefined) {
        const neighbour = yield* driver.stream()
        yield* driver.start(neighbour)
        yield* driver.ok("SetPayload of the config", yield* driver.setConfig(hangsDiscovery))
        const list = yield* Deadline.kept(driver, "GetPayload while discovering hangs", driver.asked)
        yield* expect(
          list.some(({ id, subscribed }) => id === neighbour.id && subscribed),
          `${neighbour.id} subscribed`,
          TestStream.text(list)
        )
        yield* Flow.flows(driver, neighbour)
        looked.push("discover")
      }
      return `bounded, and the neighbour flows: ${looked.join(", ")}`
    })
  }
]
