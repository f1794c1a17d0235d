import { create, toBinary } from "@bufbuild/protobuf"
import { assert, describe, it } from "@effect/vitest"
import { EventPayloadSchema, GetEventsResponseSchema, Severity, State } from "@kps/idl"
import { Effect } from "effect"
import * as Bucket from "../src/Bucket.ts"
import { limits } from "../src/LargeValue.ts"
import * as ReplicaEvents from "../src/ReplicaEvents.ts"
import * as ReplicaReport from "../src/ReplicaReport.ts"

const alert = (id: string, streamId: string, severity: Severity, state: State = State.FAILED, message = "") =>
  create(EventPayloadSchema, { object: { case: "alert", value: { id, streamId, severity, state, message } } })
const status = (id: string, streamId: string, state: State) =>
  create(EventPayloadSchema, { object: { case: "status", value: { id, streamId, state } } })
const told = (events: ReturnType<typeof ReplicaEvents.merge>) =>
  events.map(({ object }) => {
    const name = Object.entries(State).find(([, number]) => number === object.value?.state)?.[0]
    return `${object.value?.id} of ${object.value?.streamId} ${name}`
  })

describe("The events of all replicas", () => {
  it("are those of one where no other tells any", () => {
    const own = [alert("a", "s", Severity.INFO)]

    assert.strictEqual(ReplicaEvents.merge(own, [[], []]), own)
  })

  it("have one status of a stream, the gravest, and each of an author's", () => {
    const merged = ReplicaEvents.merge(
      [status("streamHealthy", "s", State.HEALTHY), status("mine", "s", State.HEALTHY)],
      [[status("streamUnhealthy", "s", State.UNHEALTHY)], [
        status("streamStarted", "s", State.PROVISIONED),
        status("streamStarted", "t", State.PROVISIONED)
      ]]
    )

    assert.deepStrictEqual(told(merged), [
      "streamUnhealthy of s UNHEALTHY",
      "mine of s HEALTHY",
      "streamStarted of t PROVISIONED"
    ])
  })

  it("have each alert once: standing before cleared, the most severe", () => {
    const merged = ReplicaEvents.merge(
      [alert("a", "s", Severity.INFO, State.HEALTHY), alert("b", "s", Severity.WARNING), alert("c", "", Severity.INFO)],
      [[
        alert("a", "s", Severity.WARNING),
        alert("b", "s", Severity.CRITICAL, State.UNHEALTHY),
        alert("b", "t", Severity.INFO)
      ]]
    )

    assert.deepStrictEqual(told(merged), [
      "a of s FAILED",
      "b of s UNHEALTHY",
      "c of  FAILED",
      "b of t FAILED"
    ])
  })

  it("fit into one answer, however many replicas there are", () => {
    const many = (stream: string) =>
      Array.from({ length: 4_000 }, (_, n) => alert(`${n}`, stream, Severity.INFO, State.FAILED, "x".repeat(500)))
    const events = ReplicaEvents.merge(many("a"), [many("b"), many("c")])
    const bytes = toBinary(GetEventsResponseSchema, create(GetEventsResponseSchema, { eventPayloads: [...events] }))

    assert.isAbove(events.length, 4_000)
    assert.isAtMost(bytes.length, 3_670_016)
  })
})

describe("What a replica reports", () => {
  const bucket = Effect.map(Bucket.Buckets, (buckets) => buckets.open("leases")).pipe(
    Effect.provide(Bucket.layerMemory)
  )

  it.effect("is what the others read", () =>
    Effect.gen(function*() {
      const report: ReplicaReport.ReplicaReport = {
        revision: 7,
        streams: [
          { id: "s", state: "Running" },
          { id: "t", state: "Halted", failure: { tag: "Denied", code: "PERMISSION_DENIED", message: "no" } }
        ],
        events: [alert("a", "s", Severity.INFO), status("streamHealthy", "s", State.HEALTHY)]
      }
      const value = yield* ReplicaReport.encode(report)

      assert.deepStrictEqual(yield* ReplicaReport.decode(yield* bucket, { key: "k", value, revision: 1 }), report)
    }))

  it.effect("is bounded: statuses go before alerts", () =>
    Effect.gen(function*() {
      // What does not compress.
      const noise = (n: number) =>
        Array.from({ length: 400 }, (_, i) => ((n * 7919 + i * 104_729) ** 2).toString(36)).join("")
      const events = Array.from({ length: 250 }, (_, n) => [
        create(EventPayloadSchema, { object: { case: "status", value: { id: `${n}`, message: noise(n) } } }),
        create(EventPayloadSchema, { object: { case: "alert", value: { id: `${n}`, message: noise(n + 5_000) } } })
      ]).flat()
      const value = yield* ReplicaReport.encode({ revision: 1, streams: [], events })
      const read = yield* ReplicaReport.decode(yield* bucket, { key: "k", value, revision: 1 })

      assert.isAtMost(value.length, limits.partBytes)
      assert.isAbove(read?.events.length ?? 0, 10)
      assert.isTrue(read?.events.every(({ object }) => object.case === "alert"))
    }), 30_000)

  it.effect("of another version, or of nonsense, is none", () =>
    Effect.gen(function*() {
      const read = (value: Uint8Array) =>
        Effect.flatMap(bucket, (bucket) => ReplicaReport.decode(bucket, { key: "k", value, revision: 1 }))

      assert.isUndefined(yield* read(new TextEncoder().encode("{}")))
    }))
})
