import { assert, describe, layer, vi } from "@effect/vitest"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { connect } from "@nats-io/transport-node"
import { Context, Duration, Effect, Layer } from "effect"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { stripVTControlCharacters } from "node:util"
import * as Screen from "../src/Screen.ts"
import * as DemoProcess from "./DemoProcess.ts"
import { isAlive, isStopped, until } from "./Waiting.ts"

// real processes, on machines that are busy
vi.setConfig({ testTimeout: 90_000 })

class Bundle extends Context.Service<Bundle, { readonly main: string }>()("demo/test/Bundle") {}

const demo = (args: ReadonlyArray<string>, options?: Parameters<typeof DemoProcess.start>[2]) =>
  Effect.flatMap(Bundle, ({ main }) => DemoProcess.start(main, args, options))

const counts = (line: string) => {
  const match = /^(\d+) sent, (\d+) delivered, (\d+) lost, (\d+) duplicated$/.exec(line)
  if (match === null) throw new Error(`not a last line: ${line}`)
  const [sent = -1, delivered = -1, lost = -1, duplicated = -1] = match.slice(1).map(Number)
  return { sent, delivered, lost, duplicated }
}

/** A client of the demo's outside broker. */
const outsider = (running: DemoProcess.DemoProcess) =>
  Effect.flatMap(running.line(/^outside nats-server: pid \d+, port (\d+)$/m), (match) =>
    Effect.acquireRelease(
      Effect.promise(() => connect({ servers: `nats://127.0.0.1:${match[1]}` })),
      (connection) => Effect.promise(() => connection.close())
    ))

/** Kills one of the demo's processes while messages are under way, and waits until it is there again. */
const kill = Effect.fnUntraced(function*(run: DemoProcess.DemoProcess, name: string) {
  yield* until("messages under way", () => {
    const last = [...run.stdout().matchAll(/, (\d+) in flight, /g)].at(-1)
    return last !== undefined && last[1] !== "0"
  }, run.stdout)
  const pid = yield* run.pid(name)
  process.kill(pid, "SIGKILL")
  yield* run.line(new RegExp(`^${name}: pid ${pid},[^]*^${name}: pid (?!${pid},)`, "m"))
})

const running = /^stream natsconnectorstream-out running/m

const suite = NatsServer.skipReason() === undefined ? describe : describe.skip

/** The folder of its logs. */
const logs = (running: DemoProcess.DemoProcess) => Effect.map(running.line(/^logs: (.+)$/m), (match) => match[1]!)

const demoOnTerminal = (
  args: ReadonlyArray<string>,
  terminal: { readonly columns: number; readonly rows: number },
  env: Readonly<Record<string, string>> = {}
) => demo(args, { terminal, env: { CI: undefined, NO_COLOR: undefined, TERM: "xterm-256color", ...env } })

/** The pictures that were shown whole, as lines without styles. */
const pictures = (output: string) =>
  output.split("\x1b[?2026l").slice(0, -1).map((picture) =>
    picture.split("\x1b[?2026h\x1b[H")[1]!.split("\n").map((line) => stripVTControlCharacters(line))
  )

/** What was written when the terminal had been given back. */
const afterwards = (output: string) => {
  const end = output.indexOf(Screen.leave)
  assert.isAbove(end, 0, `the terminal was not given back:\n${JSON.stringify(output)}`)
  return output.slice(end + Screen.leave.length)
}

// each is a process of its own, and most of the time they wait
suite(NatsServer.suiteName("Demo"), { concurrent: true }, () => {
  layer(Layer.effect(Bundle, DemoProcess.bundle), { excludeTestServices: true, timeout: 60_000 })((it) => {
    it.effect("counts what a broker took with it as lost, and exits 1", () =>
      Effect.gen(function*() {
        const run = yield* demo(["--input", "-"])
        yield* run.line(running)
        const pid = yield* run.pid("outside nats-server")
        // it does not read any more what it is sent
        process.kill(pid, "SIGSTOP")
        yield* until("it to stop", () => isStopped(pid))
        run.process.stdin!.write("1\n2\n3\n4\n5\n")
        yield* run.line(/\| 5 sent, 0 delivered, 5 in flight, 0 lost, 0 duplicated \|/)
        process.kill(pid, "SIGKILL")
        yield* run.line(/^outside nats-server: ended by SIGKILL[^]*^outside nats-server: pid/m)
        run.process.stdin!.end("6\n7\n")
        const code = yield* run.ended

        assert.strictEqual(run.lastLine(), "7 sent, 2 delivered, 5 lost, 0 duplicated")
        assert.strictEqual(code, 1)
      }))

    for (const broker of ["outside", "platform"]) {
      it.effect(`recovers from the death of the ${broker} broker, and says so`, () =>
        Effect.gen(function*() {
          const run = yield* demo(["--once", "6000", "--rate", "1000"])
          yield* run.line(/^2 s \|/m)
          const pid = yield* run.pid(`${broker} nats-server`)
          process.kill(pid, "SIGKILL")
          // the platform starts its own again before a line shows that it is down
          const down = broker === "outside" ? "ended by SIGKILL[^]*^\\d+ s \\|.*outside broker down" : "ended"
          const again = `^${broker} nats-server: ${down}[^]*^${broker} nats-server: pid \\d+`
          yield* run.line(new RegExp(`${again}[^]* in [1-9]\\d*/s, out [1-9]\\d*/s.*${broker} broker up`, "m"))
          assert.notStrictEqual(yield* run.pid(`${broker} nats-server`), pid)
          const code = yield* run.ended

          const { delivered, duplicated, lost, sent } = counts(run.lastLine())
          if (broker === "outside") {
            assert.match(run.stdout(), /^stream \S+ not running[^]*^stream natsconnectorstream-in running/m)
            assert.match(run.stdout(), /^alert raised: (.+), CRITICAL: [^]*^alert cleared: \1$/m)
          }
          assert.strictEqual(sent, 6000)
          assert.strictEqual(delivered + lost, 6000)
          // no more than what was under way
          assert.isAtLeast(delivered, 5_500)
          assert.strictEqual(code, lost === 0 && duplicated === 0 ? 0 : 1)
          assert.deepStrictEqual(run.left(), [])
        }))
    }

    it.effect("loses and doubles nothing over JetStream, whichever of its processes are killed in the middle", () =>
      Effect.gen(function*() {
        const run = yield* demo(["--once", "4000", "--rate", "1000", "--transport", "jetstream"])
        yield* run.line(/^2 s \|/m)
        // each while some are sent and have not come: they are in what dies, or on their way there
        yield* kill(run, "outside nats-server")
        yield* kill(run, "platform nats-server")
        yield* kill(run, "connector")
        const code = yield* run.ended

        assert.strictEqual(run.lastLine(), "4000 sent, 4000 delivered, 0 lost, 0 duplicated")
        assert.strictEqual(code, 0)
        assert.deepStrictEqual(run.left(), [])
      }))

    it.effect("brings out all of what it was asked to send, says so, and leaves nothing behind", () =>
      Effect.gen(function*() {
        const run = yield* demo(["--once", "2000", "--rate", "2000"])
        const code = yield* run.ended

        assert.strictEqual(run.lastLine(), "2000 sent, 2000 delivered, 0 lost, 0 duplicated")
        assert.strictEqual(code, 0)
        assert.strictEqual(run.stderr(), "")
        assert.match(
          run.stdout(),
          /^ran for .*; latency p50 [\d.]+ ms p99 [\d.]+ ms max [\d.]+ ms; pipeline: 2000 in, 2000 out$/m
        )
        for (const name of ["platform nats-server", "outside nats-server", "connector"]) {
          assert.match(run.stdout(), new RegExp(`^${name}: pid \\d+, port \\d+$`, "m"))
        }
        assert.notInclude(run.stdout(), "\x1b")
        assert.deepStrictEqual(run.left(), [])
        assert.isFalse(existsSync(yield* logs(run)))
      }))

    it.effect("carries the lines of standard input byte for byte, in order", () =>
      Effect.gen(function*() {
        const run = yield* demo(["--", "--input", "-"])
        const client = yield* outsider(run)
        yield* run.line(running)
        const bodies: Array<string> = []
        client.subscribe("nats_out", {
          callback: (_, { data }) => {
            bodies.push(Buffer.from(data).toString("latin1").replace(/^\d+ [0-9a-f]{8} /, ""))
          }
        })
        yield* Effect.promise(() => client.flush())
        run.process.stdin!.end(
          Buffer.from("plain\nwith CR\r\n\n\xff\x00\xc3( binary\nümlaut, last without LF", "latin1")
        )
        const code = yield* run.ended

        assert.strictEqual(run.lastLine(), "5 sent, 5 delivered, 0 lost, 0 duplicated")
        assert.strictEqual(code, 0)
        assert.deepStrictEqual(bodies, ["plain", "with CR", "", "\xff\x00\xc3( binary", "ümlaut, last without LF"])
      }))

    it.effect("counts a message that comes twice, and does not call that success", () =>
      Effect.gen(function*() {
        const run = yield* demo(["--input", "-"])
        const client = yield* outsider(run)
        yield* run.line(running)
        const first: Array<Uint8Array> = []
        client.subscribe("nats_out", { max: 1, callback: (_, { data }) => void first.push(data) })
        yield* Effect.promise(() => client.flush())
        run.process.stdin!.write("one\n")
        yield* until("the message", () => first.length > 0)
        client.publish("nats_out", first[0])
        client.publish("nats_out", "of somebody else")
        yield* Effect.promise(() => client.flush())
        run.process.stdin!.end("two\n")
        const code = yield* run.ended

        assert.strictEqual(run.lastLine(), "2 sent, 2 delivered, 0 lost, 1 duplicated")
        assert.include(run.stdout(), "messages of others on the outside subject: 1")
        assert.strictEqual(code, 1)
      }))

    it.effect("sends the first lines of a file with --once, and counts one that is too long", () =>
      Effect.gen(function*() {
        const folder = yield* Effect.acquireRelease(
          Effect.sync(() => mkdtempSync(join(tmpdir(), "kps-demo-test-"))),
          (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
        )
        writeFileSync(join(folder, "lines"), `first\n${"x".repeat(2_000_000)}\nsecond\nthird\n`)
        // as npm says where it was called
        const run = yield* demo(["--input", "lines", "--once", "2"], { env: { INIT_CWD: folder } })
        const code = yield* run.ended

        assert.strictEqual(run.lastLine(), "2 sent, 2 delivered, 0 lost, 0 duplicated")
        assert.match(run.stdout(), /^lines not sent, .* \(the first has 2000000\): 1$/m)
        assert.strictEqual(code, 1)
      }))

    it.effect("brings out what is under way when it is told to end, however often, and exits 0", () =>
      Effect.gen(function*() {
        const run = yield* demo(["--rate", "500"])
        yield* run.line(/^2 s \|/m)
        run.process.kill("SIGINT")
        run.process.kill("SIGINT")
        run.process.kill("SIGTERM")
        const code = yield* run.ended

        const { delivered, duplicated, lost, sent } = counts(run.lastLine())
        assert.isAtLeast(sent, 500)
        assert.deepStrictEqual({ delivered, lost, duplicated }, { delivered: sent, lost: 0, duplicated: 0 })
        assert.strictEqual(code, 0)
        assert.deepStrictEqual(run.left(), [])
      }))

    it.effect("waits for nothing when it is told to end twice", () =>
      Effect.gen(function*() {
        const run = yield* demo(["--rate", "500"])
        yield* run.line(/^2 s \|/m)
        // what is under way does not come out, and the broker does not end when it is asked to
        process.kill(yield* run.pid("outside nats-server"), "SIGSTOP")
        yield* until("messages under way", () => /[1-9]\d* in flight/.test(run.stdout().trimEnd().split("\n").at(-1)!))
        run.process.kill("SIGINT")
        yield* run.line(/^SIGINT: /m)
        yield* Effect.sleep("1100 millis")
        run.process.kill("SIGINT")
        const [took] = yield* Effect.timed(run.ended)

        // the platform's own end takes 10 seconds at most when there is no hurry
        assert.isBelow(Duration.toMillis(took), 8_000)
        // what the platform had started ends by itself
        yield* until("its processes to end", () => run.left().length === 0)
      }))

    it.effect("ends when nobody reads its output any more", () =>
      Effect.gen(function*() {
        const run = yield* demo([])
        const pids = yield* Effect.all([run.pid("platform nats-server"), run.pid("connector")])
        run.process.stdout!.destroy()

        yield* until("its processes to end", () => !pids.some(isAlive))
      }))

    it.effect("leaves nothing behind even when it is killed", () =>
      Effect.gen(function*() {
        const run = yield* demo([])
        yield* run.line(running)
        assert.strictEqual(run.left().length, 4)
        run.process.kill("SIGKILL")

        yield* until("its processes to end", () => run.left().length === 0)
      }))

    it.effect("ends with an error when the platform dies, and leaves nothing of it", () =>
      Effect.gen(function*() {
        const run = yield* demo([])
        yield* run.line(running)
        process.kill(yield* run.pid("kps"), "SIGKILL")
        const code = yield* run.ended

        assert.match(run.stderr(), /^demo: kps ended by SIGKILL, and the demo with it: see .*kps\.log$/m)
        counts(run.lastLine())
        assert.strictEqual(code, 1)
        // what it had started ends by itself
        yield* until("its processes to end", () => run.left().length === 0)
        assert.include(run.stdout(), `\nthe logs are kept in ${yield* logs(run)}\n`)
        assert.isTrue(existsSync(yield* logs(run)))
      }))

    it.effect("refuses bad options before it starts anything", () =>
      Effect.gen(function*() {
        const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
          [["--once", "0"], "demo: --once \"0\": want a whole number from 1 to 1000000000\n"],
          [["--rate", "fast"], "demo: --rate \"fast\": want a number of messages a second from 0.1 to 1000000\n"],
          [["--input", "/no/such/file"], "demo: cannot read \"/no/such/file\": no such file\n"],
          [["--twice"], "demo: option \"--twice\": want one of --once, --rate, --input, --transport, --plain, --help\n"]
        ]
        for (const [args, message] of cases) {
          const run = yield* demo(args)
          assert.strictEqual(yield* run.ended, 2)
          assert.strictEqual(run.stderr(), message)
          assert.strictEqual(run.stdout(), "")
        }
      }))

    it.effect("explains itself", () =>
      Effect.gen(function*() {
        const run = yield* demo(["--help"])
        assert.strictEqual(yield* run.ended, 0)
        assert.include(run.stdout(), "--input FILE")
        assert.strictEqual(run.stderr(), "")
      }))

    const { noTerminal } = DemoProcess
    const onTerminal: typeof it.effect.skip = (name, ...rest) =>
      noTerminal === undefined
        ? it.effect(`on a terminal ${name}`, ...rest)
        : it.effect.skip(`on a terminal ${name} (skipped: ${noTerminal})`, ...rest)

    onTerminal(
      "shows how it goes, in any size, and ends with the same last line as elsewhere",
      () =>
        Effect.gen(function*() {
          const run = yield* demoOnTerminal(["--once", "3000", "--rate", "500"], { columns: 100, rows: 30 }, {
            NO_COLOR: "1"
          })
          const latest = () => pictures(run.stdout()).at(-1) ?? []
          yield* until("rates", () => latest().some((line) => /^out +[1-9]\d*\/s [▁-█]+$/u.test(line)), run.stdout)
          const usual = latest().join("\n")
          run.act({ resize: [40, 16] })
          yield* until("a smaller picture", () => latest()[0]!.length === 40, run.stdout)
          const small = latest()
          const code = yield* run.ended

          const { port, pid } = /^outside broker +up +pid (?<pid>\d+) +port (?<port>\d+)/m.exec(usual)!.groups!
          assert.include(run.stdout(), `outside nats-server: pid ${pid}, port ${port}\n`)
          for (
            const part of [
              /^KPS demo {2}sending 3000 sensor readings, 500 a second at most +0:00:0\d$/m,
              /^\d+ sent {2}\d+ delivered {2}\d+ in flight {2}0 lost {2}0 duplicated$/m,
              /^latency, last 10 s {2}p50 [\d.]+ ms +p99 [\d.]+ ms +max [\d.]+ ms/m,
              /^natsconnectorstream-in +running +stream\w+/m,
              /^no alerts$/m,
              /^\d\d:\d\d:\d\d sending 3000 sensor readings/m
            ]
          ) {
            assert.match(usual, part)
          }
          assert.isAtMost(small.length, 16)
          for (const line of small) assert.isAtMost(line.length, 40)
          assert.notInclude(run.stdout(), "\x1b[32m")
          assert.match(
            afterwards(run.stdout()),
            /^ran for [^\n]+; pipeline: 3000 in, 3000 out\n3000 sent, 3000 delivered, 0 lost, 0 duplicated\n$/
          )
          assert.strictEqual(code, 0)
          assert.isFalse(existsSync(yield* logs(run)))
        })
    )

    onTerminal("gives the terminal back at Ctrl-C, and tells what it said meanwhile", () =>
      Effect.gen(function*() {
        const run = yield* demoOnTerminal([], { columns: 80, rows: 24 })
        yield* until("a picture", () => pictures(run.stdout()).length > 2, run.stdout)
        run.act({ type: "\x03" })
        const code = yield* run.ended

        const last = afterwards(run.stdout())
        assert.include(run.stdout(), "\x1b[32mrunning")
        assert.match(last, /^(\^C)?\d\d:\d\d:\d\d SIGINT: waits for what is under way\nran for /)
        const { delivered, sent } = counts(run.lastLine())
        assert.strictEqual(delivered, sent)
        assert.strictEqual(code, 0)
      }))

    onTerminal("gives the terminal back even when it is killed", () =>
      Effect.gen(function*() {
        const run = yield* demoOnTerminal([], { columns: 80, rows: 24 })
        yield* until("a picture", () => pictures(run.stdout()).length > 2, run.stdout)
        run.act({ kill: 9 })
        const code = yield* run.ended

        assert.strictEqual(code, 128 + 9)
        assert.strictEqual(afterwards(run.stdout()), "")
        yield* until("its processes to end", () => run.left().length === 0)
      }))

    onTerminal("writes lines there when it is asked to", () =>
      Effect.gen(function*() {
        const run = yield* demoOnTerminal(["--once", "100", "--plain"], { columns: 80, rows: 24 })
        yield* run.ended

        assert.notInclude(run.stdout(), "\x1b")
        assert.strictEqual(run.lastLine(), "100 sent, 100 delivered, 0 lost, 0 duplicated")
      }))
  })
})
