import type { JsonObject } from "@bufbuild/protobuf"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as ConfigState from "../src/ConfigState.ts"

const Level = Schema.Literals(["INFO", "DEBUG"])
const Config = Schema.Struct({
  level: Level.pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed("INFO" as const))),
  limits: Schema.optionalKey(Schema.Struct({ a: Schema.optionalKey(Schema.Int), b: Schema.optionalKey(Schema.Int) })),
  password: Schema.optionalKey(Schema.RedactedFromValue(Schema.String))
})

const setUp = (options: Partial<ConfigState.Options> = {}) =>
  Effect.gen(function*() {
    const set: Array<unknown> = []
    const state = yield* ConfigState.make({
      schema: Config,
      bound: { setConfig: (config) => Effect.sync(() => void set.push(config)) },
      restartOn: () => false,
      mode: "merge",
      ...options
    })
    const plan = (...metadata: ReadonlyArray<JsonObject>) =>
      state.plan(metadata.map((metadata, index) => ({ path: `payloads[${index}].config.metadata`, metadata })))
    const put = (...metadata: ReadonlyArray<JsonObject>) =>
      Effect.tap(plan(...metadata), (planned) => state.put(planned))
    return { state, set, plan, put }
  })

describe("ConfigState", () => {
  it.effect("has every default before anybody gave a config", () =>
    Effect.gen(function*() {
      const { state } = yield* setUp()

      assert.deepStrictEqual(yield* state.metadata, { level: "INFO" })
    }))

  it.effect("merges payloads in their order over what is in force, key by key at the top level", () =>
    Effect.gen(function*() {
      const { put, set, state } = yield* setUp()

      yield* put({ limits: { a: 1, b: 2 } })
      yield* put({ level: "DEBUG", limits: { a: 3 } }, { limits: { b: 4 } })

      assert.deepStrictEqual(yield* state.metadata, { level: "DEBUG", limits: { b: 4 } })
      assert.deepStrictEqual(set, [{ level: "INFO", limits: { a: 1, b: 2 } }, { level: "DEBUG", limits: { b: 4 } }])
    }))

  it.effect("deletes a key that is null at the top level, and takes the default again", () =>
    Effect.gen(function*() {
      const { put, state } = yield* setUp()

      yield* put({ level: "DEBUG", limits: { a: 1 } })
      yield* put({ level: null, unknown: null })

      assert.deepStrictEqual(yield* state.metadata, { level: "INFO", limits: { a: 1 } })
    }))

  it.effect("lets a later payload of the request set again what an earlier one deleted", () =>
    Effect.gen(function*() {
      const { put, state } = yield* setUp()

      yield* put({ level: "INFO" }, { level: null }, { level: "DEBUG" })

      assert.deepStrictEqual(yield* state.metadata, { level: "DEBUG" })
    }))

  it.effect("names the payload that gave the value, and changes nothing", () =>
    Effect.gen(function*() {
      const { plan, put, set, state } = yield* setUp()
      yield* put({ level: "DEBUG" })

      const violations = yield* Effect.flip(plan({ levl: "INFO", limits: { a: "x" } }, { level: 5 }, {}))

      assert.deepStrictEqual(violations, [
        {
          path: "payloads[0].config.metadata.levl",
          description: "expected no such key (known: \"level\", \"limits\", \"password\")"
        },
        { path: "payloads[1].config.metadata.level", description: "expected \"INFO\" | \"DEBUG\", got 5" },
        { path: "payloads[0].config.metadata.limits.a", description: "expected number, got \"x\"" }
      ])
      assert.deepStrictEqual(yield* state.metadata, { level: "DEBUG" })
      assert.lengthOf(set, 1)
    }))

  it.effect("replaces the whole in replace mode", () =>
    Effect.gen(function*() {
      const { put, state } = yield* setUp({ mode: "replace" })

      yield* put({ level: "DEBUG", limits: { a: 1 } })
      yield* put({ limits: { b: 1 } }, { password: "p" })

      assert.deepStrictEqual(yield* state.metadata, { level: "INFO", limits: { b: 1 }, password: "<redacted>" })
    }))

  it.effect("tells running streams nothing when nothing changed, also when a default is given explicitly", () =>
    Effect.gen(function*() {
      const { put, set } = yield* setUp()

      yield* put({ level: "INFO" })
      yield* put({})
      yield* put({ level: "INFO" })

      assert.deepStrictEqual(set, [])
    }))

  it.effect("keeps a secret that a request does not speak of, and refuses the marker for it", () =>
    Effect.gen(function*() {
      const { plan, put, state } = yield* setUp()
      yield* put({ password: "s3cret" })
      yield* put({ level: "DEBUG" })

      assert.deepStrictEqual(yield* state.metadata, { level: "DEBUG", password: "<redacted>" })
      assert.deepStrictEqual(yield* Effect.flip(plan({}, { password: "<redacted>" })), [
        { path: "payloads[1].config.metadata.password", description: "expected the secret itself, got \"<redacted>\"" }
      ])
    }))

  it.effect("asks restartOn about real changes only", () =>
    Effect.gen(function*() {
      const asked: Array<readonly [unknown, unknown]> = []
      const { plan, put } = yield* setUp({
        restartOn: (before, after) => {
          asked.push([before, after])
          return (before as typeof Config.Type).level !== (after as typeof Config.Type).level
        }
      })

      assert.isTrue((yield* put({ level: "DEBUG" })).restart)
      assert.isFalse((yield* plan({ limits: { a: 1 } })).restart)
      assert.isFalse((yield* plan({ level: "DEBUG" })).restart)
      assert.lengthOf(asked, 2)
    }))

  it.effect("does not take a key called __proto__ for anything else", () =>
    Effect.gen(function*() {
      const { plan } = yield* setUp({ schema: Schema.Record(Schema.String, Schema.Unknown) })

      const violations = yield* Effect.flip(plan(JSON.parse("{\"__proto__\":{\"polluted\":1}}")))

      assert.deepStrictEqual(violations, [
        { path: "payloads[0].config.metadata.__proto__", description: "expected any key but \"__proto__\"" }
      ])
    }))
})
