import { assert, describe, it } from "@effect/vitest"
import type { StreamPlan } from "../../src/reconciler/DomainPlan.ts"
import { type Known, requests, without } from "../../src/reconciler/PayloadPlan.ts"
import * as StreamChannel from "../../src/reconciler/StreamChannel.ts"

const stream = (id: string, metadata: StreamPlan["metadata"] = { subject: id }): StreamPlan => ({
  id,
  name: id,
  direction: "INGRESS",
  channel: StreamChannel.of(id),
  metadata
})

const nothing: Known = { config: {}, restartsChanged: true }

/** Of each request, its config, and the ids of its streams. */
const shape = (plans: ReturnType<typeof requests>) =>
  plans.map(({ payloads }) => ({
    config: payloads.flatMap(({ object }) => object?.case === "config" ? [object.value.metadata] : []),
    streams: payloads.flatMap(({ object }) => object?.case === "stream" ? [object.value.id] : [])
  }))

describe("PayloadPlan", () => {
  it("asks for everything in one request", () => {
    assert.deepStrictEqual(shape(requests({ config: { a: 1 }, streams: [stream("x"), stream("y")] }, nothing)), [
      { config: [{ a: 1 }], streams: ["x", "y"] }
    ])
  })

  it("goes to zero streams by an empty request, then the config", () => {
    assert.deepStrictEqual(shape(requests({ config: { a: 1 }, streams: [] }, nothing)), [
      { config: [], streams: [] },
      { config: [{ a: 1 }], streams: [] }
    ])
    assert.deepStrictEqual(shape(requests({ config: {}, streams: [] }, nothing)), [{ config: [], streams: [] }])
  })

  it("deletes the keys of the config that are gone, once", () => {
    const known = { ...nothing, config: { a: 1, b: 2, c: null } }

    assert.deepStrictEqual(shape(requests({ config: { a: 3 }, streams: [stream("x")] }, known)), [
      { config: [{ b: null, a: 3 }], streams: ["x"] }
    ])
    assert.deepStrictEqual(shape(requests({ streams: [stream("x")] }, known)), [{ config: [], streams: ["x"] }])
  })

  it("keeps a key that is called __proto__", () => {
    const config = JSON.parse("{\"__proto__\": 1}")

    const [request] = requests({ config, streams: [] }, nothing).slice(1)

    const object = request?.payloads[0]?.object
    assert.deepStrictEqual(object?.case === "config" ? Object.keys(object.value.metadata ?? {}) : [], ["__proto__"])
  })

  it("stops a stream that changed first, for a connector that does not restart it", () => {
    const before = [stream("x"), stream("y"), stream("gone")]
    const now = { config: {}, streams: [stream("x", { subject: "other" }), stream("y"), stream("new")] }

    assert.deepStrictEqual(shape(requests(now, { config: {}, streams: before, restartsChanged: false })), [
      { config: [], streams: ["y"] },
      { config: [], streams: ["x", "y", "new"] }
    ])
    assert.deepStrictEqual(shape(requests(now, { config: {}, streams: before, restartsChanged: true })), [
      { config: [], streams: ["x", "y", "new"] }
    ])
    assert.deepStrictEqual(
      shape(requests({ config: {}, streams: before }, { config: {}, streams: before, restartsChanged: false })).length,
      1
    )
  })

  it("leaves out what was refused by name, and nothing when the request as a whole was", () => {
    const wanted = { config: { a: 1 }, streams: [stream("x"), stream("y")] }
    const [request] = requests(wanted, nothing)
    const violation = (field: string) => ({ field, description: "wrong" })

    const rest = without(wanted, request!, [
      violation("payloads[0].config.metadata.a"),
      violation("payloads[2].stream.metadata.subject"),
      violation("payloads[2].stream.id")
    ])
    assert.deepStrictEqual(rest?.plan.streams.map(({ id }) => id), ["x"])
    assert.strictEqual(rest?.plan.config, undefined)
    assert.deepStrictEqual([...rest?.refused ?? []], [
      ["", "metadata.a: wrong"],
      ["y", "metadata.subject: wrong; id: wrong"]
    ])
    assert.strictEqual(without(wanted, request!, [violation("connector_id")]), undefined)
    assert.strictEqual(without(wanted, request!, [violation("payloads[7].stream")]), undefined)
    assert.strictEqual(without(wanted, request!, []), undefined)
  })
})

describe("StreamChannel", () => {
  it("gives each id a channel of its own, whatever characters it has", () => {
    const ids = ["a", "A", "a.b", "a=b", "x".repeat(65), ".", "a_b", "a-b"]
    const channels = ids.map(StreamChannel.of)

    assert.strictEqual(new Set(channels).size, ids.length)
    assert.isTrue(channels.every((channel) => /^kps\.stream\.[A-Za-z0-9_-]+$/.test(channel)))
    assert.strictEqual(channels[0], "kps.stream.a")
  })
})
