import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { assert, describe, it } from "@effect/vitest"
import { GetEventsResponseSchema, Severity, State } from "@kps/idl"
import { Effect, Schema } from "effect"
import * as EventPayloads from "../src/EventPayloads.ts"

const Recorded = Schema.Struct({
  kind: Schema.Literals(["alert", "status"]),
  name: Schema.String,
  streamId: Schema.String,
  message: Schema.String,
  severity: Schema.Literals(["INFO", "WARNING", "CRITICAL"]),
  state: Schema.Literals(["PROVISIONING", "PROVISIONED", "FAILED", "HEALTHY", "UNHEALTHY"]),
  createdAtMillis: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 8_640_000_000_000_000 })),
  metadata: Schema.UndefinedOr(Schema.Record(Schema.String, Schema.MutableJson))
})

const encode = (...events: ReadonlyArray<EventPayloads.Recorded>) =>
  toBinary(
    GetEventsResponseSchema,
    create(GetEventsResponseSchema, { eventPayloads: events.map(EventPayloads.make) })
  )

const event: EventPayloads.Recorded = {
  kind: "alert",
  name: "n",
  streamId: "s",
  message: "m",
  severity: "CRITICAL",
  state: "UNHEALTHY",
  createdAtMillis: 1_760_000_000_123,
  metadata: undefined
}

describe("EventPayloads", () => {
  it.effect.prop(
    "counts the bytes that the generated code writes",
    [Schema.Array(Recorded)],
    ([events]) =>
      Effect.sync(() => {
        assert.strictEqual(
          events.reduce((total, event) => total + EventPayloads.byteLength(event), 0),
          encode(...events).byteLength
        )
      }),
    { arbitrary: { runs: 300 } }
  )

  it("counts right at the edges of the varints", () => {
    for (const length of [0, 1, 127, 128, 16_383, 16_384, 2_097_152]) {
      const long = {
        ...event,
        message: "x".repeat(length),
        metadata: { "": "x".repeat(length), list: [null, {}, [1]] }
      }
      assert.strictEqual(EventPayloads.byteLength(long), encode(long).byteLength)
    }
    for (const createdAtMillis of [0, 1, 999, 1000, 127_999, 128_000, 2 ** 31 * 1000, 2 ** 35 * 1000]) {
      assert.strictEqual(
        EventPayloads.byteLength({ ...event, createdAtMillis }),
        encode({ ...event, createdAtMillis }).byteLength
      )
    }
  })

  it("counts the bytes of characters beyond ASCII", () => {
    const wide = { ...event, message: "ä€😀", metadata: { "€😀": "ä😀" } }
    assert.strictEqual(EventPayloads.byteLength(wide), encode(wide).byteLength)
  })

  it("names severities and states as the contract does", () => {
    for (const severity of ["INFO", "WARNING", "CRITICAL"] as const) {
      const { object } = EventPayloads.make({ ...event, severity })
      assert(object.case === "alert")
      assert.strictEqual(object.value.severity, Severity[severity])
    }
    for (const state of ["PROVISIONING", "PROVISIONED", "FAILED", "HEALTHY", "UNHEALTHY"] as const) {
      assert.strictEqual(EventPayloads.make({ ...event, state }).object.value?.state, State[state])
      assert.strictEqual(EventPayloads.make({ ...event, kind: "status", state }).object.value?.state, State[state])
    }
  })

  it("says everything of an alert, and everything but the severity of a status", () => {
    const metadata = { a: { b: [1, "two", null, true] } }
    const read = fromBinary(
      GetEventsResponseSchema,
      encode({ ...event, metadata }, { ...event, kind: "status", metadata })
    )

    const [alert, status] = read.eventPayloads
    assert(alert?.object.case === "alert" && status?.object.case === "status")
    for (const { value } of [alert.object, status.object]) {
      assert.strictEqual(value.id, "n")
      assert.strictEqual(value.streamId, "s")
      assert.strictEqual(value.message, "m")
      assert.strictEqual(value.createdAt?.seconds, 1_760_000_000n)
      assert.strictEqual(value.createdAt?.nanos, 123_000_000)
      assert.deepStrictEqual(value.metadata, metadata)
    }
  })
})
