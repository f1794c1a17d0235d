import { assert, describe, it } from "@effect/vitest"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Exit, Fiber, Scope } from "effect"
import { spawn } from "node:child_process"
import { connect } from "node:net"
import { until } from "./support.ts"

/** The first line that a server says, or the error of connecting to it. */
const greeting = (port: number) =>
  Effect.callback<string>((resume) => {
    const socket = connect(port, "127.0.0.1")
    socket.once("data", (data) => {
      socket.destroy()
      resume(Effect.succeed(data.toString()))
    })
    socket.once("error", (error) => resume(Effect.succeed(error.message)))
  })

const alive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("NatsServer"), () => {
  it.effect("takes connections when it is made, and is gone when its scope is closed", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const server = yield* NatsServer.make().pipe(Scope.provide(scope))
      const pid = yield* server.pid
      const hello = yield* greeting(server.port)
      yield* Scope.close(scope, Exit.void)

      assert.match(hello, /^INFO \{/)
      assert.strictEqual(server.url, `nats://127.0.0.1:${server.port}`)
      assert.isFalse(alive(pid))
      assert.match(yield* greeting(server.port), /ECONNREFUSED/)
    }))

  it.effect("restarts on the same port as another process", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const before = yield* server.pid
      const exited = yield* Effect.forkChild(server.exited, { startImmediately: true })
      yield* server.kill()
      yield* Fiber.join(exited)
      const dead = yield* greeting(server.port)
      yield* server.restart

      assert.match(dead, /ECONNREFUSED/)
      assert.match(yield* greeting(server.port), /^INFO \{/)
      assert.notStrictEqual(yield* server.pid, before)
    }).pipe(Effect.scoped))

  it.effect("takes configuration and arguments", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ config: "max_payload: 4096", args: ["--name", "mine"], jetstream: true })
      const hello = yield* greeting(server.port)

      assert.include(hello, "\"max_payload\":4096")
      assert.include(hello, "\"server_name\":\"mine\"")
      assert.include(hello, "\"jetstream\":true")
    }).pipe(Effect.scoped))

  it.effect("says why it did not start", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(NatsServer.make({ config: "port: {" })))

      assert.match(error.message, /^nats-server: it ended at once: .*Parse error/)
    }))

  it.effect("serves its monitoring endpoints", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const answer = yield* Effect.promise(() => fetch(`${server.monitorUrl}/connz`).then((answer) => answer.json()))

      assert.propertyVal(answer, "num_connections", 0)
    }).pipe(Effect.scoped))
})

describe("a machine without a nats-server", () => {
  it("has a reason to skip, except in CI", () => {
    const { CI, NATS_SERVER_BIN } = process.env
    try {
      process.env["NATS_SERVER_BIN"] = "/nonexistent/nats-server"
      delete process.env["CI"]
      const reason = NatsServer.skipReason()
      process.env["CI"] = "true"

      assert.match(reason ?? "", /^no nats-server: NATS_SERVER_BIN is "\/nonexistent/)
      assert.isUndefined(NatsServer.skipReason())
      assert.isUndefined(NatsServer.binary())
    } finally {
      process.env["NATS_SERVER_BIN"] = NATS_SERVER_BIN
      process.env["CI"] = CI
      if (CI === undefined) delete process.env["CI"]
      if (NATS_SERVER_BIN === undefined) delete process.env["NATS_SERVER_BIN"]
    }
  })

  it.live("ends with the process that made it, also when that is killed", () =>
    Effect.gen(function*() {
      const module = new URL("../src/testing/NatsServer.ts", import.meta.url).href
      const program = `
        import { Effect } from "effect"
        const NatsServer = await import(${JSON.stringify(module)})
        await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
          const server = yield* NatsServer.make()
          console.log(server.port)
          yield* Effect.never
        })))
      `
      const parent = spawn(process.execPath, ["--conditions=@kps/source", "--input-type=module", "-e", program], {
        cwd: new URL("..", import.meta.url),
        stdio: ["ignore", "pipe", "inherit"]
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => parent.kill("SIGKILL")))
      const port = yield* Effect.callback<number>((resume) => {
        parent.stdout.once("data", (line: Buffer) => resume(Effect.succeed(Number(line.toString()))))
      })
      const before = yield* greeting(port)
      parent.kill("SIGKILL")
      const isGone = Effect.map(greeting(port), (said) => said.includes("ECONNREFUSED"))
      yield* until("it has ended", isGone, "60 seconds")

      assert.include(before, "INFO {")
    }), 90_000)
})
