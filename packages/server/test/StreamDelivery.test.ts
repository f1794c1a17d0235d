import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect, Result } from "effect"
import * as Options from "../src/Options.ts"
import * as SharedState from "../src/SharedState.ts"
import * as StreamDelivery from "../src/StreamDelivery.ts"

const resolved = (text: string, streamId: string) =>
  StreamDelivery.make(Result.getOrThrow(StreamDelivery.parse(text)))(streamId)
const problem = (text: string) => Result.getOrThrow(Result.flip(StreamDelivery.parse(text)))

describe("KPS_DELIVERY", () => {
  it("is for all streams, and over that for those behind whose id it stands", () => {
    assert.deepStrictEqual(StreamDelivery.make()("a"), { ordering: "strict", horizonMillis: 60_000, from: "all" })
    assert.deepStrictEqual(resolved("none", "a"), { ordering: "none", horizonMillis: 60_000, from: "all" })
    assert.deepStrictEqual(resolved("horizon=0", "a"), { ordering: "strict", horizonMillis: 0, from: "all" })
    const text = " none , horizon = 10 ; line-1 : strict ; urn:x:2:horizon=5"
    assert.deepStrictEqual(resolved(text, "a"), { ordering: "none", horizonMillis: 10_000, from: "all" })
    assert.strictEqual(resolved("from=new,none;line-1:from=all", "a").from, "new")
    assert.strictEqual(resolved("from=new,none;line-1:from=all", "line-1").from, "all")
    assert.deepStrictEqual(resolved(text, "line-1"), { ordering: "strict", horizonMillis: 10_000, from: "all" })
    assert.deepStrictEqual(resolved(text, "urn:x:2"), { ordering: "none", horizonMillis: 5_000, from: "all" })
  })

  it("says what is wrong", () => {
    const wanted = "want \"strict\", \"none\", \"horizon=SECONDS\", \"from=all\", \"from=new\" or several as in "
      + "\"none,horizon=10\", "
      + "for single streams behind their ids, as in \"strict;line-1:none\""
    assert.strictEqual(problem("loose"), `"loose" is no choice: ${wanted}`)
    assert.strictEqual(problem(""), `"" is no choice: ${wanted}`)
    assert.strictEqual(problem("horizon=1m"), `"horizon=1m" is no choice: ${wanted}`)
    assert.strictEqual(problem("strict,none"), "\"strict,none\" has something more than once")
    assert.strictEqual(problem("strict;none"), "\"strict;none\" has more than one choice for all streams")
  })

  it.effect("is read from the environment, or refused", () =>
    Effect.gen(function*() {
      const read = (env: Record<string, string>) =>
        Options.config.parse(ConfigProvider.fromEnv({ env: { CONNECTOR_INSTANCE_ID: "c", ...env } }))
      const { delivery } = yield* read({ KPS_DELIVERY: "none;a:horizon=5" })

      assert.deepStrictEqual(StreamDelivery.make(delivery)("a"), {
        ordering: "none",
        horizonMillis: 5_000,
        from: "all"
      })
      assert.isUndefined((yield* read({})).delivery)
      assert.include((yield* Effect.flip(read({ KPS_DELIVERY: "fast" }))).message, "is no choice")
    }))
})

describe("KPS_DLQ_MAX_AGE and KPS_DLQ_MAX_BYTES", () => {
  it.effect("bound the dead letters of an instance", () =>
    Effect.gen(function*() {
      const read = (env: Record<string, string>) =>
        Effect.map(SharedState.config.parse(ConfigProvider.fromEnv({ env })), ({ deadLetters }) => ({
          hours: Duration.toHours(Duration.fromInputUnsafe(deadLetters.maxAge ?? 0)),
          bytes: deadLetters.maxBytes
        }))

      assert.deepStrictEqual(yield* read({}), { hours: 168, bytes: 268_435_456 })
      assert.deepStrictEqual(
        yield* read({ KPS_DLQ_MAX_AGE: "24", KPS_DLQ_MAX_BYTES: "1048576" }),
        { hours: 24, bytes: 1_048_576 }
      )
      assert.isTrue(Result.isFailure(yield* Effect.result(read({ KPS_DLQ_MAX_BYTES: "1000" }))))
    }))
})
