import { assert, describe, it } from "@effect/vitest"
import { Channel } from "@kps/transport"
import { Effect, Result, Schema } from "effect"

const accepted = ["a", "a.b", "plant.line-1", "_x", "a$b", "ä.ö", "日本", "a:b/c", "x".repeat(255)]
const refused: ReadonlyArray<readonly [string, string]> = [
  ["", "it is empty"],
  ["x".repeat(256), "it has 256 characters, the limit is 255"],
  ["$SYS", "names that begin with \"$\" are reserved for the broker"],
  ["a b", "it contains white space or a control character"],
  ["a\u00a0b", "it contains white space or a control character"],
  ["a\u0000b", "it contains white space or a control character"],
  ["a.*", "it contains a wildcard"],
  ["a.b*c", "it contains a wildcard"],
  [">", "it contains a wildcard"],
  [".a", "it has an empty token"],
  ["a.", "it has an empty token"],
  ["a..b", "it has an empty token"]
]

const decode = Schema.decodeUnknownResult(Channel.ChannelName)

describe("ChannelName", () => {
  it.each(accepted)("takes %j", (name) => {
    assert.isUndefined(Channel.problemOf(name))
    assert.isTrue(Result.isSuccess(decode(name)))
  })

  it.each(refused)("refuses %j: %s", (name, problem) => {
    assert.strictEqual(Channel.problemOf(name), problem)
    assert.isTrue(Result.isFailure(decode(name)))
  })

  it.effect.prop("names a problem for exactly what its schema refuses", [
    Schema.Array(Schema.Union([Schema.Literals([".", "*", ">", "$", " ", "\n", "a", "-", "\u0085"]), Schema.String]))
  ], ([parts]) =>
    Effect.sync(() => {
      const name = parts.join("")

      assert.strictEqual(Channel.problemOf(name) === undefined, Result.isSuccess(decode(name)), JSON.stringify(name))
    }), { arbitrary: { runs: 500 } })

  it.effect("decodes what comes from outside", () =>
    Effect.gen(function*() {
      const name = yield* Channel.decodeChannelName("a.b")
      const error = yield* Effect.flip(Channel.decodeChannelName("a b"))

      assert.strictEqual(name, "a.b")
      assert.include(error.message, "a channel name such as \"plant.line-1\"")
    }))
})

describe("byteLength", () => {
  it("is that of all payloads together", () => {
    assert.strictEqual(
      Channel.byteLength({ timestampNanos: 0n, payloads: [new Uint8Array(3), new Uint8Array(0), new Uint8Array(4)] }),
      7
    )
  })
})
