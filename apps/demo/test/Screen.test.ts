import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Fiber, Queue, Terminal } from "effect"
import { TerminalCapabilities } from "effect/cli"
import { TestClock } from "effect/testing"
import type { Options } from "../src/Options.ts"
import * as Screen from "../src/Screen.ts"
import * as Script from "./Script.ts"

const enter = "\x1b[?1049h\x1b[?25l\x1b[?7l"

/** A terminal, and all that was written to it. */
const fake = Effect.gen(function*() {
  const written: Array<string> = []
  const write = (text: string) => void written.push(text)
  const sizes = yield* Queue.sliding<Terminal.Size>(1)
  const state = { columns: 30, rows: 5, isForeground: true, suspended: 0, taken: [] as ReadonlyArray<boolean> }
  const terminal = Terminal.make({
    columns: Effect.sync(() => state.columns),
    rows: Effect.sync(() => state.rows),
    size: Effect.succeed(sizes),
    readInput: Effect.die("not asked for"),
    readLine: Effect.die("not asked for"),
    display: (text) => Effect.sync(() => write(text))
  })
  const device: Screen.Device = {
    write,
    isForeground: () => state.isForeground,
    suspend: () => state.suspended++,
    onTaken: (isTaken) => {
      state.taken = [...state.taken, isTaken]
    }
  }
  /** Takes all that was written since the last time. */
  const output = () => written.splice(0).join("")
  return { terminal, device, state, sizes, output }
})

const show = Effect.fnUntraced(function*() {
  const { device, terminal, ...rest } = yield* fake
  let pictures = 0
  const fiber = yield* Screen.show(
    ({ columns, rows }) => Effect.sync(() => [`picture ${++pictures}`, `${columns} x ${rows}`]),
    device
  ).pipe(Effect.provideService(Terminal.Terminal, terminal), Effect.forkScoped)
  yield* TestClock.adjust(0)
  return { fiber, ...rest }
})

describe("Screen.show", () => {
  it.effect("takes the terminal, draws at once and four times a second, and gives it back", () =>
    Effect.gen(function*() {
      const { fiber, output, state } = yield* show()
      const first = output()
      assert.isTrue(first.startsWith(enter), JSON.stringify(first))
      assert.include(first, "\x1b[H\x1b[Kpicture 1\r\n\x1b[K30 x 5\r\n\x1b[J\x1b[H")
      yield* TestClock.adjust("249 millis")
      assert.strictEqual(output(), "")
      yield* TestClock.adjust("751 millis")
      assert.deepStrictEqual(output().match(/picture \d/g), ["picture 2", "picture 3", "picture 4", "picture 5"])
      assert.deepStrictEqual(state.taken, [true])

      yield* Fiber.interrupt(fiber)
      assert.strictEqual(output(), Screen.leave)
      assert.deepStrictEqual(state.taken, [true, false])
    }))

  it.effect("draws at once when the size changes, and does not scroll where all rows are taken", () =>
    Effect.gen(function*() {
      const { output, sizes, state } = yield* show()
      output()
      Object.assign(state, { columns: 20, rows: 2 })
      yield* Queue.offer(sizes, { columns: 20, rows: 2 })
      yield* TestClock.adjust(0)

      assert.include(output(), "\x1b[K20 x 2\x1b[H")
    }))

  it.effect("takes a terminal that does not say how large it is for a usual one", () =>
    Effect.gen(function*() {
      const { output, state } = yield* show()
      Object.assign(state, { columns: 0, rows: 0 })
      yield* TestClock.adjust("250 millis")

      assert.include(output(), "80 x 24")
    }))

  it.effect("gives the terminal back before it is stopped, and takes it again when it goes on", () =>
    Effect.gen(function*() {
      const { output, state } = yield* show()
      output()
      process.emit("SIGTSTP", "SIGTSTP")
      assert.strictEqual(output(), Screen.leave)
      assert.strictEqual(state.suspended, 1)

      yield* TestClock.adjust("250 millis")
      assert.isTrue(output().startsWith(enter))
    }))

  it.effect("leaves the terminal alone while it is in the background", () =>
    Effect.gen(function*() {
      const { fiber, output, state } = yield* show()
      output()
      state.isForeground = false
      yield* TestClock.adjust("1 second")
      assert.strictEqual(output(), Screen.leave)

      yield* Fiber.interrupt(fiber)
      assert.strictEqual(output(), "")
    }))

  it.effect("listens to no signal any more when it has ended", () =>
    Effect.gen(function*() {
      const before = [process.listenerCount("SIGTSTP"), process.listenerCount("exit")]
      const { fiber } = yield* show()
      assert.strictEqual(process.listenerCount("SIGTSTP"), before[0]! + 1)
      yield* Fiber.interrupt(fiber)

      assert.deepStrictEqual([process.listenerCount("SIGTSTP"), process.listenerCount("exit")], before)
    }))

  it.live("gives the terminal back when the process ends while it is shown", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* Script.run(`
        import { NodeTerminal } from "@effect/platform-node"
        import { Effect } from "effect"
        import * as Screen from ${Script.module("Screen")}
        const picture = () => Effect.sync(() => (setTimeout(() => { throw new Error("boom") }, 10), ["picture"]))
        Effect.runFork(Screen.show(picture, { ...Screen.device, isForeground: () => true }).pipe(
          Effect.provide(NodeTerminal.layer)
        ))
      `)

      assert.strictEqual(code, 1)
      assert.include(stdout, "picture")
      assert.isTrue(stdout.endsWith(Screen.leave), JSON.stringify(stdout))
      assert.include(stderr, "boom")
    }), 20_000)
})

describe("Screen.isWanted", () => {
  const options: Options = { rate: 1, input: { _tag: "Generated" }, transport: "core", plain: false }
  const isWanted = (
    some: {
      readonly options?: Partial<Options>
      readonly env?: Record<string, string>
      readonly canAnimate?: boolean
      readonly isForeground?: boolean
    } = {}
  ) =>
    Screen.isWanted({ ...options, ...some.options }, {
      ...Screen.device,
      isForeground: () => some.isForeground ?? true
    }).pipe(
      Effect.provideService(TerminalCapabilities.TerminalCapabilities, {
        canAnimate: some.canAnimate ?? true,
        canColor: true,
        canPrompt: true
      }),
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnvRecord(some.env ?? {}))
    )

  it.effect("is so on a terminal that somebody looks at", () =>
    Effect.gen(function*() {
      assert.isTrue(yield* isWanted())
      assert.isTrue(yield* isWanted({ env: { CI: "false" } }))
      assert.isTrue(yield* isWanted({ env: { CI: "" } }))
      assert.isTrue(yield* isWanted({ options: { input: { _tag: "File", path: "/x" } } }))
    }))

  it.effect("is not so elsewhere", () =>
    Effect.gen(function*() {
      assert.isFalse(yield* isWanted({ canAnimate: false }))
      assert.isFalse(yield* isWanted({ options: { plain: true } }))
      assert.isFalse(yield* isWanted({ env: { CI: "true" } }))
      assert.isFalse(yield* isWanted({ env: { CI: "woodpecker" } }))
      assert.isFalse(yield* isWanted({ isForeground: false }))
    }))

  it.effect("is not so where lines are typed in", () =>
    Effect.gen(function*() {
      assert.isFalse(yield* isWanted({ options: { input: { _tag: "Stdin" } } }))
    }))

  it("knows from the system whether it is in front at its terminal", () => {
    const stat = (group: number, front: number) => `77 (some (odd) name) S 1 ${group} 50 34816 ${front} 4194304 1 2 3`

    assert.isTrue(Screen.isInFront(stat(77, 77)))
    assert.isFalse(Screen.isInFront(stat(77, 60)))
    assert.isTrue(Screen.isInFront(stat(77, -1)))
  })
})
