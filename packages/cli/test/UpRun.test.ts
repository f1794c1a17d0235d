import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Documents } from "@kps/service-domain"
import { Console, Effect, FileSystem, Layer, Path, Schedule } from "effect"
import * as UpRun from "../src/domain/UpRun.ts"
import * as MemoryDomain from "./support/MemoryDomain.ts"

const domain = Layer.fresh(Layer.merge(MemoryDomain.layer, NodeServices.layer))

const documentsIn = `
kind: project
name: p
description: ""
users: []
edges: []
---
kind: function
name: f
project: p
description: ""
sourceCodePath: f.js
language: node
environment: node-env
params: []
`

const codes = Effect.gen(function*() {
  const documents = yield* Documents.Documents
  return (yield* documents.list("function")).map(({ value }) => value.code)
})

/** Waits until these are the functions' codes. */
const until = (wanted: ReadonlyArray<string>) =>
  codes.pipe(
    Effect.repeat({ until: (found) => found.join() === wanted.join(), schedule: Schedule.spaced("20 millis") }),
    Effect.timeout("45 seconds")
  )

const folder = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const at = yield* fs.makeTempDirectoryScoped()
  yield* fs.writeFileString(path.join(at, "all.yaml"), documentsIn)
  return { at, put: (text: string) => fs.writeFileString(path.join(at, "f.js"), text) }
})

describe("what kps up applies again", () => {
  it.live("is what has changed since it was looked at, before it was applied", () =>
    Effect.gen(function*() {
      const { at, put } = yield* folder
      yield* put("exports.main = () => 1")
      const before = yield* UpRun.seen(at)
      yield* put("exports.main = () => 22")
      yield* Effect.forkScoped(UpRun.reload(at, before))

      yield* until(["exports.main = () => 22"])
    }).pipe(Effect.scoped, Effect.provide(domain)))

  it.live("is a function too whose code was missing when it was refused", () =>
    Effect.gen(function*() {
      const { at, put } = yield* folder
      const told: Array<unknown> = []
      const errors = { ...console, error: (text: unknown) => void told.push(text) }
      yield* UpRun.reload(at, { files: [at], print: "" }).pipe(
        Effect.provideService(Console.Console, errors),
        Effect.forkScoped
      )
      yield* Effect.sync(() => told.join()).pipe(
        Effect.repeat({ until: (text) => text.includes("f.js"), schedule: Schedule.spaced("20 millis") }),
        Effect.timeout("45 seconds")
      )
      assert.deepStrictEqual(yield* codes, [])
      yield* put("exports.main = () => 1")

      yield* until(["exports.main = () => 1"])
    }).pipe(Effect.scoped, Effect.provide(domain)))
})
