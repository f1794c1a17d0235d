import { assert, describe, it } from "@effect/vitest"
import { Packing } from "@kps/transport"
import { ConfigProvider, Effect, Result, Schema } from "effect"
import * as Options from "../src/Options.ts"
import * as StreamPacking from "../src/StreamPacking.ts"

const parsed = (text: string) => Result.getOrThrow(StreamPacking.parse(text))
const problem = (text: string) => Result.getOrThrow(Result.flip(StreamPacking.parse(text)))

describe("KPS_PACKING", () => {
  it("is for all streams, or for those behind whose id it stands", () => {
    assert.deepStrictEqual(parsed("on"), { all: "on", streams: {} })
    assert.deepStrictEqual(parsed("off"), { all: "off", streams: {} })
    assert.deepStrictEqual(parsed("maxBytes=4096,maxPayloads=16"), {
      all: { maxBytes: 4_096, maxPayloads: 16 },
      streams: {}
    })
    assert.deepStrictEqual(parsed(" on ; line-1 : off ; urn:x:line-2: maxPayloads = 8 , maxBytes = 512 "), {
      all: "on",
      streams: { "line-1": "off", "urn:x:line-2": { maxBytes: 512, maxPayloads: 8 } }
    })
    assert.deepStrictEqual(parsed("line-1:on"), { streams: { "line-1": "on" } })
  })

  it.effect.prop("takes any stream id, percent-encoded", [Schema.NonEmptyString], ([id]) =>
    Effect.sync(() => {
      const name = id.toWellFormed()
      assert.deepStrictEqual(parsed(`${encodeURIComponent(name)}:on`).streams, Object.fromEntries([[name, "on"]]))
    }))

  it("says what is wrong", () => {
    const wanted = "want \"on\", \"off\" or limits such as \"maxBytes=16384,maxPayloads=64\", "
      + "for single streams behind their ids, as in \"on;line-1:off\""
    assert.strictEqual(problem("yes"), `"yes" is no choice: ${wanted}`)
    assert.strictEqual(problem(""), `"" is no choice: ${wanted}`)
    assert.strictEqual(problem("on;"), `"" is no choice: ${wanted}`)
    assert.strictEqual(problem("on;line-1"), `"line-1" is no choice: ${wanted}`)
    assert.strictEqual(problem("maxBytes=1k"), `"maxBytes=1k" is no choice: ${wanted}`)
    assert.strictEqual(problem(":on"), `"" is no stream id: ${wanted}`)
    assert.strictEqual(problem("%zz:on"), `"%zz" is no stream id: ${wanted}`)
    assert.strictEqual(problem("maxBytes=1,maxBytes=2"), "\"maxBytes=1,maxBytes=2\" has maxBytes more than once")
    assert.strictEqual(problem("on;off"), "\"on;off\" has more than one choice for all streams")
    assert.strictEqual(problem("a:on;a:off"), "\"a:on;a:off\" has more than one choice for stream \"a\"")
    assert.strictEqual(problem("a:maxBytes=0"), "maxBytes is 0, want a whole number from 1 to 1048576")
    assert.strictEqual(problem("maxPayloads=5000"), "maxPayloads is 5000, want a whole number from 1 to 4096")
    assert.isBelow(problem("x".repeat(10_000)).length, 500)
  })

  it.effect("is read from the environment, and refused by its name", () =>
    Effect.gen(function*() {
      const read = (value: string) =>
        Options.config.parse(ConfigProvider.fromEnv({ env: { CONNECTOR_INSTANCE_ID: "c", KPS_PACKING: value } }))

      assert.deepStrictEqual((yield* read("line-1:on")).packing, { streams: { "line-1": "on" } })
      assert.isUndefined((yield* read("")).packing)
      const { message } = yield* Effect.flip(read("line-1:fast"))
      assert.include(message, "\"fast\" is no choice")
      assert.include(message, "KPS_PACKING")
    }))
})

describe("StreamPacking", () => {
  it("is off unless asked for", () => {
    assert.isUndefined(StreamPacking.make()("a"))
    assert.isUndefined(StreamPacking.make({ streams: { b: "on" } })("a"))
  })

  it("gives each stream its own limits, and the others those of all", () => {
    const of = StreamPacking.make({ all: { maxPayloads: 8 }, streams: { a: "on", b: "off", ["__proto__"]: "off" } })

    assert.deepStrictEqual(of("a"), Packing.defaults)
    assert.isUndefined(of("b"))
    assert.isUndefined(of("__proto__"))
    assert.deepStrictEqual(of("c"), { ...Packing.defaults, maxPayloads: 8 })
    assert.deepStrictEqual(of("toString"), { ...Packing.defaults, maxPayloads: 8 })
  })

  it("refuses limits that cannot be used, and says whose", () => {
    assert.throws(
      () => StreamPacking.make({ streams: { a: { maxBytes: NaN } } }),
      "cannot pack stream \"a\": maxBytes is NaN, want a whole number from 1 to 1048576"
    )
    assert.throws(() => StreamPacking.make({ all: { maxPayloads: 0 } }), "cannot pack all streams: maxPayloads is 0")
  })
})
