import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Source from "../src/Source.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "kps-demo-test-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const file = (content: string | Uint8Array) =>
  Effect.map(folder, (folder) => {
    const path = join(folder, "input")
    writeFileSync(path, content)
    return { _tag: "File" as const, path }
  })

describe("Source", () => {
  it.effect("emits the lines of a file that is larger than any chunk, in order", () =>
    Effect.gen(function*() {
      const wanted = Array.from({ length: 30_000 }, (_, i) => `line ${i} ${"x".repeat(i % 50)}`)
      const input = yield* file(wanted.join("\n"))
      const got = yield* Source.items(input, 1_000).pipe(
        Stream.map((item) => item instanceof Uint8Array ? Buffer.from(item).toString() : "too long"),
        Stream.runCollect
      )

      assert.deepStrictEqual(got, wanted)
    }))

  it.effect("emits the size of a line that is over the limit", () =>
    Effect.gen(function*() {
      const input = yield* file(`short\n${"x".repeat(500_000)}\n`)
      const got = yield* Stream.runCollect(Source.items(input, 1_000))

      assert.deepStrictEqual(got[1], { oversizedBytes: 500_000 })
      assert.strictEqual(got.length, 2)
    }))

  it.effect("emits nothing for an empty file", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Stream.runCollect(Source.items(yield* file(""), 1_000)), [])
    }))

  it.effect("refuses a file that is not there, and a folder, by name", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "nothing")
      assert.strictEqual(
        (yield* Effect.flip(Source.check({ _tag: "File", path }))).message,
        `cannot read "${path}": no such file`
      )

      const message = (yield* Effect.flip(Source.check({ _tag: "File", path: yield* folder }))).message
      assert.match(message, /^cannot read "\/.*": is a directory$/)
    }))

  it.effect("fails in the middle when the input cannot be read any further", () =>
    Effect.gen(function*() {
      // a folder opens and does not read
      const path = yield* folder
      const error = yield* Effect.flip(Stream.runDrain(Source.items({ _tag: "File", path }, 1_000)))

      assert.strictEqual(error.message, `cannot read "${path}": is a directory`)
    }))

  it.live("reads a named pipe, and does not disturb its writer before", () =>
    Effect.gen(function*() {
      const path = join(yield* folder, "pipe")
      assert.strictEqual(spawnSync("mkfifo", [path]).status, 0)
      const writer = spawn("/bin/sh", ["-c", `echo one > ${path}; echo two > ${path}`])
      yield* Effect.addFinalizer(() => Effect.sync(() => writer.kill()))
      yield* Source.check({ _tag: "File", path })
      const got = yield* Source.items({ _tag: "File", path }, 1_000).pipe(Stream.take(1), Stream.runCollect)

      assert.deepStrictEqual(got, [Buffer.from("one")])
    }))

  it.effect("has nothing against a file that is there, standard input and readings", () =>
    Effect.gen(function*() {
      yield* Source.check(yield* file("x"))
      yield* Source.check({ _tag: "Stdin" })
      yield* Source.check({ _tag: "Generated" })
    }))

  it.effect("makes readings without end: JSON with the number they are sent with", () =>
    Effect.gen(function*() {
      const items = yield* Source.items({ _tag: "Generated" }, 1_000).pipe(Stream.take(1_000), Stream.runCollect)
      assert.strictEqual(items.length, 1_000)
      const texts = items.slice(0, 4).map((item, i) =>
        typeof item === "function" ? Buffer.from(item(i + 1, 0)).toString() : ""
      )

      assert.strictEqual(
        texts[0],
        "{\"seq\":1,\"sensor\":\"line-2\",\"celsius\":28.4,\"at\":\"1970-01-01T00:00:00.000Z\"}"
      )
      assert.deepStrictEqual(texts.map((text) => JSON.parse(text).seq), [1, 2, 3, 4])
      assert.strictEqual(new Set(texts.map((text) => JSON.parse(text).sensor)).size, 4)
    }))
})
