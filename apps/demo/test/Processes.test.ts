import { assert, describe, it } from "@effect/vitest"
import * as NatsServerBinary from "@kps/transport/testing/NatsServer"
import { Deferred, Effect, Layer } from "effect"
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Child from "../src/Child.ts"
import * as Guard from "../src/Guard.ts"
import * as NatsServer from "../src/NatsServer.ts"
import * as Signals from "../src/Signals.ts"
import * as Script from "./Script.ts"
import { isAlive, until } from "./Waiting.ts"

const surroundings = Layer.merge(
  Guard.layer,
  Layer.succeed(Signals.Signals, { stop: Effect.never, hurry: Effect.never })
)

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "kps-demo-test-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const shell = (script: string, logFile: string) =>
  Child.spawn({ name: "shell", command: "/bin/sh", args: ["-c", script], logFile })

const accepts = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("connect", () => resolve(true))
    socket.once("error", () => resolve(false))
    socket.once("connect", () => socket.destroy())
  })

describe("Child", () => {
  it.live("ends with its scope, and what it wrote is in its log", () =>
    Effect.gen(function*() {
      const logFile = join(yield* folder, "log")
      const pid = yield* Effect.scoped(Effect.gen(function*() {
        const child = yield* shell("echo out; echo err >&2; exec sleep 60", logFile)
        yield* until("its output", () => readFileSync(logFile, "utf8").includes("err"))
        assert.isTrue(isAlive(child.pid))
        return child.pid
      }))

      assert.isFalse(isAlive(pid))
      assert.strictEqual(readFileSync(logFile, "utf8"), "out\nerr\n")
    }).pipe(Effect.provide(surroundings)))

  it.live("is killed when it does not end within 5 seconds", () =>
    Effect.gen(function*() {
      const logFile = join(yield* folder, "log")
      const pid = yield* Effect.scoped(Effect.gen(function*() {
        const child = yield* shell("trap '' TERM; echo ready; while :; do sleep 1; done", logFile)
        yield* until("its trap", () => readFileSync(logFile, "utf8") !== "")
        return child.pid
      }))

      assert.isFalse(isAlive(pid))
    }).pipe(Effect.provide(surroundings)), 20_000)

  it.live("is killed at once when there is a hurry", () =>
    Effect.gen(function*() {
      const logFile = join(yield* folder, "log")
      const hurry = yield* Deferred.make<void>()
      const child = yield* Effect.scoped(Effect.gen(function*() {
        const child = yield* shell("trap '' TERM; echo ready; while :; do sleep 1; done", logFile)
        yield* until("its trap", () => readFileSync(logFile, "utf8") !== "")
        yield* Deferred.succeed(hurry, undefined)
        return child
      })).pipe(
        Effect.provideService(Signals.Signals, { stop: Effect.never, hurry: Deferred.await(hurry) }),
        Effect.timeout("4 seconds")
      )

      assert.strictEqual(yield* child.ended, "by SIGKILL")
    }).pipe(Effect.provide(surroundings)))

  it.live("says how it ended", () =>
    Effect.gen(function*() {
      const logFile = join(yield* folder, "log")
      const first = yield* shell("exit 3", logFile)
      assert.strictEqual(yield* first.ended, "with status 3")
      const second = yield* shell("kill -9 $$", logFile)

      assert.strictEqual(yield* second.ended, "by SIGKILL")
    }).pipe(Effect.scoped, Effect.provide(surroundings)))

  it.live("fails when there is no such command, by name", () =>
    Effect.gen(function*() {
      const logFile = join(yield* folder, "log")
      const error = yield* Effect.flip(
        Child.spawn({ name: "nothing", command: "/no/such/file", args: [], logFile })
      )

      assert.include(error.message, "cannot start nothing: ")
      assert.include(error.message, "/no/such/file")
    }).pipe(Effect.scoped, Effect.provide(surroundings)))
})

describe("Guard", () => {
  // a process that is killed before it can clean up, with a child in the guard's care and one that was released
  const program = `
    import { Effect } from "effect"
    import { spawn } from "node:child_process"
    import { Guard, layer } from ${Script.module("Guard")}
    const start = () => spawn("sleep", ["60"], { detached: true, stdio: "ignore" }).pid
    const [watched, released] = [start(), start()]
    Effect.runPromise(Effect.gen(function*() {
      const guard = yield* Guard
      yield* guard.watch(watched)
      yield* guard.watch(released)
      yield* guard.release(released)
      console.log(watched + " " + released)
      yield* Effect.sleep("60 seconds")
    }).pipe(Effect.provide(layer)))
  `

  it.live(
    "ends what was in its care when the process that had started it is killed, and nothing else",
    () =>
      Effect.gen(function*() {
        const parent = yield* Effect.acquireRelease(
          Effect.sync(() =>
            spawn(process.execPath, Script.args(program), { stdio: ["ignore", "pipe", "inherit"], cwd: Script.cwd })
          ),
          (parent) => Effect.sync(() => parent.kill("SIGKILL"))
        )
        let output = ""
        parent.stdout.on("data", (data) => output += String(data))
        yield* until("the pids", () => output.endsWith("\n"))
        const [watched, released] = output.trim().split(" ").map(Number)
        yield* Effect.addFinalizer(() => Effect.sync(() => isAlive(released!) && process.kill(released!)))
        parent.kill("SIGKILL")

        yield* until("the watched process to end", () => !isAlive(watched!))

        assert.isTrue(isAlive(released!))
      }).pipe(Effect.scoped),
    20_000
  )
})

const suite = NatsServerBinary.skipReason() === undefined ? describe : describe.skip

suite(NatsServerBinary.suiteName("NatsServer"), () => {
  it.live("starts again on its port after it was killed, and ends with its scope", () =>
    Effect.gen(function*() {
      const logs = yield* folder
      const lines: Array<string> = []
      const port = yield* Effect.scoped(Effect.gen(function*() {
        const command = yield* NatsServer.findBinary
        const server = yield* NatsServer.start({
          name: "some nats-server",
          folder: logs,
          command,
          tell: (line) => Effect.sync(() => void lines.push(line))
        })
        const first = Number(/pid (\d+)/.exec(lines[0]!)![1])
        assert.strictEqual(lines[0], `some nats-server: pid ${first}, port ${server.port}`)
        assert.strictEqual(server.url, `nats://127.0.0.1:${server.port}`)
        assert.strictEqual(server.pid(), first)

        process.kill(first, "SIGKILL")
        yield* until("its death", () => lines.length > 1)
        assert.strictEqual(server.pid(), undefined)
        yield* until("its return", () => lines.length > 2)

        const second = Number(/pid (\d+)/.exec(lines[2]!)![1])
        assert.notStrictEqual(second, first)
        assert.strictEqual(server.pid(), second)
        assert.include(lines[1]!, "ended by SIGKILL")
        assert.strictEqual(lines[2], `some nats-server: pid ${second}, port ${server.port}`)
        yield* until("its port", () => accepts(server.port))
        return server.port
      }))

      assert.isFalse(yield* Effect.promise(() => accepts(port)))
    }).pipe(Effect.scoped, Effect.provide(surroundings)), 20_000)

  it.live("fails when it ends at once, and says where to look", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        NatsServer.start({
          name: "some nats-server",
          folder: yield* folder,
          command: "/bin/false",
          tell: () => Effect.void
        })
      )

      assert.include(error.message, "cannot start some nats-server: it ended with status 1")
    }).pipe(Effect.scoped, Effect.provide(surroundings)))
})
