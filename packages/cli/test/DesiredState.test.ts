import { assert, describe, it } from "@effect/vitest"
import { StreamDirection } from "@kps/idl"
import { Effect } from "effect"
import * as DesiredState from "../src/DesiredState.ts"

const problems = (text: string) =>
  Effect.map(Effect.flip(DesiredState.parse("state.yaml", text)), (error) => error.problems)

describe("DesiredState", () => {
  it.effect("reads YAML, and JSON", () =>
    Effect.gen(function*() {
      const yaml = yield* DesiredState.parse(
        "state.yaml",
        "streams:\n  - { id: a, direction: EGRESS, channel: plant.a, metadata: { subject: s } }\nconfig: { log_level: DEBUG }\n"
      )
      const json = yield* DesiredState.parse("state.json", JSON.stringify(yaml))

      assert.deepStrictEqual(json, yaml)
      assert.deepStrictEqual(DesiredState.payloads(yaml), [
        { object: { case: "config", value: { metadata: { log_level: "DEBUG" } } } },
        {
          object: {
            case: "stream",
            value: {
              id: "a",
              direction: StreamDirection.EGRESS,
              transportChannel: "plant.a",
              metadata: { subject: "s" }
            }
          }
        }
      ])
    }))

  it.effect("says everything that is wrong, with its path", () =>
    Effect.gen(function*() {
      const found = yield* problems(
        "streams:\n  - { id: '', direction: SIDEWAYS, channel: 'a.*' }\n  - { id: b, direction: INGRESS }\nstreamz: []\n"
      )

      const paths = found.map((problem) => problem.slice(0, problem.indexOf(": ")))
      assert.sameMembers(paths, [
        "streams[0].id",
        "streams[0].direction",
        "streams[0].channel",
        "streams[1].channel",
        "streamz"
      ])
    }))

  it.effect("refuses one id twice, naming it", () =>
    Effect.gen(function*() {
      const stream = { id: "a", direction: "INGRESS", channel: "c" }
      const found = yield* problems(JSON.stringify({ streams: [stream, stream] }))

      assert.deepStrictEqual(found, ["streams: want one stream of each id, got \"a\" twice"])
    }))

  it.effect("refuses what is no YAML", () =>
    Effect.gen(function*() {
      const found = yield* problems("streams: [")

      assert.lengthOf(found, 1)
      assert.include(found[0], "line 1")
    }))
})
