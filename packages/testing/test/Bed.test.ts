import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schedule } from "effect"
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Command from "../src/Command.ts"
import * as ConnectorProcess from "../src/ConnectorProcess.ts"
import * as ProcessTable from "../src/ProcessTable.ts"
import * as Proxy from "../src/Proxy.ts"
import * as WireOutside from "../src/WireOutside.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "bed-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** Waits, for at most 5 seconds. */
const until = (what: string, condition: () => boolean) =>
  Effect.sync(condition).pipe(
    Effect.tap((met) => met ? Effect.void : Effect.sleep("10 millis")),
    Effect.repeat({ until: (met: boolean) => met }),
    Effect.timeoutOrElse({ duration: "5 seconds", orElse: () => Effect.die(new Error(`never: ${what}`)) })
  )

/** A connection that remembers what it was told. */
const client = (address: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const [host = "", port] = address.split(":")
      const state = { socket: connect(Number(port), host), text: "", open: false, closed: false }
      state.socket.on("connect", () => state.open = true).on("error", () => {}).on("close", () => state.closed = true)
      state.socket.on("data", (bytes: Buffer) => state.text += bytes.toString())
      return state
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

const echo = Proxy.listen((socket: Socket) => void socket.on("error", () => {}).pipe(socket))

describe("the proxy before a server", () => {
  it.live("lets everything through, ends everything, and lets it through again", () =>
    Effect.gen(function*() {
      const proxy = yield* Proxy.make(yield* echo)
      const first = yield* client(proxy.address)
      first.socket.write("a")
      yield* until("an echo", () => first.text === "a")

      yield* proxy.leave
      yield* until("the end", () => first.closed)
      const second = yield* client(proxy.address)
      yield* until("the end at once", () => second.closed)

      yield* proxy.back
      const third = yield* client(proxy.address)
      third.socket.write("b")
      yield* until("an echo again", () => third.text === "b")
      assert.strictEqual(second.text, "")
    }))

  it.live("holds what flows without ending it, also for connections that come meanwhile, and keeps its order", () =>
    Effect.gen(function*() {
      const proxy = yield* Proxy.make(yield* echo)
      const old = yield* client(proxy.address)
      yield* until("a connection", () => old.open)
      yield* proxy.hold("everything")
      const young = yield* client(proxy.address)
      for (const { socket } of [old, young]) for (const text of "abc") socket.write(text)
      yield* Effect.sleep("100 millis")
      assert.deepStrictEqual([old.text, young.text], ["", ""])

      yield* proxy.release
      yield* until("what was held", () => old.text === "abc" && young.text === "abc")
      assert.isFalse(old.closed || young.closed)
    }))

  it.live("counts the tries at what cannot be reached, by name", () =>
    Effect.gen(function*() {
      const { address, tries } = yield* Proxy.refusers()
      const [a, b] = [yield* address("a"), yield* address("b")]
      assert.strictEqual(yield* address("a"), a)
      for (const place of [a, a, b]) {
        const one = yield* client(place)
        yield* until("the end", () => one.closed)
      }

      assert.deepStrictEqual([tries("a").length, tries("b").length, tries("c").length], [2, 1, 0])
    }))
})

describe("commands", () => {
  it.live("are given lines, and have to exit 0", () =>
    Effect.gen(function*() {
      const file = join(yield* folder, "out")
      yield* Command.run(`cat > ${file}; echo $KPS_STREAM >> ${file}`, { KPS_STREAM: "s-1" }, ["a", "b"])
      assert.strictEqual(readFileSync(file, "utf8"), "a\nb\ns-1\n")

      const { problem } = yield* Effect.flip(Command.run("echo no such thing >&2; exit 3", {}))
      assert.match(problem, /want exit 0, got 3: no such thing$/)
    }))

  it.live("say that they are ready, and then what came; they end with the scope, with all that they started", () =>
    Effect.gen(function*() {
      const file = join(yield* folder, "ended")
      const lines: Array<string> = []
      yield* Effect.scoped(Effect.gen(function*() {
        yield* Command.follow(
          `trap 'touch ${file}' TERM; echo hello; echo ready; echo a; echo b; sleep 60 & wait; echo never`,
          {},
          (line) => lines.push(line)
        )
        yield* until("two lines", () => lines.length === 2)
      }))
      assert.deepStrictEqual(lines, ["a", "b"])
      assert.isFalse(existsSync(file))

      const { problem } = yield* Effect.flip(Effect.scoped(Command.follow("exit 4", {}, () => {})))
      assert.match(problem, /want the line "ready", got exit 4/)
    }))

  it.live("feed and observe streams, break and mend the outside", () =>
    Effect.gen(function*() {
      const place = yield* folder
      const outside = yield* WireOutside.make({
        feed: `cat >> ${place}/$KPS_STREAM`,
        observe: `touch ${place}/$KPS_STREAM; echo ready; exec tail -n +1 -f ${place}/$KPS_STREAM`,
        break: `touch ${place}/broken`,
        mend: `rm ${place}/broken`
      }, "nats://127.0.0.1:1")
      assert(outside.feed !== undefined && outside.observe !== undefined && outside.faults !== undefined)
      const seen = yield* outside.observe("s-1")
      yield* outside.feed("s-1", ["1", "2"])
      yield* outside.feed("s-2", ["3"])
      yield* until("what was fed", () => seen.texts().length === 2)
      assert.deepStrictEqual(seen.texts(), ["1", "2"])

      yield* outside.faults.break
      assert.isTrue(existsSync(join(place, "broken")))
      yield* outside.faults.mend
      assert.isFalse(existsSync(join(place, "broken")))
    }))
})

describe.skipIf(process.platform !== "linux")("the connector's process", () => {
  const node = (script: string) => `${process.execPath} -e ${JSON.stringify(script)}`
  const make = (command: string, ready: Effect.Effect<boolean>) => ConnectorProcess.make({ command, env: {}, ready })

  it.live(
    "is told to stop itself, not the shell around it, so that its exit code is seen",
    () =>
      Effect.gen(function*() {
        const file = join(yield* folder, "up")
        const script =
          `process.on('SIGTERM', () => process.exit(0)); require('fs').writeFileSync('${file}', ''); setInterval(() => {}, 1000)`
        const connector = yield* make(`cd / && ${node(script)}; exit $?`, Effect.sync(() => existsSync(file)))
        yield* connector.start
        assert.isTrue(yield* connector.isRunning)
        assert.isAbove(Option.getOrElse(yield* connector.memoryBytes, () => 0), 10 << 20)

        yield* connector.signal("SIGTERM")
        assert.strictEqual(yield* connector.exit, 0)
        assert.isFalse(yield* connector.isRunning)
        assert.isTrue(Option.isNone(yield* connector.memoryBytes))
      }),
    15_000
  )

  it.live("is started with more in its environment for a while, then as ever", () =>
    Effect.gen(function*() {
      const connector = yield* make("echo \"A=$A HOME=${HOME:+set}\"; exec sleep 60", Effect.succeed(true))
      const said = (text: string) => Effect.map(connector.output, (output) => output.endsWith(text))
      const saying = (text: string) =>
        said(text).pipe(
          Effect.repeat({ until: (met: boolean) => met, schedule: Schedule.spaced("10 millis") }),
          Effect.timeout("5 seconds")
        )
      yield* connector.start
      yield* saying("A= HOME=set\n")
      yield* Effect.scoped(Effect.gen(function*() {
        yield* connector.launchWith({ A: "1", HOME: undefined })
        yield* saying("A=1 HOME=\n")
        assert.isTrue(yield* connector.isRunning)
      }))
      assert.isFalse(yield* connector.isRunning)

      yield* connector.start
      yield* saying("A= HOME=set\n")
    }))

  it.live("is killed with all that it started", () =>
    Effect.gen(function*() {
      const running = Command.launch("sleep 60 & sleep 60", {}, ["ignore", "ignore", "ignore"])
      const { pid } = running.child
      assert(pid !== undefined)
      yield* until("three processes", () => ProcessTable.ofGroup(pid).length === 3)
      running.kill("SIGKILL")
      assert.strictEqual(yield* running.exit, "SIGKILL")
      yield* until("none", () => ProcessTable.ofGroup(pid).filter(({ bytes }) => bytes > 0).length === 0)
    }))

  it.live("ends with the process that started it, also when that is killed", () =>
    Effect.gen(function*() {
      const module = new URL("../src/Command.ts", import.meta.url).href
      const program = `
        const Command = await import(${JSON.stringify(module)})
        const { child } = Command.launch("sleep 60 & sleep 60", {}, ["ignore", "ignore", "ignore"])
        console.log(child.pid)
      `
      const parent = yield* Effect.acquireRelease(
        Effect.sync(() =>
          spawn(process.execPath, ["--conditions=@kps/source", "--input-type=module", "-e", program], {
            stdio: ["ignore", "pipe", "inherit"]
          })
        ),
        (parent) => Effect.sync(() => parent.kill("SIGKILL"))
      )
      const group = yield* Effect.callback<number>((resume) => {
        parent.stdout.once("data", (line: Buffer) => resume(Effect.succeed(Number(line.toString()))))
      })
      const alive = () => ProcessTable.ofGroup(group).filter(({ bytes }) => bytes > 0)
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          if (alive().length > 0) process.kill(-group, "SIGKILL")
        })
      )
      yield* until("three processes", () => alive().length === 3)
      parent.kill("SIGKILL")
      yield* until("none", () => alive().length === 0)
    }))

  it.live("says what it said when it does not start", () =>
    Effect.gen(function*() {
      const connector = yield* make("echo no port >&2; exit 5", Effect.succeed(false))
      const { problem } = yield* Effect.flip(connector.start)

      assert.match(problem, /want a connector that serves, got exit 5: no port$/)
    }))
})
