import { assert, describe, it } from "@effect/vitest"
import * as natsServer from "@kps/transport/testing/NatsServer"
import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NatsBroker from "../../src/broker/NatsBroker.ts"
import * as ProcessGuard from "../../src/reconciler/ProcessGuard.ts"
import { isAlive, until } from "../reconciler/support.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "kps-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const guard = Effect.provide(ProcessGuard.layer({ grace: "1 second" }))

const client = (url: string) =>
  Effect.acquireRelease(
    Effect.promise(() => connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50 })),
    (client) => Effect.promise(() => client.close())
  )

describe.skipIf(natsServer.skipReason() !== undefined)(natsServer.suiteName("NatsBroker"), () => {
  it.live("starts again on its port with what it has stored, and ends with its scope", () =>
    Effect.gen(function*() {
      const its = yield* folder
      const pidOf = () => Number(readFileSync(join(its, "nats.pid"), "utf8"))
      yield* Effect.gen(function*() {
        const { isOwn, url } = yield* NatsBroker.make({ folder: its })
        const connection = yield* client(url)
        const manager = yield* Effect.promise(() => jetstreamManager(connection))
        yield* Effect.promise(() => manager.streams.add({ name: "s", subjects: ["s"] }))
        yield* Effect.promise(() => jetstream(connection).publish("s", "stored"))
        const pid = pidOf()
        process.kill(pid, "SIGKILL")
        const count = Effect.tryPromise(() => manager.streams.info("s")).pipe(
          Effect.map(({ state }) => state.messages),
          Effect.orElseSucceed(() => -1)
        )
        yield* until(Effect.sync(() => isAlive(pid)), (alive) => !alive)
        yield* until(count, (count) => count === 1)

        assert.isTrue(isOwn)
        assert.notStrictEqual(pidOf(), pid)
      }).pipe(Effect.scoped)

      assert.isFalse(isAlive(pidOf()))
    }).pipe(Effect.scoped, guard))

  it.live("takes larger messages than NATS does by default", () =>
    Effect.gen(function*() {
      const { url } = yield* NatsBroker.make({ folder: yield* folder })
      const { info } = yield* client(url)

      assert.strictEqual(info?.max_payload, 8 << 20)
    }).pipe(Effect.scoped, guard))

  it.effect("refuses a folder that another server has", () =>
    Effect.gen(function*() {
      const its = yield* folder
      const other = yield* Effect.acquireRelease(
        Effect.sync(() => spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", its], { stdio: "ignore" })),
        (other) => Effect.sync(() => other.kill("SIGKILL"))
      )
      writeFileSync(join(its, "nats.pid"), String(other.pid))
      const made = yield* Effect.forkChild(Effect.flip(NatsBroker.make({ folder: its })), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      const error = yield* Fiber.join(made)

      assert.strictEqual(
        error.message,
        `cannot start a nats-server that keeps its files in ${its}: another service domain keeps its files there (its ` +
          `nats-server is process ${other.pid}): end that service domain first, or take another folder for this one`
      )
    }).pipe(Effect.scoped, guard))

  it.live("starts one server on a folder for two that ask at the same moment, and passes over a claim of the dead", () =>
    Effect.gen(function*() {
      const its = yield* folder
      // no process has this number
      writeFileSync(join(its, "nats.starting"), "4194305")
      let started = 0
      const one = Effect.tap(NatsBroker.make({ folder: its }), () => Effect.sync(() => started++))
      yield* Effect.forkScoped(one)
      yield* Effect.forkScoped(one)
      yield* until(Effect.sync(() => started), (count) => count > 0)
      // the other one would not be far behind
      yield* Effect.sleep("1 second")

      assert.strictEqual(started, 1)
    }).pipe(Effect.scoped, guard))

  it("hides who uses a broker that is given", () =>
    Effect.runPromise(
      NatsBroker.NatsBroker.use(({ isOwn, url }) =>
        Effect.sync(() => assert.deepStrictEqual({ isOwn, url }, { isOwn: false, url: "nats://a:1,tls://b:2" }))
      ).pipe(Effect.provide(NatsBroker.layerServers(["nats://ann:pw@a:1", "tls://b:2"])))
    ))
})
