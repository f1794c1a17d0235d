import { assert, describe, it } from "@effect/vitest"
import { Channel, JetStream, JetStreamTransport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Layer, Option } from "effect"
import { vi } from "vitest"
import * as Documents from "../../src/documents/Documents.ts"
import { consumerOf } from "../../src/pipelines/PipelineDescription.ts"
import * as ConsumerCleaner from "../../src/reconciler/ConsumerCleaner.ts"
import * as PipelineReconciler from "../../src/reconciler/PipelineReconciler.ts"
import * as documents from "../support/documents.ts"
import { store, until } from "./support.ts"

// functions are started, which takes its time on a loaded machine
vi.setConfig({ testTimeout: 90_000 })

const func = {
  ...documents.func,
  language: "node",
  environment: "node-env",
  code: "exports.main = (ctx, msg) => ctx.send(msg)"
}

const seed = Effect.gen(function*() {
  const all = yield* Documents.Documents
  for (const [kind, document] of documents.all) {
    yield* documents.create(all, kind, kind === "function" ? func : document)
  }
})

const input = Channel.ChannelName.make("kps.stream.s-in")

const isThere = (id: string) =>
  JetStream.JetStream.use((jetStream) => Effect.map(jetStream.consumerSettings(input, consumerOf(id)), Option.isSome))

/** A consumer as a pipeline leaves it behind. */
const leave = (id: string) =>
  Effect.scoped(
    JetStream.JetStream.use((jetStream) =>
      jetStream.consumer(input, { name: consumerOf(id), from: "new", exclusive: true })
    )
  )

const status = Effect.map(
  PipelineReconciler.PipelineReconciler.use((reconciler) => reconciler.pipeline("dp-1")),
  (tenant) => Option.getOrUndefined(tenant)?.status
)

const pipelines = PipelineReconciler.layer({ serviceDomain: "sd-1" })
const cleaner = ConsumerCleaner.layer({ settle: "100 millis" })

const broker = Layer.unwrap(
  NatsServer.NatsServer.useSync(({ url }) => JetStreamTransport.layer({ servers: [url] }))
).pipe(Layer.provideMerge(NatsServer.layer({ jetstream: true })))

const remove = Documents.Documents.use((all) => all.delete("dataPipeline", "dp-1"))

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("ConsumerCleaner"), () => {
  it.live("removes the consumer of a pipeline that is deleted, and not of one that is stopped or refused", () =>
    Effect.gen(function*() {
      yield* seed
      yield* Effect.scoped(Effect.gen(function*() {
        const running = yield* Layer.build(Layer.merge(pipelines, cleaner))
        yield* Effect.provide(until(status, (now) => now === "RUNNING"), running)
        yield* Effect.provide(
          Documents.Documents.use((all) =>
            documents.update(all, "dataPipeline", "dp-1", { ...documents.pipeline, edgeStreamType: "Kafka" })
          ),
          running
        )
        yield* Effect.provide(until(status, (now) => now === "REFUSED"), running)
      }))
      // one that is removed shows that it was looked
      yield* leave("gone")
      yield* Effect.scoped(Effect.gen(function*() {
        const running = yield* Layer.build(Layer.merge(pipelines, cleaner))
        yield* until(isThere("gone"), (there) => !there)
        assert.isTrue(yield* isThere("dp-1"))
        yield* Documents.Documents.use((all) => documents.update(all, "dataPipeline", "dp-1", documents.pipeline))
        yield* Effect.provide(until(status, (now) => now === "RUNNING"), running)
        yield* remove
        yield* until(isThere("dp-1"), (there) => !there)
      }))
    }).pipe(Effect.provide(Layer.merge(store, broker))))

  it.live("removes what was deleted while it was away, and leaves what another service domain runs or somebody reads", () =>
    Effect.gen(function*() {
      const all = yield* Documents.Documents
      yield* seed
      yield* documents.create(all, "serviceDomain", { ...documents.serviceDomain, id: "sd-2", name: "plant-2" })
      yield* documents.update(all, "project", "p-1", { ...documents.project, edgeIds: ["sd-2"] })
      yield* leave("gone")
      yield* leave("dp-1")
      yield* leave("other")
      const jetStream = yield* JetStream.JetStream
      yield* Effect.scoped(Effect.gen(function*() {
        yield* jetStream.consumer(input, { name: consumerOf("read"), from: "new", exclusive: true })
        yield* Layer.build(cleaner)
        yield* until(Effect.all([isThere("gone"), isThere("other")]), (there) => !there.includes(true))
        assert.deepStrictEqual([yield* isThere("dp-1"), yield* isThere("read")], [true, true])
      }))
      yield* Layer.build(cleaner)
      yield* until(isThere("read"), (there) => !there)
      assert.isTrue(yield* isThere("dp-1"))
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(store, broker))))

  it.live("removes the consumer of a channel that the pipeline takes from no more", () =>
    Effect.gen(function*() {
      yield* seed
      const running = yield* Layer.build(Layer.merge(pipelines, cleaner))
      yield* Effect.provide(until(status, (now) => now === "RUNNING"), running)
      const all = yield* Documents.Documents
      yield* documents.update(all, "connectorStream", "s-in", {
        ...documents.ingress,
        labels: [{ id: "cat-1", value: "mqtt" }]
      })
      yield* until(isThere("dp-1"), (there) => !there)
    }).pipe(Effect.scoped, Effect.provide(Layer.merge(store, broker))))
})
