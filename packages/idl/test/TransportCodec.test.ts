import { assert, describe, it } from "@effect/vitest"
import { TransportCodec } from "@kps/idl"
import { Effect, Result } from "effect"

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"))
const text = (value: string) => new TextEncoder().encode(value)
const decoded = (frame: string) => {
  const view = Result.getOrThrow(TransportCodec.decode(hex(frame)))
  return {
    timestamp: view.timestampNanos,
    payloads: view.payloads.map((payload) => Buffer.from(payload).toString("hex"))
  }
}
const refused = (frame: Uint8Array) => {
  const result = TransportCodec.decode(frame)
  assert.isTrue(Result.isFailure(result), "should be refused")
  return Result.isFailure(result) ? result.failure : assert.fail("should be refused")
}

// bytes worked out by hand from the encoding rules of protobuf
const golden: ReadonlyArray<
  readonly [name: string, timestamp: bigint, payloads: ReadonlyArray<Uint8Array>, frame: string]
> = [
  ["nothing", 0n, [], ""],
  ["a timestamp", 150n, [], "08 9601"],
  ["a payload", 0n, [text("hi")], "1a 02 6869"],
  ["both", 1n, [text("a")], "08 01 1a 01 61"],
  ["several payloads, empty ones too", 1n, [text("a"), text(""), text("bc")], "08 01 1a 01 61 1a 00 1a 02 6263"],
  ["2^32, all in the upper half", 4_294_967_296n, [], "08 8080808010"],
  ["2^32 - 1, all in the lower half", 4_294_967_295n, [], "08 ffffffff0f"],
  ["minus one", -1n, [], "08 ffffffffffffffffff01"],
  ["the first int64", -(2n ** 63n), [], "08 80808080808080808001"],
  ["the last int64", 2n ** 63n - 1n, [], "08 ffffffffffffffff7f"],
  ["a payload of 128 bytes", 0n, [new Uint8Array(128).fill(1)], `1a 8001 ${"01".repeat(128)}`]
]

describe("TransportCodec", () => {
  for (const [name, timestamp, payloads, frame] of golden) {
    it(`writes and reads ${name} as protobuf does`, () => {
      assert.deepStrictEqual(TransportCodec.encode(timestamp, payloads), hex(frame))
      assert.deepStrictEqual(decoded(frame), {
        timestamp,
        payloads: payloads.map((payload) => Buffer.from(payload).toString("hex"))
      })
      assert.strictEqual(TransportCodec.encodedLength(timestamp, payloads), hex(frame).length)
    })
  }

  const accepted: ReadonlyArray<
    readonly [name: string, frame: string, timestamp: bigint, payloads: ReadonlyArray<string>]
  > = [
    ["fields in any order", "1a0161 0805 1a0162", 5n, ["61", "62"]],
    ["several timestamps, of which the last counts", "0801 0802 0800", 0n, []],
    ["unknown fields of every wire type", "1005 190102030405060708 2202ffff 2b08012c 2d01020304 1a0161", 0n, ["61"]],
    ["field 2, where an older message has its metadata", "0801 120178 1a0161", 1n, ["61"]],
    ["the largest field number", "f8ffffff0f 01 1a0161", 0n, ["61"]],
    ["groups in groups", "23 2b 0801 2c 1a0162 24 1a0161", 0n, ["61"]],
    ["a timestamp of another wire type, which is unknown", "0a020101 1a0161", 0n, ["61"]],
    ["a payload of another wire type, which is unknown", "1807 1d01020304 1b1c", 0n, []],
    ["longer varints than needed", "8800 8500 9a8000 818000 61", 5n, ["61"]],
    ["a tenth byte with bits beyond the 64th", "08 8080808080808080807f", -(2n ** 63n), []]
  ]
  for (const [name, frame, timestamp, payloads] of accepted) {
    it(`reads ${name}`, () => {
      assert.deepStrictEqual(decoded(frame), { timestamp, payloads: [...payloads] })
    })
  }

  const malformed: ReadonlyArray<
    readonly [frame: string, problem: TransportCodec.MalformedFrame["problem"], offset: number]
  > = [
    ["08", "varint cut short", 0],
    ["0801 0880", "varint cut short", 2],
    ["1a", "varint cut short", 0],
    ["0801 1a80", "varint cut short", 2],
    ["80", "varint cut short", 0],
    ["08 ffffffffff", "varint cut short", 0],
    ["08 ffffffffffffffffffff01", "varint over 10 bytes", 0],
    ["10 ffffffffffffffffffff01", "varint over 10 bytes", 0],
    ["1a0161 1a0261", "length past the end", 3],
    ["1a ffffffff0f", "length past the end", 0],
    ["1a ffffffff07", "length past the end", 0],
    ["1a 8180808010 61", "length past the end", 0],
    ["1a ffffffffffffffffff01", "length past the end", 0],
    ["2205 61", "length past the end", 0],
    ["1901020304050607", "field cut short", 0],
    ["2d010203", "field cut short", 0],
    ["23", "field cut short", 0],
    ["23 0801", "field cut short", 0],
    ["0001", "field number 0", 0],
    ["0801 0200", "field number 0", 2],
    ["8000 01", "field number 0", 0],
    ["23 0001 24", "field number 0", 0],
    ["8880808010 01", "tag over 32 bits", 0],
    ["888080808000 01", "tag over 32 bits", 0],
    ["0e", "unknown wire type", 0],
    ["1f", "unknown wire type", 0],
    ["24", "end group without its start group", 0],
    ["0c", "end group without its start group", 0],
    ["23 2c", "end group without its start group", 0],
    ["23 24 24", "end group without its start group", 2]
  ]
  for (const [frame, problem, offset] of malformed) {
    it(`refuses ${frame}: ${problem}`, () => {
      const error = refused(hex(frame))

      assert.strictEqual(error.problem, problem)
      assert.strictEqual(error.offset, offset)
      assert.strictEqual(error.byteLength, hex(frame).length)
    })
  }

  it.effect("fails with a typed error that says what is wrong and where", () =>
    Effect.gen(function*() {
      const error = yield* Effect.fromResult(TransportCodec.decode(hex("0801 1a0561"))).pipe(Effect.flip)

      assert.strictEqual(error._tag, "MalformedFrame")
      assert.isFalse(error.isRetryable)
      assert.strictEqual(error.message, "malformed message of 5 bytes: length past the end in the field at byte 2")
    }))

  it("steps over groups 100 deep and refuses more, however many", () => {
    const nested = (depth: number) => new Uint8Array(2 * depth).fill(0x23, 0, depth).fill(0x24, depth)

    assert.isTrue(Result.isSuccess(TransportCodec.decode(nested(100))))
    assert.strictEqual(refused(nested(101)).problem, "groups over 100 deep")
    assert.strictEqual(refused(nested(1_000_000)).problem, "groups over 100 deep")
  })

  it("reads groups side by side without counting them as nested", () => {
    const pairs = new Uint8Array(2_000).map((_, i) => i % 2 === 0 ? 0x23 : 0x24)

    assert.isTrue(Result.isSuccess(TransportCodec.decode(pairs)))
  })

  it("copies no payload: the views share the memory of the input", () => {
    const pool = new Uint8Array(64)
    const frame = pool.subarray(10, TransportCodec.encodeInto(pool, 10, 5n, [text("abc"), text("de")]))
    const view = Result.getOrThrow(TransportCodec.decode(frame))

    assert.isTrue(view.payloads.every((payload) => payload.buffer === pool.buffer))
    frame.fill(0x7a)
    assert.deepStrictEqual(view.payloads, [text("zzz"), text("zz")])
  })

  it("reads a payload of a Buffer as a plain byte array", () => {
    const view = Result.getOrThrow(TransportCodec.decode(Buffer.from("1a0161", "hex")))

    assert.strictEqual(view.payloads[0]?.constructor, Uint8Array)
  })

  it("keeps the timestamp of a view as a timestamp to encode with", () => {
    for (const timestamp of [0n, 1n, -1n, 2n ** 31n, 2n ** 32n + 5n, -(2n ** 63n), 2n ** 63n - 1n]) {
      const view = Result.getOrThrow(TransportCodec.decode(TransportCodec.encode(timestamp, [])))

      assert.deepInclude(view, TransportCodec.halves(timestamp))
      assert.deepStrictEqual(
        TransportCodec.encodeHalves(view, [text("a")]),
        TransportCodec.encode(timestamp, [text("a")])
      )
    }
  })

  it("takes halves signed or unsigned", () => {
    assert.deepStrictEqual(
      TransportCodec.encodeHalves({ timestampLow: 0xffff_ffff, timestampHigh: 0xffff_ffff }, []),
      TransportCodec.encodeHalves({ timestampLow: -1, timestampHigh: -1 }, [])
    )
  })

  it("cuts the bits of an instant beyond the 64th", () => {
    assert.deepStrictEqual(TransportCodec.encode(2n ** 64n + 7n, []), TransportCodec.encode(7n, []))
  })

  it("frames into memory of the caller's, after the offset and up to the one it returns", () => {
    const slab = new Uint8Array(256).fill(0xee)
    const payloads = [text("x".repeat(100)), text(""), text("short")]
    const end = TransportCodec.encodeInto(slab, 7, 1234n, payloads)

    assert.strictEqual(end, 7 + TransportCodec.encodedLength(1234n, payloads))
    assert.deepStrictEqual(slab.slice(7, end), TransportCodec.encode(1234n, payloads))
    assert.isTrue(slab.subarray(0, 7).every((byte) => byte === 0xee))
    assert.isTrue(slab.subarray(end).every((byte) => byte === 0xee))
  })

  it("throws rather than frame into too little memory", () => {
    for (const payload of [text("abc"), text("x".repeat(100))]) {
      const length = TransportCodec.encodedLength(5n, [payload])
      for (let room = 0; room < length; room++) {
        assert.throws(() => TransportCodec.encodeInto(new Uint8Array(room), 0, 5n, [payload]), RangeError)
      }
    }
  })

  it("decodes one frame out of a chunk of many, with offsets from the frame's start", () => {
    const chunk = hex("ffff 0805 1a0161 ffff")
    const view = Result.getOrThrow(TransportCodec.decodeRange(chunk, 2, 7))

    assert.strictEqual(view.timestampNanos, 5n)
    assert.deepStrictEqual(view.payloads, [text("a")])
    const cut = TransportCodec.decodeRange(chunk, 2, 6)
    assert.isTrue(Result.isFailure(cut) && cut.failure.offset === 2 && cut.failure.byteLength === 4)
  })

  it("throws on a part that is not within the bytes", () => {
    for (const [start, end] of [[0, 5], [-1, 2], [3, 2], [Number.NaN, 2]] as const) {
      assert.throws(() => TransportCodec.decodeRange(new Uint8Array(4), start, end), RangeError)
    }
  })
})
