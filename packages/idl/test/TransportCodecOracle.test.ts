import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire"
import { assert, describe, it } from "@effect/vitest"
import { TransportCodec, TransportMessageSchema } from "@kps/idl"
import { Effect, Result, Schema } from "effect"

// The generated codec is the oracle. It ignores the wire type of fields it knows, so it is one only for input whose
// known fields have their own: fields made here, and whatever is left of them when they are cut off.

const Int64 = Schema.Union([
  Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: -(2n ** 63n), maximum: 2n ** 63n - 1n })),
  Schema.Literals([0n, 1n, -1n, 2n ** 31n, 2n ** 32n, 2n ** 32n - 1n, -(2n ** 63n), 2n ** 63n - 1n])
])
const UnknownNumber = Schema.Union([
  Schema.Literals([2, 4, 15, 16, 2 ** 29 - 1]),
  Schema.Int.check(Schema.isBetween({ minimum: 4, maximum: 2 ** 29 - 1 }))
])
const Payload = Schema.Uint8Array

type Field =
  | { readonly _tag: "Timestamp"; readonly value: bigint }
  | { readonly _tag: "Payload"; readonly value: Uint8Array }
  | { readonly _tag: "Varint"; readonly number: number; readonly value: bigint }
  | { readonly _tag: "Fixed64"; readonly number: number; readonly value: bigint }
  | { readonly _tag: "Fixed32"; readonly number: number; readonly value: number }
  | { readonly _tag: "Bytes"; readonly number: number; readonly value: Uint8Array }
  | { readonly _tag: "Group"; readonly number: number; readonly fields: ReadonlyArray<Field> }

const Field: Schema.Codec<Field> = Schema.Union([
  Schema.TaggedStruct("Timestamp", { value: Int64 }),
  Schema.TaggedStruct("Payload", { value: Payload }),
  Schema.TaggedStruct("Varint", { number: UnknownNumber, value: Int64 }),
  Schema.TaggedStruct("Fixed64", { number: UnknownNumber, value: Int64 }),
  Schema.TaggedStruct("Fixed32", {
    number: UnknownNumber,
    value: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 32 - 1 }))
  }),
  Schema.TaggedStruct("Bytes", { number: UnknownNumber, value: Payload }),
  Schema.TaggedStruct("Group", {
    number: UnknownNumber,
    fields: Schema.Array(Schema.suspend((): Schema.Codec<Field> => Field))
  })
])

const write = (writer: BinaryWriter, field: Field): BinaryWriter => {
  switch (field._tag) {
    case "Timestamp":
      return writer.tag(1, WireType.Varint).int64(field.value)
    case "Payload":
      return writer.tag(3, WireType.LengthDelimited).bytes(field.value)
    case "Varint":
      return writer.tag(field.number, WireType.Varint).int64(field.value)
    case "Fixed64":
      return writer.tag(field.number, WireType.Bit64).sfixed64(field.value)
    case "Fixed32":
      return writer.tag(field.number, WireType.Bit32).fixed32(field.value)
    case "Bytes":
      return writer.tag(field.number, WireType.LengthDelimited).bytes(field.value)
    case "Group":
      return field.fields
        .reduce(write, writer.tag(field.number, WireType.StartGroup))
        .tag(field.number, WireType.EndGroup)
  }
}
const wire = (fields: ReadonlyArray<Field>) => fields.reduce(write, new BinaryWriter()).finish()

const generated = (frame: Uint8Array) => {
  try {
    const { payload, timestamp } = fromBinary(TransportMessageSchema, frame)
    return { timestamp, payloads: payload.map((bytes) => Array.from(bytes)) }
  } catch {
    return "refused"
  }
}
const ours = (frame: Uint8Array) =>
  Result.match(TransportCodec.decode(frame), {
    onFailure: () => "refused" as const,
    onSuccess: ({ payloads, timestampNanos }) => ({
      timestamp: timestampNanos,
      payloads: payloads.map((bytes) => Array.from(bytes))
    })
  })

/** A generator of numbers below 2^32 with a seed (mulberry32), so that a failure can be had again. */
const numbers = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

describe("TransportCodec and the generated codec", () => {
  it.effect.prop("write the same bytes", [Int64, Schema.Array(Payload)], ([timestamp, payload]) =>
    Effect.sync(() => {
      const expected = toBinary(
        TransportMessageSchema,
        create(TransportMessageSchema, { timestamp, payload: [...payload] })
      )

      assert.deepStrictEqual(TransportCodec.encode(timestamp, payload), expected)
      assert.strictEqual(TransportCodec.encodedLength(timestamp, payload), expected.length)
    }), { arbitrary: { runs: 2_000, seed: 1, size: 40 } })

  it.effect.prop(
    "read each other's messages",
    [Int64, Schema.Array(Payload)],
    ([timestamp, payload]) =>
      Effect.sync(() => {
        const expected = { timestamp, payloads: payload.map((bytes) => Array.from(bytes)) }

        assert.deepStrictEqual(generated(TransportCodec.encode(timestamp, payload)), expected)
        assert.deepStrictEqual(
          ours(toBinary(TransportMessageSchema, create(TransportMessageSchema, { timestamp, payload: [...payload] }))),
          expected
        )
      }),
    { arbitrary: { runs: 2_000, seed: 2, size: 40 } }
  )

  it.effect.prop(
    "read the same in messages with unknown fields of every kind",
    [Schema.Array(Field)],
    ([fields]) =>
      Effect.sync(() => {
        const frame = wire(fields)

        assert.notStrictEqual(ours(frame), "refused")
        assert.deepStrictEqual(ours(frame), generated(frame))
      }),
    { arbitrary: { runs: 2_000, seed: 3, size: 12 } }
  )

  it.effect.prop(
    "read or refuse the same at every cut of a message",
    [Schema.Array(Field)],
    ([fields]) =>
      Effect.sync(() => {
        const frame = wire(fields)
        for (let length = 0; length < frame.length; length++) {
          const cut = frame.slice(0, length)
          assert.deepStrictEqual(ours(cut), generated(cut), `cut at ${length} of ${Buffer.from(frame).toString("hex")}`)
        }
      }),
    { arbitrary: { runs: 300, seed: 4, size: 8 } }
  )

  it("agree on many payloads, and on large ones", () => {
    const payloads = [
      Array.from({ length: 10_000 }, (_, i) => new Uint8Array(i % 5).fill(i)),
      [new Uint8Array(1 << 20).fill(0xab)],
      [127, 128, 16_383, 16_384, 2_097_151, 2_097_152].map((length) => new Uint8Array(length).fill(length))
    ]
    for (const payload of payloads) {
      const frame = TransportCodec.encode(1_700_000_000_123_456_789n, payload)
      const message = create(TransportMessageSchema, { timestamp: 1_700_000_000_123_456_789n, payload })

      assert.isTrue(Buffer.from(toBinary(TransportMessageSchema, message)).equals(frame))
      const view = Result.getOrThrow(TransportCodec.decode(frame))
      assert.strictEqual(view.payloads.length, payload.length)
      assert.isTrue(view.payloads.every((bytes, i) => Buffer.from(bytes).equals(payload[i]!)))
    }
  })

  it("give a value or a typed error for 10,000 buffers of garbage, in bounded time", () => {
    const next = numbers(20_261_122)
    const started = performance.now()
    let values = 0
    for (let round = 0; round < 10_000; round++) {
      const frame = Uint8Array.from({ length: next() % 200 }, () => next())
      // every other one begins as a message does, to get further in
      if (round % 2 === 0) {
        frame.set(TransportCodec.encode(BigInt(next()), [frame.slice(0, 5)]).subarray(0, frame.length))
      }
      const result = TransportCodec.decode(frame)
      if (Result.isFailure(result)) {
        assert.instanceOf(result.failure, TransportCodec.MalformedFrame)
        assert.isBelow(result.failure.offset, frame.length)
        continue
      }
      values++
      for (const payload of result.success.payloads.filter(({ length }) => length > 0)) {
        assert.strictEqual(payload.buffer, frame.buffer)
      }
      // what was read is what is written again
      const again = TransportCodec.encode(result.success.timestampNanos, result.success.payloads)
      assert.deepStrictEqual(ours(again), ours(frame))
    }

    assert.isBelow(performance.now() - started, 5_000)
    assert.isAbove(values, 100)
  })
})
