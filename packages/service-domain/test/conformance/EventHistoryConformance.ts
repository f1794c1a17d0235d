import { assert, it } from "@effect/vitest"
import { Context, Effect, type Layer, type Scope } from "effect"
import type { Event } from "../../src/events/Event.ts"
import * as Events from "../../src/events/Event.ts"
import * as EventHistory from "../../src/events/EventHistory.ts"

/** A history as several processes have it. `fresh` is another, empty one. */
export class Histories extends Context.Service<Histories, {
  readonly fresh: (bounds?: EventHistory.Bounds) => Effect.Effect<
    {
      readonly process: Effect.Effect<EventHistory.EventHistory["Service"], never, Scope.Scope>
    },
    never,
    Scope.Scope
  >
}>()("test/Histories") {}

const process = (bounds: EventHistory.Bounds = {}) =>
  Histories.use(({ fresh }) => Effect.flatMap(fresh(bounds), ({ process }) => process))

const source = { serviceDomain: "sd ö/.*>", project: "p", instance: "i" }

const now = Date.now()

/** Seconds ago. */
const ago = (seconds: number) => new Date(now - seconds * 1_000).toISOString()

const event = (name: string, secondsAgo: number, more: Partial<Event> = {}): Event => ({
  type: "ALERT",
  path: Events.path(source),
  message: `${name} ${secondsAgo}`,
  properties: { name },
  timestamp: ago(secondsAgo),
  ...more
})

const messages = (events: ReadonlyArray<Event>) => events.map(({ message }) => message)

/** The behaviour that every history of events owes. */
export const suite = <E>(name: string, layer: Layer.Layer<Histories, E>): void =>
  it.layer(layer, { excludeTestServices: true })(`EventHistory (${name})`, (it) => {
    it.effect("gives what was added as it is, newest first, with an id and a time", () =>
      Effect.gen(function*() {
        const history = yield* process()
        const { timestamp: _, ...timeless } = event("c", 1, { severity: "CRITICAL", state: "FAILED" })
        const ids = yield* history.add([event("a", 3), event("b", 5), timeless])
        const events = yield* history.query({ path: "/" })

        assert.deepStrictEqual(messages(events), ["c 1", "a 3", "b 5"])
        assert.deepInclude(events[0], timeless)
        assert.isBelow(Math.abs(Date.parse(events[0]?.timestamp ?? "") - Date.now()), 60_000)
        assert.sameMembers(events.map(({ id }) => id), ids.map(({ id }) => id))
      }))

    it.effect("keeps an event that is added again once, and replaces one by its id", () =>
      Effect.gen(function*() {
        const history = yield* process()
        const [first] = yield* history.add([event("a", 3)])
        const [again] = yield* history.add([event("a", 3)])
        yield* history.add([event("b", 2, { id: "b-1" })])
        yield* history.add([event("b", 2, { id: "b-1", message: "changed" })])

        assert.deepStrictEqual(again, first)
        assert.deepStrictEqual(messages(yield* history.query({ path: "/" })), ["changed", "a 3"])
      }))

    it.effect("finds events by what they are about, by key and by time", () =>
      Effect.gen(function*() {
        const history = yield* process()
        const stream = (id: string) => Events.path({ ...source, stream: id })
        yield* history.add([
          event("a", 4, { path: stream("s") }),
          event("b", 3, { path: stream("s1") }),
          event("c", 2, { type: "STATUS", state: "HEALTHY" }),
          event("d", 1, { path: Events.path({ ...source, serviceDomain: "other" }) })
        ])
        const find = (query: EventHistory.Query) => Effect.map(history.query(query), messages)

        assert.deepStrictEqual(yield* find({ path: "/" }), ["d 1", "c 2", "b 3", "a 4"])
        assert.deepStrictEqual(yield* find({ path: Events.path(source) }), ["c 2", "b 3", "a 4"])
        assert.deepStrictEqual(yield* find({ path: `${stream("s")}/` }), ["a 4"])
        assert.deepStrictEqual(yield* find({ path: Events.path(source), keys: { type: "ALERT" } }), ["b 3", "a 4"])
        assert.deepStrictEqual(yield* find({ path: "/", keys: { state: "HEALTHY" } }), ["c 2"])
        assert.deepStrictEqual(yield* find({ path: "/", keys: { name: "d" } }), ["d 1"])
        assert.deepStrictEqual(yield* find({ path: "/", startTime: ago(2), endTime: ago(4) }), ["c 2", "b 3"])
        assert.deepStrictEqual(yield* find({ path: "/nothing" }), [])
      }))

    it.effect("says how things are: the newest of each path, type and name", () =>
      Effect.gen(function*() {
        const history = yield* process()
        yield* history.add([
          event("a", 3),
          event("a", 1),
          event("a", 2),
          event("b", 9),
          event("a", 8, { type: "STATUS" }),
          event("a", 7, { path: Events.path({ ...source, stream: "s" }) })
        ])

        assert.deepStrictEqual(messages(yield* history.current({ path: "/" })), ["a 1", "a 7", "a 8", "b 9"])
        assert.deepStrictEqual(messages(yield* history.current({ path: "/", keys: { type: "STATUS" } })), ["a 8"])
      }))

    it.effect("keeps the newest of one path, type and name, and all of others", () =>
      Effect.gen(function*() {
        const history = yield* process({ maxEvents: 5 })
        yield* history.add([event("other", 100)])
        yield* history.add(Array.from({ length: 40 }, (_, n) => event("a", 50 - n)))
        const events = messages(yield* history.query({ path: "/" }))

        assert.include(events, "other 100")
        assert.deepStrictEqual(events.slice(0, 5), ["a 11", "a 12", "a 13", "a 14", "a 15"])
        assert.isAtMost(events.length, 16)
      }))

    it.effect("is one history for all processes", () =>
      Effect.gen(function*() {
        const [one, other] = yield* Histories.use(({ fresh }) =>
          Effect.flatMap(fresh(), ({ process }) => Effect.all([process, process]))
        )
        yield* one.add([event("a", 2)])
        yield* other.add([event("a", 2), event("b", 1)])

        assert.deepStrictEqual(messages(yield* one.query({ path: "/" })), ["b 1", "a 2"])
      }))
  })
