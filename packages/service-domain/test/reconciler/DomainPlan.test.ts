import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Documents from "../../src/documents/Documents.ts"
import * as DomainPlan from "../../src/reconciler/DomainPlan.ts"
import * as documents from "../support/documents.ts"

const plan = (serviceDomain: string) =>
  Documents.Documents.use((all) => Effect.map(all.snapshot, (snapshot) => DomainPlan.make(snapshot, serviceDomain)))

const seed = Effect.gen(function*() {
  const all = yield* Documents.Documents
  yield* documents.createAll(all)
  yield* documents.create(all, "serviceDomain", { id: "sd-2", name: "plant-2" })
  yield* documents.create(all, "serviceDomain", { id: "sd-3", name: "plant-3" })
  yield* documents.update(all, "project", "p-1", { ...documents.project, edgeIds: ["sd-1", "sd-2"] })
  return all
})

describe("DomainPlan", () => {
  it.effect("has the instances of the projects of a service domain, and of these what is placed there", () =>
    Effect.gen(function*() {
      const all = yield* seed
      yield* documents.update(all, "connectorStream", "s-out", { ...documents.egress, serviceDomainIds: ["sd-2"] })
      yield* documents.update(all, "connectorConfig", "cfg-1", {
        ...documents.config,
        excludeServiceDomainIds: ["sd-2"]
      })
      const [first, second, third, none] = yield* Effect.forEach(["sd-1", "sd-2", "sd-3", "sd-4"], plan)

      const shape = ({ instances, streams }: DomainPlan.DomainPlan) => ({
        instances: instances.map(({ config, id, streams }) => [id, config, streams.map(({ id }) => id)]),
        placed: streams.map(({ channel, projectId }) => [channel, projectId])
      })
      assert.deepStrictEqual(shape(first!), {
        instances: [["i-1", { log_level: "DEBUG" }, ["s-in"]]],
        placed: [["kps.stream.s-in", "p-1"]]
      })
      assert.deepStrictEqual(shape(second!).instances, [["i-1", {}, ["s-in", "s-out"]]])
      assert.deepStrictEqual(third, { instances: [], streams: [] })
      assert.deepStrictEqual(none, { instances: [], streams: [] })
      assert.deepInclude(first?.instances[0], { className: "natsconnector", classVersion: "1.0", projectId: "p-1" })
    }).pipe(Effect.provide(Documents.layerMemory)))

  it.effect("merges configs in the order in which they were created, and is equal for equal documents", () =>
    Effect.gen(function*() {
      const all = yield* seed
      yield* TestClock.adjust("1 second")
      yield* documents.create(all, "connectorConfig", {
        ...documents.config,
        id: "a-later-one",
        name: "later",
        config: { log_level: "WARN" }
      })
      const before = yield* plan("sd-1")
      yield* documents.update(all, "category", "cat-1", { ...documents.category, purpose: "another" })

      assert.deepStrictEqual(before.instances[0]?.config, { log_level: "WARN" })
      assert.deepStrictEqual((yield* plan("sd-1")).instances, before.instances)
    }).pipe(Effect.provide(Documents.layerMemory)))
})
