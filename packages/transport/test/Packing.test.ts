import { assert, describe, it } from "@effect/vitest"
import { TransportCodec } from "@kps/idl"
import { Packing } from "@kps/transport"
import { Effect, Schema } from "effect"

const now = 1_700_000_000_123_000_000n

/** Payloads of these sizes, each with its index in its first byte, as far as it has one. */
const sized = (sizes: ReadonlyArray<number>) => sizes.map((size, i) => new Uint8Array(size).fill(i))

const Sizes = Schema.Array(Schema.Literals([0, 1, 16, 100, 127, 128, 1_024, 4_000, 8_191, 8_192, 20_000]))
const Limits = Schema.Struct({
  maxBytes: Schema.Literals([1, 20, 200, 1_024, 16_384, 65_536]),
  maxPayloads: Schema.Literals([1, 2, 7, 64])
})

describe("Packing", () => {
  it.effect.prop(
    "keeps every payload, in order, and the timestamp",
    [Sizes, Limits],
    ([sizes, limits]) =>
      Effect.sync(() => {
        const payloads = sized(sizes)
        const messages = Packing.pack(payloads, now, limits)

        // the very same views: nothing is copied
        const flat = messages.flatMap((message) => message.payloads)
        assert.isTrue(flat.length === payloads.length && flat.every((payload, i) => payload === payloads[i]))
        assert.isTrue(messages.every(({ timestampNanos }) => timestampNanos === now))
        assert.strictEqual(Packing.payloadCount(messages), payloads.length)
      })
  )

  it.effect.prop(
    "fills each message as far as its limits go, and no further",
    [Sizes, Limits],
    ([sizes, limits]) =>
      Effect.sync(() => {
        const messages = Packing.pack(sized(sizes), now, limits)

        for (const [i, { payloads }] of messages.entries()) {
          assert.isAtLeast(payloads.length, 1)
          assert.isAtMost(payloads.length, limits.maxPayloads)
          if (payloads.length > 1) {
            assert.isAtMost(TransportCodec.encodedLength(now, payloads), limits.maxBytes)
            assert.isTrue(payloads.every(({ byteLength }) => byteLength < Packing.aloneBytes))
          }
          const next = messages[i + 1]?.payloads[0]
          if (next === undefined) continue
          const more = [...payloads, next]
          // an instant may take ten bytes, this one takes nine
          const fits = TransportCodec.encodedLength(now, more) + 1 <= limits.maxBytes &&
            more.length <= limits.maxPayloads
          assert.isTrue(!fits || more.some(({ byteLength }) => byteLength >= Packing.aloneBytes))
        }
      })
  )

  it("groups 64 small payloads by default, or 16 KiB of them", () => {
    const lengths = (count: number, size: number) =>
      Packing.pack(sized(Array.from({ length: count }, () => size)), now).map(({ payloads }) => payloads.length)

    assert.deepStrictEqual(lengths(130, 16), [64, 64, 2])
    assert.deepStrictEqual(lengths(32, 1_024), [15, 15, 2])
    assert.deepStrictEqual(lengths(3, 8_192), [1, 1, 1])
    assert.deepStrictEqual(lengths(0, 16), [])
  })

  it("does not follow the array that it was given", () => {
    const payloads = sized([1, 1])
    const messages = Packing.pack(payloads, now)
    payloads.push(new Uint8Array(1))

    assert.strictEqual(Packing.payloadCount(messages), 2)
  })

  it("counts the payloads of some of the messages", () => {
    const messages = Packing.pack(sized([1, 1, 1, 1, 1]), now, { maxBytes: 16_384, maxPayloads: 2 })

    assert.strictEqual(Packing.payloadCount(messages, 1), 3)
    assert.strictEqual(Packing.payloadCount(messages, 0, 2), 4)
  })

  it("says what is wrong with limits", () => {
    assert.isUndefined(Packing.problemOf(Packing.defaults))
    assert.isUndefined(Packing.problemOf({ maxBytes: 1, maxPayloads: 1 }))
    assert.strictEqual(
      Packing.problemOf({ maxBytes: 0, maxPayloads: 64 }),
      "maxBytes is 0, want a whole number from 1 to 1048576"
    )
    assert.strictEqual(
      Packing.problemOf({ maxBytes: 16, maxPayloads: 4_097 }),
      "maxPayloads is 4097, want a whole number from 1 to 4096"
    )
    for (const bad of [1.5, NaN, Infinity, -1]) {
      assert.isDefined(Packing.problemOf({ maxBytes: bad, maxPayloads: 64 }))
      assert.isDefined(Packing.problemOf({ maxBytes: 64, maxPayloads: bad }))
    }
  })
})
