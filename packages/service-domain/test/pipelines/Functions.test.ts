import { assert, describe, it } from "@effect/vitest"
import { Transport } from "@kps/transport"
import { Effect, Latch, type Scope } from "effect"
import { globSync } from "node:fs"
import { tmpdir } from "node:os"
import type { FunctionDescription, FunctionLimits } from "../../src/functions/FunctionDescription.ts"
import * as Pipeline from "../../src/pipelines/Pipeline.ts"
import {
  alertOf,
  channel,
  collect,
  describePipeline,
  js,
  noPython,
  publish,
  python,
  start,
  until,
  withPython
} from "./rig.ts"

/** Processes start slowly on a machine that has other work. */
const patience = 60_000

const inMemory = <A, E>(effect: Effect.Effect<A, E, Transport.Transport | Scope.Scope>) =>
  effect.pipe(Effect.scoped, Effect.provide(Transport.layerMemory))

interface Each {
  readonly make: (code: string, over?: Partial<FunctionDescription>) => FunctionDescription
  /** Passes messages on, in upper case. */
  readonly upper: string
  /** Passes on what the context gives. */
  readonly context: string
  /** Raises an exception on "bad", in a function `inner`. */
  readonly raises: string
  readonly traceback: RegExp
  /** Never comes back from "bad". */
  readonly hangs: string
  /** Where it is then, as far as that is told. */
  readonly where: RegExp
  /** Takes memory on "bad", until there is no more. */
  readonly hogs: string
  /** Ends its process on "bad". */
  readonly exits: string
  /** Has no `main`. */
  readonly mainless: string
  /** Does not load, in line 2. */
  readonly broken: string
  /** Sends what is no bytes, and catches what that raises. */
  readonly misuses: string
  /** Writes lines. */
  readonly writes: string
  /** Sends a thousand messages of a kilobyte for each. */
  readonly floods: string
  /** Sends the names of the variables of its environment. */
  readonly environment: string
}

const javaScript: Each = {
  make: js,
  upper:
    "export const main = (ctx: Context, msg: Buffer): void => ctx.send(msg.toString().toUpperCase())\ntype Context = { send(message: string): void }",
  context: `exports.main = async function(ctx, msg) {
    ctx.send(JSON.stringify([
      ctx.config, ctx.get_config(), ctx.get_topic(), String(ctx.get_timestamp()), ctx.get_payload().toString(),
      ctx.get_selector("c-1"), ctx.get_selector("none") ?? null, msg.length
    ]))
  }`,
  raises: `const inner = (msg) => { if (msg == "bad") throw new RangeError("too bad") }
exports.main = (ctx, msg) => { inner(msg); ctx.send(msg) }`,
  traceback: /RangeError: too bad\n {4}at inner .*js\.ts:1:\d+/,
  where: /^$/,
  hangs: "exports.main = (ctx, msg) => { while (msg == 'bad'); ctx.send(msg) }",
  hogs:
    "const kept = []; exports.main = (ctx, msg) => { while (msg == 'bad') kept.push(new Array(1e4).fill(kept.length)); ctx.send(msg) }",
  exits: "exports.main = (ctx, msg) => { if (msg == 'bad') process.exit(3); ctx.send(msg) }",
  mainless: "export const mein = 1",
  broken: "\nexport const = 1",
  misuses: "exports.main = (ctx, msg) => { try { ctx.send(7) } catch {} ctx.send(msg) }",
  writes: "exports.main = (ctx, msg) => { console.log('one\\ntwo'); console.error('three'); ctx.send(msg) }",
  floods: "exports.main = (ctx, msg) => { for (let i = 0; i < 1000; i++) ctx.send(Buffer.alloc(1024)) }",
  environment: "exports.main = (ctx) => ctx.send(JSON.stringify(Object.keys(process.env)))"
}

const inPython: Each = {
  make: python,
  upper: "def main(ctx, msg):\n  ctx.send(msg.upper())\n",
  context: `import json
async def main(ctx, msg):
  ctx.send(json.dumps([
    ctx.get_config(), ctx.get_config(), ctx.get_topic(), str(ctx.get_timestamp()), ctx.get_payload().decode(),
    ctx.get_selector("c-1"), ctx.get_selector("none"), len(msg)
  ]).encode())
`,
  raises: `def inner(msg):
  if msg == b"bad": raise IndexError("too bad")
def main(ctx, msg):
  inner(msg)
  ctx.send(bytearray(msg))
`,
  traceback:
    /^Traceback .*\n.*python\.py", line 4, in main\n +inner\(msg\)\n(.*\n)*.*line 2, in inner\n(.*\n)*IndexError: too bad/,
  where: /most recent call first.*\n.*python\.py", line 2 in main$/,
  hangs: "def main(ctx, msg):\n  while msg == b'bad': pass\n  ctx.send(msg)\n",
  hogs: "kept = []\ndef main(ctx, msg):\n  while msg == b'bad': kept.append(bytearray(1000000))\n  ctx.send(msg)\n",
  exits: "import os\ndef main(ctx, msg):\n  if msg == b'bad': os._exit(3)\n  ctx.send(msg)\n",
  mainless: "mein = 1",
  broken: "\ndef main(:\n",
  misuses: "def main(ctx, msg):\n  try:\n    ctx.send(7)\n  except TypeError: pass\n  ctx.send(msg)\n",
  writes:
    "import sys, logging\ndef main(ctx, msg):\n  print('one\\ntwo')\n  print('three', file=sys.stderr)\n  logging.info('four')\n  ctx.send(msg)\n",
  floods: "def main(ctx, msg):\n  for i in range(1000): ctx.send(bytes(1024))\n",
  environment: "import os, json\ndef main(ctx, msg):\n  ctx.send(json.dumps(list(os.environ)).encode())\n"
}

const quick: FunctionLimits = { attempts: 2, backoff: "10 millis", memoryBytes: 64 << 20 }

const suite = (name: string, each: Each, skipped: boolean) => {
  const { make } = each
  const test = (what: string, effect: Effect.Effect<void, unknown, Transport.Transport | Scope.Scope>) =>
    it.live.skipIf(skipped)(what, () => inMemory(effect), patience)

  describe(name, () => {
    test(
      "gives each message to main, and passes on what it sends",
      Effect.gen(function*() {
        const out = yield* collect("out")
        yield* start({ functions: [make(each.upper)] })
        yield* publish("in", ["a", "", "cc"])

        assert.deepStrictEqual(yield* until(out, ({ length }) => length === 3), ["A", "", "CC"])
      })
    )

    test(
      "gives main its parameters, the topic, the time, the payload and the selectors",
      Effect.gen(function*() {
        const out = yield* collect("out")
        yield* start({
          inputs: [{ channel: channel("in"), topic: "plant.heat", selectors: { "c-1": "warm" } }],
          functions: [make(each.context, { params: { n: "42" } })]
        })
        yield* publish("in", ["ab"], 1_600_000_000_123_456_789n)

        const [text = ""] = yield* until(out, ({ length }) => length === 1)
        assert.deepStrictEqual(JSON.parse(text), [
          { n: "42" },
          { n: "42" },
          "plant.heat",
          "1600000000123456789",
          "ab",
          "warm",
          null,
          2
        ])
      })
    )

    test(
      "passes over a message on which main raises, and tells where",
      Effect.gen(function*() {
        const out = yield* collect("out")
        const { report } = yield* start({ functions: [make(each.raises)] })
        yield* publish("in", ["a", "bad", "b", "bad", "c"])

        assert.deepStrictEqual(yield* until(out, ({ length }) => length === 3), ["a", "b", "c"])
        const told = yield* report
        const alert = alertOf(told, "functionFailed")
        assert.match(alert?.context ?? "", each.traceback)
        assert.match(alert?.message ?? "", /failed on a message of 3 bytes from "source": (Range|Index)Error: too bad$/)
        assert.deepInclude(alert, { count: 2, severity: "CRITICAL", state: "FAILED", subject: name })
        assert.deepInclude(told.counters, { received: 5, published: 3, failed: 2, inFlight: 0 })
        assert.deepInclude(told.functions[0], { status: "RUNNING", processed: 5, failed: 2, restarts: 0 })
      })
    )

    const givesUp = (
      code: string,
      alert: "functionTimedOut" | "functionOutOfMemory" | "functionEnded",
      text: RegExp,
      limits: FunctionLimits = {},
      context = /^/
    ) =>
      Effect.gen(function*() {
        const out = yield* collect("out")
        const { report } = yield* start({ functions: [make(code)] }, { limits: { ...quick, ...limits } })
        yield* publish("in", ["a", "bad", "b"])

        assert.deepStrictEqual(yield* until(out, ({ length }) => length === 2), ["a", "b"])
        const told = yield* report
        assert.match(alertOf(told, alert)?.message ?? "", text)
        assert.match(alertOf(told, alert)?.context ?? "", context)
        // a machine that has other work may make the good ones late, too
        assert.isAtLeast(alertOf(told, alert)?.count ?? 0, 2)
        assert.match(
          alertOf(told, "messageGivenUp")?.message ?? "",
          /ended 2 times on a message of 3 bytes from "source": it is passed over$/
        )
        assert.deepInclude(told.functions[0], { status: "RUNNING", processed: 3, failed: 1 })
        assert.isAtLeast(told.functions[0]?.restarts ?? 0, 2)
      })

    test(
      "kills one that hangs on a message, tells where it was, and gives the message up",
      givesUp(
        each.hangs,
        "functionTimedOut",
        /took longer than 1s on a message of 3 bytes from "source", and was killed/,
        { timeout: "1 second" },
        each.where
      )
    )
    test(
      "ends one that takes too much memory, and gives the message up",
      givesUp(each.hogs, "functionOutOfMemory", /took more memory than its limit of 67108864 bytes/)
    )
    test(
      "starts one again that ended, and gives the message up",
      givesUp(each.exits, "functionEnded", /exited with status 3$/)
    )

    test(
      "tells what does not load, and why, and takes nothing in",
      Effect.gen(function*() {
        const failing = (code: string) =>
          Effect.gen(function*() {
            const { report } = yield* Pipeline.run(describePipeline({ functions: [make(code)] }))
            const told = yield* until(report, ({ state }) => state.status === "FAILING")
            const alert = alertOf(told, "functionNotStarted")
            return `${told.state.cause}\n${alert?.message}\n${alert?.context}`
          })

        assert.match(yield* failing(each.mainless), /does not start: .*the function has no main\(ctx, msg\)/)
        assert.match(yield* failing(each.broken), /does not start: .*SyntaxError/)
      })
    )

    test(
      "tells of a send of what is no bytes, though that was caught",
      Effect.gen(function*() {
        const out = yield* collect("out")
        const { report } = yield* start({ functions: [make(each.misuses)] })
        yield* publish("in", ["a"])

        yield* until(out, ({ length }) => length === 1)
        assert.match(alertOf(yield* report, "functionMisused")?.message ?? "", /ctx\.send takes .*, got (int|number)$/)
      })
    )

    test(
      "keeps the lines that it writes",
      Effect.gen(function*() {
        const { logs } = yield* start({ functions: [make(each.writes)] })
        yield* publish("in", ["a"])

        const lines = yield* until(
          logs(),
          (lines) => lines.some(({ text }) => text === "three") && lines.some(({ text }) => text === "two")
        )
        const texts = (source: string) => lines.filter((line) => line.source === source).map(({ text }) => text)
        assert.deepStrictEqual(texts("stdout"), ["one", "two"])
        assert.strictEqual(texts("stderr")[0], "three")
        const first = lines[0]?.sequence ?? 0
        assert.lengthOf(yield* logs({ after: first }), (yield* logs()).length - 1)
        assert.deepStrictEqual(yield* logs({ function: "other" }), [])
      })
    )

    test(
      "holds one that sends more than is taken",
      Effect.gen(function*() {
        const transport = yield* Transport.Transport
        const gate = yield* Latch.make()
        const slow = Transport.Transport.of({
          ...transport,
          publishAll: (channel, messages, options) => gate.whenOpen(transport.publishAll(channel, messages, options))
        })
        const out = yield* collect("out")
        const { report } = yield* Effect.provideService(
          start({ functions: [make(each.floods)] }, { limits: { timeout: "1 second" } }),
          Transport.Transport,
          slow
        )
        yield* publish("in", Array.from({ length: 20 }, String))
        // it is held for longer than it may work on a message
        const sent = Effect.map(report, ({ functions }) => functions[0]?.sent ?? 0)
        let held = 0
        yield* until(Effect.delay(sent, "250 millis"), (count) => {
          const isHeld = count > 0 && count === held
          held = count
          return isHeld
        })
        yield* Effect.sleep("1200 millis")

        // all of it is 20,000: on a busy machine it may have stood still before it was held
        assert.isBelow(yield* sent, 10_000)
        yield* gate.open
        yield* until(out, ({ length }) => length === 20_000)
        assert.deepStrictEqual((yield* report).alerts, [])
      })
    )

    test(
      "leaves nothing of its code on the disk once it runs",
      Effect.gen(function*() {
        const name = `left${process.pid}`
        const { running } = yield* start({ functions: [make(each.upper, { name })] })
        yield* running

        assert.deepStrictEqual(globSync(`kps-function-*/${name}*`, { cwd: tmpdir() }), [])
      })
    )

    test(
      "does not show it the service domain's own environment",
      Effect.gen(function*() {
        process.env["KPS_TEST_SECRET"] = "s3cret"
        yield* Effect.addFinalizer(() => Effect.sync(() => delete process.env["KPS_TEST_SECRET"]))
        const out = yield* collect("out")
        yield* start({ functions: [make(each.environment)] }, { env: { MODEL: "m" } })
        yield* publish("in", ["a"])

        const [text = ""] = yield* until(out, ({ length }) => length === 1)
        const names = JSON.parse(text)
        assert.include(names, "PATH")
        assert.include(names, "MODEL")
        assert.notInclude(names, "KPS_TEST_SECRET")
      })
    )
  })
}

suite("js", javaScript, false)
suite(noPython === undefined ? "python" : withPython("python"), inPython, noPython !== undefined)

describe("functions of a pipeline", () => {
  it.live.skipIf(noPython !== undefined)(
    withPython("are chained, JavaScript and Python, in order"),
    () =>
      inMemory(Effect.gen(function*() {
        const out = yield* collect("out")
        const { report } = yield* start({
          functions: [
            js("exports.main = async (ctx, msg) => { ctx.send(msg + '1'); ctx.send(Buffer.from(msg + '2')) }"),
            python("def main(ctx, msg):\n  if msg != b'b1': ctx.send(msg + b'!')\n")
          ]
        })
        yield* publish("in", ["a", "b", "c"])

        assert.deepStrictEqual(yield* until(out, ({ length }) => length === 5), ["a1!", "a2!", "b2!", "c1!", "c2!"])
        const { counters, functions } = yield* report
        assert.deepStrictEqual(counters, {
          received: 3,
          sampledOut: 0,
          published: 5,
          failed: 0,
          dropped: 0,
          inFlight: 0
        })
        assert.deepStrictEqual(functions, [
          { name: "js", status: "RUNNING", processed: 3, sent: 6, failed: 0, restarts: 0 },
          { name: "python", status: "RUNNING", processed: 6, sent: 5, failed: 0, restarts: 0 }
        ])
      })),
    patience
  )

  it.live("say what to do where there is no Python", () =>
    inMemory(Effect.gen(function*() {
      const { report } = yield* Pipeline.run(describePipeline({ functions: [python("")] }), {
        python: "no-such-python"
      })
      const { alerts } = yield* until(report, ({ state }) => state.status === "FAILING")

      assert.strictEqual(
        alerts[0]?.message,
        "function \"python\" does not start: there is no \"no-such-python\" on PATH: install Python 3, or name its command"
      )
    })), patience)

  it.live(
    "in JavaScript are modules of either kind, with imports, and may wait before main is there",
    () =>
      inMemory(Effect.gen(function*() {
        const out = yield* collect("out")
        const codes = [
          "import { Buffer as B } from \"node:buffer\"\nconst x: string = await Promise.resolve(\"1\")\n" +
          "export default (ctx: any, msg: Buffer) => ctx.send(B.concat([msg, B.from(x)]))",
          "const { Buffer: B } = require(\"node:buffer\")\nmodule.exports = { main: (ctx, msg) => ctx.send(msg + B.from(\"2\")) }",
          "export async function main(ctx, msg) { await null; ctx.send(msg + \"3\") }"
        ]
        yield* start({ functions: codes.map((code) => js(code)) })
        yield* publish("in", ["a"])

        assert.deepStrictEqual(yield* until(out, ({ length }) => length === 1), ["a123"])
      })),
    patience
  )

  it.live(
    "in JavaScript may hold more outside the heap than they may take, not for long",
    () =>
      inMemory(Effect.gen(function*() {
        const code =
          "const kept = []; exports.main = (ctx, msg) => { while (msg == 'bad') kept.push(Buffer.alloc(1e6, 1)); ctx.send(msg) }"
        const out = yield* collect("out")
        const { report } = yield* start({ functions: [js(code)] }, {
          limits: { ...quick, attempts: 1, timeout: "30 seconds" }
        })
        yield* publish("in", ["bad", "b"])

        assert.deepStrictEqual(yield* until(out, ({ length }) => length === 1), ["b"])
        assert.isDefined(alertOf(yield* report, "functionOutOfMemory"))
      })),
    patience
  )

  it.live("in JavaScript end with an error when they send after main is over", () =>
    inMemory(Effect.gen(function*() {
      const { report } = yield* start({
        functions: [js("exports.main = (ctx, msg) => { setTimeout(() => ctx.send(msg), 1) }")]
      })
      yield* publish("in", ["a"])

      const told = yield* until(report, ({ alerts }) => alerts.length > 0)
      assert.match(alertOf(told, "functionEnded")?.message ?? "", /ctx\.send was called when main was over/)
    })), patience)

  it.live(
    "are started again with longer and longer waits when they keep ending, and take nothing meanwhile",
    () =>
      inMemory(Effect.gen(function*() {
        const { report } = yield* start(
          { functions: [js("setTimeout(() => process.exit(1), 5); exports.main = () => {}")] },
          { limits: { backoff: "20 millis", maxBackoff: "100 millis" } }
        )
        const told = yield* until(report, ({ functions }) => (functions[0]?.restarts ?? 0) >= 3)

        const alert = alertOf(told, "functionEnded")
        assert.isAtLeast(alert?.count ?? 0, 3)
        assert.isAtLeast((alert?.lastMillis ?? 0) - (alert?.firstMillis ?? 0), 40)
      })),
    patience
  )
})
