import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { binary, suiteName } from "@kps/transport/testing/NatsServer"
import { Effect, Exit, Scope } from "effect"
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { bundle } from "./bundle.ts"

describe.skipIf(binary() === undefined)(suiteName("the soak command"), () => {
  const scope = Scope.makeUnsafe()
  let built = { main: "", folder: "" }
  beforeAll(async () => {
    built = await Effect.runPromise(Scope.provide(bundle, scope))
  }, 120_000)
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

  const soak = (args: ReadonlyArray<string>, onError: (text: string, stop: () => void) => void = () => {}) =>
    Effect.callback<{ readonly code: number | null; readonly out: string; readonly err: string }>((resume) => {
      const child = spawn(process.execPath, [built.main, ...args], {
        cwd: built.folder,
        env: { ...process.env, INIT_CWD: built.folder }
      })
      let [out, err] = ["", ""]
      child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text))
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        err += text
        onError(err, () => child.kill("SIGINT"))
      })
      child.on("close", (code) => resume(Effect.succeed({ code, out, err })))
    })
  const few = ["--only", "simulation", "--runs", "0", "--exact", "0", "--days", "0"]

  it.live("explains itself, and refuses what it does not know", () =>
    Effect.gen(function*() {
      const help = yield* soak(["--help"])
      const unknown = yield* soak(["--run", "3"])
      const wrong = yield* soak(["--seeds", "-1"])
      const nothing = yield* soak([...few, "--seeds", "0"])

      assert.strictEqual(help.code, 0)
      for (
        const flag of [
          "--runs",
          "--exact",
          "--seeds",
          "--days",
          "--away",
          "--seed",
          "--only",
          "--minutes",
          "--state",
          "--fresh"
        ]
      ) {
        assert.include(help.out, flag)
      }
      assert.deepStrictEqual([unknown.code, wrong.code, nothing.code], [2, 2, 2])
      assert.include(nothing.err, "soak: there is nothing to run with")
      assert.include(unknown.err + unknown.out, "--run")
      assert.include(wrong.err + wrong.out, "want 0 to 1000000, got -1")
    }), 120_000)

  it.live("goes on where it was interrupted, and sums up all of it", () =>
    Effect.gen(function*() {
      const args = [...few, "--seeds", "60", "--state", "some.json"]
      const first = yield* soak(args, (text, stop) => text.includes("1 of 2") && stop())
      const state: { readonly outcomes: ReadonlyArray<unknown> } = JSON.parse(
        readFileSync(join(built.folder, "some.json"), "utf8")
      )
      const second = yield* soak(args)

      assert.notStrictEqual(first.code, 0)
      assert.isAtLeast(state.outcomes.length, 1)
      assert.include(second.err, `soak: ${state.outcomes.length} of 2 are done already`)
      assert.match(second.out, /simulated minutes with everything at once: 60 runs/)
    }), 300_000)
})
