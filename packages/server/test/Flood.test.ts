import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { spawn } from "node:child_process"
import * as http2 from "node:http2"
import { fileURLToPath } from "node:url"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { limits } from "../src/Http2Limits.ts"
import { GrpcCaller } from "./support/GrpcCaller.ts"
import { serve } from "./support/TestServer.ts"

interface Done {
  /** Calls that were made. */
  readonly sent: number
  readonly connections: number
  /** Connections that are still open. */
  readonly held: number
}

/** The flood as a process of its own: what it came to. It holds what it has until the scope is closed. */
const flood = (port: number, kind: "resets" | "idle" | "busy", amount: number) =>
  Effect.gen(function*() {
    const done = yield* Deferred.make<Done>()
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const script = fileURLToPath(new URL("support/Flood.ts", import.meta.url))
        const child = spawn(process.execPath, ["--no-warnings", script, String(port), kind, String(amount)])
        let text = ""
        let failure = ""
        child.stderr.on("data", (chunk: Buffer) => {
          failure += chunk.toString()
        })
        child.stdout.on("data", (chunk: Buffer) => {
          text += chunk.toString()
          if (text.endsWith("\n")) Deferred.doneUnsafe(done, Effect.succeed(JSON.parse(text)))
        })
        child.once("exit", (code) => Deferred.doneUnsafe(done, Effect.die(new Error(`exit ${code}: ${failure}`))))
        return child
      }),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    return yield* Deferred.await(done)
  })

/** Megabytes that are in use, and those that cannot be let go. */
const used = () => process.memoryUsage().rss / 2 ** 20
const live = () => {
  setFlagsFromString("--expose-gc")
  runInNewContext("gc")()
  return process.memoryUsage().heapUsed / 2 ** 20
}

/** What becomes of others while an attack goes on, and of the memory. */
const others = Effect.fnUntraced(function*<E, R>(port: number, attack: Effect.Effect<Done, E, R>) {
  let slowest = 0
  let most = 0
  let calls = 0
  const served = Effect.fnUntraced(function*(caller: GrpcCaller) {
    const started = Date.now()
    yield* caller.call("GetEvents", { connectorId: "c-1" })
    slowest = Math.max(slowest, Date.now() - started)
    most = Math.max(most, used())
    calls++
  })
  const known = yield* GrpcCaller.make(port)
  yield* served(known)
  const before = { live: live(), used: used() }
  const fiber = yield* Effect.forkChild(attack, { startImmediately: true })
  while (fiber.pollUnsafe() === undefined) yield* Effect.andThen(served(known), Effect.sleep("5 millis"))
  const done = yield* Fiber.join(fiber)
  // With what the attack holds.
  yield* served(known)
  return {
    done,
    calls,
    slowest,
    usedMore: most - before.used,
    heldMore: live() - before.live,
    new: Effect.flatMap(GrpcCaller.make(port), served)
  }
})

describe("a flood", () => {
  it.live(
    "of 10,000 calls that are reset: others are served, and its connections are closed",
    () =>
      Effect.gen(function*() {
        const { port } = yield* serve()
        const found = yield* others(port, flood(port, "resets", 10_000))
        yield* found.new

        assert.strictEqual(found.done.sent, 10_000)
        assert.isAtLeast(found.done.connections, 10_000 / (2 * limits.resetBurst))
        assert.isAtLeast(found.calls, 10)
        assert.isBelow(found.slowest, 3000)
        assert.isBelow(found.usedMore, 500)
        assert.isBelow(found.heldMore, 30)
      }),
    30_000
  )

  it.live("of resets ends its connection after 200 at once", () =>
    Effect.gen(function*() {
      const { port } = yield* serve()
      const session = yield* Effect.acquireRelease(
        Effect.callback<http2.ClientHttp2Session>((resume) => {
          const session = http2.connect(`http://127.0.0.1:${port}`)
          session.on("error", () => {})
          session.once("remoteSettings", () => resume(Effect.succeed(session)))
        }),
        (session) => Effect.sync(() => session.destroy())
      )
      const answered = Effect.callback<void>((resume) => {
        if (!session.ping(() => resume(Effect.void))) resume(Effect.void)
      })
      let sent = 0
      while (!session.closed && !session.destroyed && sent < 1000) {
        for (let i = 0; i < 10; i++, sent++) {
          session.request({ ":method": "POST" }).on("error", () => {}).close(http2.constants.NGHTTP2_CANCEL)
        }
        yield* answered
      }

      assert.isAtLeast(sent, limits.resetBurst)
      assert.isBelow(sent, limits.resetBurst + 3 * limits.resetsPerSecond)
    }))

  it.live(
    "of 1,000 connections: others are served, also new ones, and half of it is closed",
    () =>
      Effect.gen(function*() {
        const { port } = yield* serve()
        const found = yield* others(port, flood(port, "idle", 1000))
        for (let i = 0; i < 20; i++) yield* found.new

        assert.strictEqual(found.done.connections, 1000)
        assert.isAtMost(found.done.held, limits.connections)
        assert.isAtLeast(found.calls, 10)
        assert.isBelow(found.slowest, 3000)
        assert.isBelow(found.usedMore, 300)
        assert.isBelow(found.heldMore, 60)
      }),
    30_000
  )

  it.live(
    "of 1,000 connections with a call each: those that were there before are served",
    () =>
      Effect.gen(function*() {
        const { port } = yield* serve()
        const found = yield* others(port, flood(port, "busy", 1000))

        assert.strictEqual(found.done.connections, 1000)
        assert.isAtMost(found.done.held, limits.connections)
        assert.isAtLeast(found.calls, 10)
        assert.isBelow(found.slowest, 3000)
        assert.isBelow(found.usedMore, 300)
        assert.isBelow(found.heldMore, 60)
      }),
    30_000
  )
})
