import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Options from "../src/Options.ts"

const parse = (...args: ReadonlyArray<string>) => Options.parse(args, "/home/ann")
const refused = (...args: ReadonlyArray<string>) => Effect.map(Effect.flip(parse(...args)), (error) => error.message)

describe("Options", () => {
  it.effect("sends generated readings for ever at 100 a second by default", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* parse(), {
        rate: 100,
        input: { _tag: "Generated" },
        transport: "core",
        plain: false
      })
    }))

  it.effect("reads a file, or standard input, at 20,000 lines a second by default", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* parse("--input", "data.txt"), {
        rate: 20_000,
        input: { _tag: "File", path: "/home/ann/data.txt" },
        transport: "core",
        plain: false
      })
      assert.deepStrictEqual(yield* parse("--input=/x", "--rate", "0.5"), {
        rate: 0.5,
        input: { _tag: "File", path: "/x" },
        transport: "core",
        plain: false
      })
      assert.deepStrictEqual(yield* parse("--input", "-"), {
        rate: 20_000,
        input: { _tag: "Stdin" },
        transport: "core",
        plain: false
      })
    }))

  it.effect("skips one leading --, as pnpm hands it on, and no second one's arguments", () =>
    Effect.gen(function*() {
      const options = {
        once: 5,
        rate: 100,
        input: { _tag: "Generated" as const },
        transport: "core" as const,
        plain: false
      }
      assert.deepStrictEqual(yield* parse("--", "--once", "5"), options)
      assert.deepStrictEqual(yield* parse("--once=5"), options)

      assert.include(yield* refused("--", "--", "--once", "5"), "argument \"--once\"")
    }))

  it.effect("takes the last of an option that is given twice", () =>
    Effect.gen(function*() {
      assert.deepInclude(yield* parse("--once", "5", "--once", "6"), { once: 6 })
    }))

  it.effect("writes plain lines when asked to, and lets that have no value", () =>
    Effect.gen(function*() {
      assert.deepInclude(yield* parse("--plain", "--once", "5"), { plain: true, once: 5 })
      assert.strictEqual(yield* refused("--plain=no"), "--plain \"no\": want no value")
    }))

  it.effect("gives help when asked, whatever else is there", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* parse("--once", "5", "--help"), "help")
      assert.strictEqual(yield* parse("-h"), "help")
    }))

  it.effect("refuses a count that is no whole number in range, and names it and the range", () =>
    Effect.gen(function*() {
      for (const got of ["0", "-5", "1.5", "many", "1e3", "NaN", "Infinity", "1000000001", "0x10", " 5"]) {
        assert.strictEqual(
          yield* refused("--once", got),
          `--once ${JSON.stringify(got)}: want a whole number from 1 to 1000000000`
        )
      }
    }))

  it.effect("refuses a rate that is no number in range, and names it and the range", () =>
    Effect.gen(function*() {
      for (const got of ["0", "0.05", "-1", "fast", "1000001"]) {
        const message = yield* refused("--rate", got)
        assert.include(message, `--rate ${JSON.stringify(got)}`)
        assert.include(message, "from 0.1 to 1000000")
      }
    }))

  it.effect("takes the transport that is asked for, says so, and refuses any other", () =>
    Effect.gen(function*() {
      const options = yield* parse("--transport", "jetstream")
      assert.deepInclude(options, { transport: "jetstream" })
      assert.deepInclude(yield* parse("--transport=core"), { transport: "core" })
      assert(options !== "help")
      assert.strictEqual(Options.describe(options), "sending sensor readings, 100 a second at most, over JetStream")
      assert.strictEqual(yield* refused("--transport", "mqtt"), "--transport \"mqtt\": want core or jetstream")
    }))

  it.effect("refuses an option without its value", () =>
    Effect.gen(function*() {
      assert.include(yield* refused("--transport"), "--transport: want core or jetstream")
      assert.include(yield* refused("--once"), "--once: want a number")
      assert.include(yield* refused("--once", "--rate", "5"), "--once: want a number")
      assert.include(yield* refused("--input="), "--input: want a file, or - for standard input")
    }))

  it.effect("refuses what it does not know, and says what there is", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* refused("--onc", "5"),
        "option \"--onc\": want one of --once, --rate, --input, --transport, --plain, --help"
      )
      assert.include(yield* refused("-x"), "option \"-x\"")
      assert.include(yield* refused("data.txt"), "argument \"data.txt\": want none")
    }))

  it.effect("cuts a long value in its message", () =>
    Effect.gen(function*() {
      assert.isBelow((yield* refused("--once", "9".repeat(10_000))).length, 300)
    }))

  it("says what will be sent", () => {
    assert.strictEqual(
      Options.describe({ rate: 100, input: { _tag: "Generated" }, transport: "core", plain: false }),
      "sending sensor readings, 100 a second at most"
    )
    assert.strictEqual(
      Options.describe({ once: 7, rate: 0.5, input: { _tag: "File", path: "/x" }, transport: "core", plain: false }),
      "sending 7 lines of /x, 0.5 a second at most"
    )
  })

  it("names every option and its default in the help", () => {
    for (const text of ["--once", "--rate", "--input", "--plain", "--help", "100", "20000"]) {
      assert.include(Options.help, text)
    }
  })
})
