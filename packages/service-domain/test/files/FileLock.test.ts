import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as FileLock from "../../src/files/FileLock.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "kps-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

/** No process has this number. */
const nobody = 4_194_305

describe("FileLock", () => {
  it.effect("is one scope's at a time, and nothing is left of it", () =>
    Effect.gen(function*() {
      const its = yield* folder
      const file = join(its, "lock")
      yield* Effect.scoped(Effect.gen(function*() {
        yield* FileLock.take(file)
        const other = yield* Effect.flip(Effect.scoped(FileLock.take(file)))
        assert.strictEqual(other.message, `process ${process.pid} has the lock ${JSON.stringify(file)}`)
      }))
      assert.deepStrictEqual(readdirSync(its), [])

      yield* Effect.scoped(FileLock.take(file))
      assert.deepStrictEqual(readdirSync(its), [])
    }).pipe(Effect.scoped))

  it.effect("of the dead is one of those who ask", () =>
    Effect.gen(function*() {
      const its = yield* folder
      const file = join(its, "lock")
      writeFileSync(file, JSON.stringify({ pid: nobody, started: "1", id: "x" }))
      const results = yield* Effect.forEach([1, 2, 3], () => Effect.result(FileLock.take(file)))
      assert.deepStrictEqual(results.map(Result.isSuccess), [true, false, false])
      assert.strictEqual(JSON.parse(readFileSync(file, "utf8")).pid, process.pid)
    }).pipe(Effect.scoped))

  it.effect.skipIf(process.platform !== "linux")(
    "is not of a process that was given the number later",
    () =>
      Effect.gen(function*() {
        const file = join(yield* folder, "lock")
        writeFileSync(file, JSON.stringify({ pid: process.ppid, started: "1", id: "x" }))
        yield* FileLock.take(file)
        assert.strictEqual(JSON.parse(readFileSync(file, "utf8")).pid, process.pid)
      }).pipe(Effect.scoped)
  )

  it.effect("says why it cannot be taken", () =>
    Effect.gen(function*() {
      const file = join(yield* folder, "none", "lock")
      const error = yield* Effect.flip(Effect.scoped(FileLock.take(file)))
      assert.include(error.message, `cannot lock ${JSON.stringify(file)}: ENOENT`)
    }).pipe(Effect.scoped))
})
