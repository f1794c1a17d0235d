import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Documents } from "@kps/service-domain"
import { Effect, FileSystem, Layer, Path } from "effect"
import { fileURLToPath } from "node:url"
import * as Manifest from "../src/domain/Manifest.ts"
import * as Plan from "../src/domain/Plan.ts"
import * as Rehearsal from "../src/domain/Rehearsal.ts"
import * as MemoryDomain from "./support/MemoryDomain.ts"

const samples = fileURLToPath(new URL("../../../samples/nats", import.meta.url))

const domain = Layer.fresh(Layer.merge(MemoryDomain.layer, NodeServices.layer))

const planned = (mode: Plan.Mode, at: string) =>
  Effect.flatMap(Manifest.read(at), (filed) => Effect.provide(Plan.make(mode, filed), Layer.fresh(Rehearsal.layer)))

const written = Effect.fnUntraced(function*(mode: Plan.Mode, at: string) {
  const steps = yield* planned(mode, at)
  for (const { write } of steps) yield* write
  return steps.map(({ action, kind, name }) => `${action} ${kind} ${name}`)
})

/** A copy of the samples in which a file is another one. */
const changed = Effect.fnUntraced(function*(file: string, change: (text: string) => string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* fs.makeTempDirectoryScoped()
  for (const name of yield* fs.readDirectory(samples)) {
    const text = yield* fs.readFileString(path.join(samples, name))
    yield* fs.writeFileString(path.join(folder, name), name === file ? change(text) : text)
  }
  return folder
})

const counts = Effect.gen(function*() {
  const documents = yield* Documents.Documents
  return (yield* documents.snapshot).revision
})

describe("what a folder asks for", () => {
  it.effect("is created in the order in which documents refer to each other, then is so already", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* written("create", samples), [
        "create category Protocol",
        "create serviceDomain svc-domain-1",
        "create project NatsConnectorProject",
        "create connectorClass natsconnector",
        "create connectorInstance natsconnector",
        "create connectorStream natsconnectorstream-in",
        "create connectorStream natsconnectorstream-out",
        "create connectorConfig natsconnectorsconfig",
        "create function echo",
        "create dataPipeline nats-echo"
      ])
      const before = yield* counts
      const again = yield* written("apply", samples)
      assert.strictEqual(again.filter((step) => step.startsWith("unchanged ")).length, 10)
      assert.strictEqual(yield* counts, before)
    }).pipe(Effect.provide(domain)))

  it.effect("updates what differs and nothing else", () =>
    Effect.gen(function*() {
      yield* written("apply", samples)
      const folder = yield* changed("stream-in.json", (text) => text.replace("nats_in", "other_in"))
      const steps = yield* written("apply", folder)
      assert.deepStrictEqual(
        steps.filter((step) => !step.startsWith("unchanged")),
        ["update connectorStream natsconnectorstream-in"]
      )
      const documents = yield* Documents.Documents
      const streams = yield* documents.list("connectorStream")
      assert.sameMembers(streams.map(({ value }) => value.stream["subject"]), ["other_in", "nats_out"])
    }).pipe(Effect.provide(domain)))

  it.effect("is refused as a whole, by file, line and path, and changes nothing", () =>
    Effect.gen(function*() {
      const folder = yield* changed("stream-in.json", (text) => text.replace("\"nats_in\"", "\"a b\""))
      const { message } = yield* Effect.flip(planned("create", folder))
      assert.match(message, /stream-in\.json, line 1: connectorstream "natsconnectorstream-in"\n {2}stream\.subject: /)
      assert.strictEqual(yield* counts, 0)
    }).pipe(Effect.provide(domain)))

  it.effect("is refused with what is wrong in each of its files", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const folder = yield* changed("stream-in.json", () => "{\"name\":")
      yield* fs.writeFileString(path.join(folder, "config.json"), "[]")
      const { message } = yield* Effect.flip(Manifest.read(folder))
      assert.match(message, /violations? in \S+config\.json:\n[^]*violations? in \S+stream-in\.json:\n/)
    }).pipe(Effect.scoped, Effect.provide(domain)))

  it.effect("is refused for a name that leads nowhere, and for a code file that is not there", () =>
    Effect.gen(function*() {
      const pipeline = yield* changed("pipeline.yaml", (text) => text.replace("- name: echo", "- name: ecko"))
      assert.match((yield* Effect.flip(planned("create", pipeline))).message, /functions\[0\]\.name.*echo.*"ecko"/)
      const code = yield* changed("pipeline.yaml", (text) => text.replace("echo.js", "gone.js"))
      assert.match(
        (yield* Effect.flip(planned("create", code))).message,
        /line 2: function "echo"\n {2}sourceCodePath: /
      )
      assert.strictEqual(yield* counts, 0)
    }).pipe(Effect.provide(domain)))

  it.effect("is not created twice, and not updated where it is not there", () =>
    Effect.gen(function*() {
      assert.match((yield* Effect.flip(planned("update", samples))).message, /no category with id "Protocol"/)
      yield* written("create", samples)
      assert.match(
        (yield* Effect.flip(planned("create", samples))).message,
        /there is a category with the name already/
      )
    }).pipe(Effect.provide(domain)))

  it.effect("finds what it has written, and nothing of the same name elsewhere", () =>
    Effect.gen(function*() {
      yield* written("create", samples)
      const filed = yield* Manifest.read(samples)
      const found = yield* Effect.provide(Plan.found(filed), Layer.fresh(Rehearsal.layer))
      assert.deepStrictEqual(found.map(({ kind }) => kind).toReversed().slice(0, 2), ["dataPipeline", "function"])
      assert.strictEqual(found.length, 10)
      const other = yield* changed("instance.json", (text) =>
        text.replace("\"name\": \"natsconnector\"", "\"name\": \"n2\""))
      const there = { connectorInstanceID: "n2" }
      const elsewhere = (yield* Manifest.read(other)).map((one): Manifest.Filed => {
        const { document, file } = one
        if (document.kind !== "connectorStream") {
          return one
        }
        return { file, document: { kind: "connectorStream", line: 1, value: Object.assign({}, document.value, there) } }
      })
      const names = (yield* Effect.provide(Plan.found(elsewhere), Layer.fresh(Rehearsal.layer))).map(({ kind }) =>
        kind
      )
      assert.notInclude(names, "connectorStream")
      assert.notInclude(names, "connectorInstance")
    }).pipe(Effect.provide(domain)))
})
