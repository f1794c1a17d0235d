import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as LocalProcess from "../../src/reconciler/LocalProcess.ts"
import * as ProcessGuard from "../../src/reconciler/ProcessGuard.ts"
import { isAlive, until } from "./support.ts"

/** Starts a command, and gives what it wrote once that ends with a line break. */
const started = (command: string, grace = "5 seconds" as const) =>
  Effect.gen(function*() {
    let output = ""
    const running = yield* LocalProcess.start({
      command,
      env: { HIDDEN: undefined, SHOWN: "shown" },
      grace,
      onOutput: (_, text) => {
        output += text
      }
    })
    yield* until(Effect.sync(() => output), (text) => text.endsWith("\n"))
    return { running, output: output.trim() }
  })

const guard = Effect.provide(ProcessGuard.layer({ grace: "1 second" }))

describe("LocalProcess", () => {
  it.live("gives a command its environment and its address, and tells how it ended", () =>
    Effect.gen(function*() {
      process.env["HIDDEN"] = "hidden"
      const { output, running } = yield* started("echo \"$SHOWN$HIDDEN $KPS_LISTEN_HOST:$KPS_LISTEN_PORT\"; exit 7")

      assert.strictEqual(output, `shown ${running.endpoint}`)
      assert.strictEqual(yield* running.ended, "with status 7")
    }).pipe(Effect.scoped, guard))

  it.live("gives a command nothing that lets it in to the service domain", () =>
    Effect.gen(function*() {
      yield* Effect.acquireRelease(
        Effect.sync(() => Object.assign(process.env, { KPS_PASSWORD: "pw", KPS_TOKEN: "secret" })),
        () =>
          Effect.sync(() => {
            delete process.env["KPS_PASSWORD"]
            delete process.env["KPS_TOKEN"]
          })
      )
      const { output } = yield* started("echo \"password:$KPS_PASSWORD token:$KPS_TOKEN\"")

      assert.strictEqual(output, "password: token:")
    }).pipe(Effect.scoped, guard))

  it.live("ends everything that a command has started, also after the command has ended by itself", () =>
    Effect.gen(function*() {
      const pids = yield* Effect.scoped(Effect.gen(function*() {
        const first = yield* started("sleep 1000 & echo $!; wait")
        const second = yield* started("sleep 1000 >/dev/null 2>&1 & echo $!; exit 0")
        yield* second.running.ended
        const pids = [Number(first.output), Number(second.output)]
        assert.deepStrictEqual(pids.map(isAlive), [true, true])
        return pids
      }))

      yield* until(Effect.sync(() => pids.map(isAlive)), (alive) => !alive.includes(true))
    }).pipe(guard))

  it.live("kills what does not end when it is told to", () =>
    Effect.gen(function*() {
      const pid = yield* Effect.scoped(Effect.map(
        started("trap '' TERM; echo $$; while :; do sleep 0.05; done", "200 millis" as "5 seconds"),
        ({ output }) => Number(output)
      ))

      yield* until(Effect.sync(() => isAlive(pid)), (alive) => !alive)
    }).pipe(guard))
})
