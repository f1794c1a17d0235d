/**
 * C11 to C13, C20, C22, C23: what is refused, how, and that nothing of it is applied.
 *
 * @since 0.1.0
 */
import { create } from "@bufbuild/protobuf"
import { type Payload, PayloadKind, PayloadSchema, ResponseCodes, StreamDirection } from "@kps/idl"
import * as Effect from "effect/Effect"
import type { Case } from "../Case.ts"
import type { Driver } from "../Driver.ts"
import { expect, same, show } from "../Outcome.ts"
import * as Reply from "../Reply.ts"
import * as TestStream from "../TestStream.ts"
import { unknown } from "../Wire.ts"

type Field = "id" | "direction" | "transport_channel"

/** What C12 is about, and where it has to be said. */
const wrong: ReadonlyArray<{
  readonly what: string
  readonly changes: Parameters<typeof TestStream.payload>[1]
  readonly field: Field
}> = [
  { what: "an empty id", changes: { id: "" }, field: "id" },
  { what: "an unspecified direction", changes: { direction: StreamDirection.UNSPECIFIED }, field: "direction" },
  { what: "an empty channel", changes: { transportChannel: "" }, field: "transport_channel" },
  { what: "channel \"a.*\"", changes: { transportChannel: "a.*" }, field: "transport_channel" },
  { what: "channel \"a.>\"", changes: { transportChannel: "a.>" }, field: "transport_channel" }
]

/** Sends what has to be refused with one stream that is right, and looks that neither is applied. */
const refusedWhole = Effect.fnUntraced(function*(
  driver: Driver,
  what: string,
  runs: TestStream.TestStream,
  payloads: ReadonlyArray<Payload>,
  fields: ReadonlyArray<string>
) {
  const reply = yield* driver.wire.setPayload({ payloads: [...payloads] })
  yield* driver.refused(`SetPayload with ${what}`, reply, "INVALID_ARGUMENT", fields)
  yield* driver.asksFor(`streams after ${what} was refused`, runs)
})

/** Largest request that has to be served. */
const maxBytes = 4 << 20

/** @since 0.1.0 */
export const cases: ReadonlyArray<Case> = [
  {
    id: "C11",
    title: "two streams with the same id",
    expected: "INVALID_ARGUMENT, and nothing applied",
    level: "core",
    door: "wire",
    requires: [],
    run: Effect.fnUntraced(function*(driver) {
      const [runs, other, good] = [yield* driver.stream(), yield* driver.stream(), yield* driver.stream()]
      yield* driver.start(runs)
      const payloads = [good, other, { ...runs, id: other.id }].map((stream) => TestStream.payload(stream))
      yield* refusedWhole(driver, "the same id twice", runs, payloads, [])
      const [ingress, egress] = driver.directions.length === 2
        ? [yield* driver.stream({ direction: "INGRESS" }), yield* driver.stream({ direction: "EGRESS" })]
        : []
      if (ingress === undefined || egress === undefined) return "INVALID_ARGUMENT; what ran still runs, alone"
      const twins = [ingress, { ...egress, id: ingress.id }].map((stream) => TestStream.payload(stream))
      yield* refusedWhole(driver, "the same id in both directions", runs, twins, [])
      return "INVALID_ARGUMENT, also for one id in both directions; what ran still runs, alone"
    })
  },
  {
    id: "C12",
    title: "an empty id, an unspecified direction, an empty or wildcard channel",
    expected: "INVALID_ARGUMENT with the path of what is wrong, and nothing applied",
    level: "core",
    door: "wire",
    requires: [],
    run: Effect.fnUntraced(function*(driver) {
      const [runs, good, bad] = [yield* driver.stream(), yield* driver.stream(), yield* driver.stream()]
      yield* driver.start(runs)
      for (const { changes, field, what } of wrong) {
        const payloads = [TestStream.payload(good), TestStream.payload(bad, changes)]
        yield* refusedWhole(driver, what, runs, payloads, [`payloads[1].stream.${field}`])
      }
      return `${wrong.map(({ what }) => what).join(", ")}: INVALID_ARGUMENT at payloads[1].stream.…`
    })
  },
  {
    id: "C13",
    title: "metadata and config that do not fit the schema",
    expected: "every violation at once, each with its path, and nothing applied",
    level: "full",
    door: "wire",
    requires: ["invalid"],
    run: Effect.fnUntraced(function*(driver) {
      const runs = yield* driver.stream()
      yield* driver.start(runs)
      const config = yield* driver.config
      const payloads = [TestStream.payload(yield* driver.stream())]
      const fields: Array<string> = []
      for (const direction of driver.directions) {
        for (const { metadata, paths } of driver.samples(direction)?.invalid ?? []) {
          fields.push(...paths.map((path) => `payloads[${payloads.length}].stream.metadata.${path}`))
          payloads.push(TestStream.payload(yield* driver.stream({ direction, metadata })))
        }
      }
      if (fields.length > 0) yield* refusedWhole(driver, "metadata that does not fit", runs, payloads, fields)
      for (const { metadata, paths } of driver.subject.description.config.invalid ?? []) {
        const places = paths.map((path) => `payloads[1].config.metadata.${path}`)
        const [good] = payloads
        if (good === undefined) continue
        yield* refusedWhole(driver, `config ${show(metadata)}`, runs, [good, TestStream.config(metadata)], places)
        fields.push(...places)
      }
      yield* same("the config", config, yield* driver.config)
      return `INVALID_ARGUMENT at ${fields.join(", ")}`
    })
  },
  {
    id: "C20",
    title: "a request at the size limit, and one over it",
    expected: "4 MiB are served; one byte more is gRPC RESOURCE_EXHAUSTED; the server lives",
    level: "full",
    door: "wire",
    requires: ["socket"],
    run: Effect.fnUntraced(function*(driver) {
      // the id takes a byte of tag and one of length before its own
      const room = maxBytes - 2 - Buffer.byteLength(driver.subject.description.id)
      yield* driver.ok(`GetEvents of ${maxBytes} bytes`, yield* driver.wire.getEvents({}, unknown(room)))
      const over = yield* driver.wire.getEvents({}, unknown(room + 1))
      yield* driver.refused(`GetEvents of ${maxBytes + 1} bytes`, over, "RESOURCE_EXHAUSTED")
      yield* expect(over.form !== "in band", "a gRPC status", Reply.text(over))
      yield* driver.ok("GetEvents after that", yield* driver.wire.getEvents())
      return `${maxBytes} bytes: OK; ${maxBytes + 1} bytes: ${Reply.text(over)}; then OK`
    })
  },
  {
    id: "C22",
    title: "unknown fields, unknown enum values, a payload with nothing in it",
    expected: "fields are ignored; values and empty payloads are INVALID_ARGUMENT, and nothing applied",
    level: "core",
    door: "wire",
    requires: [],
    run: Effect.fnUntraced(function*(driver) {
      const stream = yield* driver.stream()
      const { wire } = driver
      const known = TestStream.payload(stream)
      const fields = unknown(64)
      const padded = TestStream.payload(stream)
      padded.$unknown = fields
      yield* driver.ok("SetPayload with unknown fields", yield* wire.setPayload({ payloads: [padded] }, fields))
      yield* driver.asksFor("streams after unknown fields", stream)
      yield* driver.ok(
        "GetPayload with an unknown field",
        yield* wire.getPayload({ kind: PayloadKind.STREAM }, fields)
      )
      const bad = TestStream.payload(yield* driver.stream(), { direction: 7 })
      yield* refusedWhole(driver, "direction 7", stream, [known, bad], ["payloads[1].stream.direction"])
      yield* refusedWhole(driver, "a payload of nothing", stream, [known, create(PayloadSchema)], [
        "payloads[1]"
      ])
      return "unknown fields: OK; direction 7 and a payload of nothing: INVALID_ARGUMENT, and nothing applied"
    })
  },
  {
    id: "C23",
    title: "response codes, by name",
    expected: "the contract's number in the reply, or gRPC's number of the same name; one form for all errors",
    level: "full",
    door: "wire",
    requires: [],
    run: Effect.fnUntraced(function*(driver) {
      const { wire } = driver
      const shown: Array<readonly [code: string, form: Reply.Form]> = []
      const provoke = Effect.fnUntraced(function*(what: string, code: ResponseCodes.Name, reply: Reply.Reply<unknown>) {
        yield* driver.refused(what, reply, code)
        yield* expect(reply.form !== "bare gRPC status", `${what}: a ResponseStatus`, Reply.text(reply))
        shown.push([code, reply.form])
      })
      yield* driver.ok("GetEvents", yield* wire.getEvents())
      yield* provoke("GetPayload of kind 99", "INVALID_ARGUMENT", yield* wire.getPayload({ kind: 99 }))
      for (const direction of driver.directions) {
        for (const { code, metadata } of driver.samples(direction)?.failing ?? []) {
          const stream = yield* driver.stream({ direction, metadata })
          yield* provoke(`SetPayload of a stream that fails with ${code}`, code, yield* driver.setStreams(stream))
        }
      }
      const forms = new Set(shown.map(([, form]) => form))
      const codes = new Set(shown.map(([code]) => code))
      yield* expect(
        forms.size === 1,
        "every error in the same form",
        shown.map((pair) => pair.join(" ")).join(", ")
      )

      return `${codes.size + 1} of ${ResponseCodes.names.length} codes: OK, ${[...codes].join(", ")}; errors ${
        [...forms].join()
      }`
    })
  }
]
