import { assert, describe, it } from "@effect/vitest"
import { Channel, Transport } from "@kps/transport"
import { Effect, Layer, Option, Stream } from "effect"
import { vi } from "vitest"
import * as Documents from "../../src/documents/Documents.ts"
import * as EventHistory from "../../src/events/EventHistory.ts"
import * as PipelineReconciler from "../../src/reconciler/PipelineReconciler.ts"
import * as documents from "../support/documents.ts"
import { store, until } from "./support.ts"

// functions are started, which takes its time on a loaded machine
vi.setConfig({ testTimeout: 60_000 })

const func = (body: string) => ({
  ...documents.func,
  language: "node",
  environment: "node-env",
  code: `exports.main = async (ctx, msg) => { ${body} }`
})

const seed = Effect.gen(function*() {
  const all = yield* Documents.Documents
  for (const [kind, document] of documents.all) {
    yield* documents.create(all, kind, kind === "function" ? func("ctx.send(msg)") : document)
  }
})

const update = (
  ...[kind, id, document]: Parameters<typeof documents.update> extends [unknown, ...infer Rest] ? Rest : never
) => Documents.Documents.use((all) => documents.update(all, kind, id, document))

const pipeline = Effect.map(
  PipelineReconciler.PipelineReconciler.use((reconciler) => reconciler.pipeline("dp-1")),
  Option.getOrUndefined
)

const is = (status: PipelineReconciler.PipelineTenant["status"]) =>
  until(pipeline, (tenant) => tenant?.status === status)

const input = Channel.ChannelName.make("kps.stream.s-in")
const output = Channel.ChannelName.make("kps.stream.s-out")

/** Publishes a text to the input, and gives the next one that is put out. */
const through = (text: string) =>
  Effect.scoped(Effect.gen(function*() {
    const transport = yield* Transport.Transport
    const messages = yield* transport.subscription(output)
    yield* transport.publish(input, { payloads: [Buffer.from(text)], timestampNanos: 0n })
    const [message] = yield* Stream.runCollect(Stream.take(messages, 1))
    return Buffer.from(message?.payloads[0] ?? []).toString()
  }))

/** The latest alert of a name that was in this state, once there is one. */
const alert = (name: string, state: string) =>
  Effect.map(
    until(
      EventHistory.EventHistory.use((history) => history.query({ path: "/", keys: { type: "ALERT", name, state } })),
      (events) => events.length > 0
    ),
    ([event]) => event
  )

const layer = PipelineReconciler.layer({ serviceDomain: "sd-1", scrapeInterval: "50 millis" }).pipe(
  Layer.provideMerge(Layer.merge(store, Transport.layerMemory))
)

describe("PipelineReconciler", () => {
  it.live("restarts a pipeline when what it is run with has changed, and not otherwise", () =>
    Effect.gen(function*() {
      yield* seed
      yield* is("RUNNING")
      assert.strictEqual(yield* through("one"), "one")

      yield* update("category", "cat-1", { ...documents.category, purpose: "another one" })
      yield* update("dataPipeline", "dp-1", { ...documents.pipeline, description: "another one" })
      assert.strictEqual(yield* through("two"), "two")
      assert.strictEqual((yield* pipeline)?.report?.counters.received, 2)

      yield* update("function", "f-1", func("ctx.send(Buffer.from(msg + '!'))"))
      yield* until(pipeline, (tenant) => tenant?.status === "RUNNING" && tenant.report?.counters.received === 0)
      assert.strictEqual(yield* through("three"), "three!")

      yield* Documents.Documents.use((all) => all.delete("dataPipeline", "dp-1"))
      yield* until(pipeline, (tenant) => tenant === undefined)
    }).pipe(Effect.provide(layer)))

  it.live("says why a pipeline is refused, until it is mended", () =>
    Effect.gen(function*() {
      yield* seed
      yield* is("RUNNING")
      yield* update("dataPipeline", "dp-1", { ...documents.pipeline, edgeStreamType: "Kafka" })
      const refused = yield* is("REFUSED")
      const raised = yield* alert("pipelineRefused", "FAILED")

      assert.match(refused?.cause ?? "", /^edgeStreamType: /)
      assert.strictEqual(raised?.message, refused?.cause)
      assert.strictEqual(raised?.path, "/serviceDomain:sd-1/project:p-1/dataPipeline:dp-1")
      yield* update("dataPipeline", "dp-1", documents.pipeline)
      yield* is("RUNNING")
      yield* alert("pipelineRefused", "HEALTHY")
    }).pipe(Effect.provide(layer)))

  it.live("keeps what a function raised, with where, and what it wrote", () =>
    Effect.gen(function*() {
      yield* seed
      yield* update("function", "f-1", func("console.log('got', String(msg)); throw new Error('no good')"))
      yield* until(pipeline, (tenant) =>
        tenant?.status === "RUNNING" && tenant.description?.functions[0]?.code.includes("no good") === true)
      const transport = yield* Transport.Transport
      yield* transport.publish(input, { payloads: [Buffer.from("one")], timestampNanos: 0n })
      const raised = yield* alert("functionFailed:echo", "FAILED")

      assert.include(raised?.message ?? "", "no good")
      assert.include(raised?.properties?.["context"] ?? "", "Error: no good")
      const reconciler = yield* PipelineReconciler.PipelineReconciler
      const lines = Option.getOrThrow(yield* reconciler.logs("dp-1", { function: "echo" }))
      assert.include(
        lines.map(({ text }) =>
          text
        ),
        "got one"
      )
      assert.isTrue(Option.isNone(yield* reconciler.logs("none")))
    }).pipe(Effect.provide(layer)))
})
