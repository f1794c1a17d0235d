import { assert, describe, it } from "@effect/vitest"
import { Description } from "@kps/testing"
import { Effect } from "effect"

const least = { id: "c-1", streams: { ingress: { working: {} } } }

const problems = (input: unknown) =>
  Effect.map(Effect.flip(Description.decode("c.yaml", input)), ({ message, problems }) => {
    for (const problem of problems) assert.include(message, problem)
    assert.match(message, /^c\.yaml describes no connector/)
    return problems
  })

describe("Description", () => {
  it.effect("needs an id and one working stream", () =>
    Effect.gen(function*() {
      const description = yield* Description.decode("c.yaml", least)

      assert.strictEqual(description.channelPrefix, "kps.conform")
      assert.isTrue(description.reflection)
      assert.deepStrictEqual(description.config, {})
    }))

  it.effect("names everything that is wrong at once, each with its place", () =>
    Effect.gen(function*() {
      const told = yield* problems({
        id: "",
        channelPrefix: "a.*",
        streams: {
          ingress: { workng: {}, invalid: [{ metadata: {}, paths: [] }], failing: [{ metadata: {}, code: "OK" }] },
          egress: { working: { broker: "nats://{outsied}" }, acknowledged: {} }
        },
        config: { valid: [] },
        outside: {
          nats: { url: "http://x", ingress: "a.{steam}", jetstream: "b.{steam}" },
          acknowledged: { prepare: "true" }
        },
        extra: 1
      })

      const places = told.map((problem) => problem.slice(0, problem.indexOf(": ")))
      assert.sameMembers([...new Set(places)], [
        "id",
        "channelPrefix",
        "streams.ingress.workng",
        "streams.ingress.working",
        "streams.ingress.invalid[0].paths[0]",
        "streams.ingress.failing[0].code",
        "streams.egress.working",
        // acknowledging is an outside's that is read
        "streams.egress.acknowledged",
        "config.valid[0]",
        "outside.nats.url",
        "outside.nats.ingress",
        "outside.nats.jetstream",
        "outside.acknowledged.feed",
        "extra"
      ])
      assert.isTrue(told.some((problem) => problem.includes("{outsied}")))
    }))

  it.effect("wants a direction, one way to feed, one to observe, and break with mend", () =>
    Effect.gen(function*() {
      assert.match((yield* problems({ id: "c", streams: {} })).join(), /ingress, egress or both/)
      const outside = (outside: object) => problems({ ...least, outside })
      assert.match((yield* outside({ nats: { ingress: "a" }, feed: "cat" })).join(), /one way to feed/)
      assert.match((yield* outside({ nats: { egress: "a" }, observe: "cat" })).join(), /one way to observe/)
      assert.match((yield* outside({ break: "true" })).join(), /break and mend together/)
    }))
})
