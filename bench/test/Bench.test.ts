import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Command from "effect/cli/Command"
import { TestConsole } from "effect/testing"
import { command } from "../src/Bench.ts"
import { rows } from "../src/rows/index.ts"

const said = (args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const exit = yield* Effect.exit(Command.runWith(command, { version: "0" })(args))
    return {
      failed: exit._tag === "Failure",
      out: (yield* TestConsole.logLines).join("\n"),
      err: (yield* TestConsole.errorLines).join("\n")
    }
  }).pipe(Effect.provide(NodeServices.layer))

describe("bench", () => {
  it.effect("refuses an unknown row and lists those that there are", () =>
    Effect.gen(function*() {
      const { err, failed } = yield* said(["--row", "P99"])

      assert.isTrue(failed)
      assert.include(err, "P99")
      for (const { name } of rows) assert.include(err, `"${name}"`)
    }))

  it.effect("refuses an unknown flag", () =>
    Effect.gen(function*() {
      const { err, failed } = yield* said(["--fast"])

      assert.isTrue(failed)
      assert.include(err, "--fast")
    }))

  it.effect("writes nothing of a run that is not a full one", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(
        Effect.provide(Command.runWith(command, { version: "0" })(["--write", "--quick"]), NodeServices.layer)
      )

      assert.include(String(exit), "--write wants a full run")
    }))

  it.effect("explains itself", () =>
    Effect.gen(function*() {
      const { out } = yield* said(["--help"])

      for (const flag of ["--row", "--json", "--plot", "--profile", "--write", "--quick"]) assert.include(out, flag)
    }))

  it("has each row once, with a case at least", () => {
    assert.strictEqual(new Set(rows.map(({ name }) => name)).size, rows.length)
    for (const { cases } of rows) assert.isNotEmpty(cases)
  })
})
