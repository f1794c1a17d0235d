import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Envelope from "../src/Envelope.ts"

const body = Buffer.from("{\"seq\":7}")

describe("Envelope", () => {
  it("can be read by people: number, checksum, body", () => {
    assert.match(Buffer.from(Envelope.seal(7, body)).toString(), /^7 [0-9a-f]{8} \{"seq":7\}$/)
  })

  it.effect.prop(
    "gives back the number of any body, its bytes unchanged at the end",
    [Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1e12 })), Schema.Uint8Array],
    ([sequence, body]) =>
      Effect.sync(() => {
        const bytes = Envelope.seal(sequence, body)

        assert.strictEqual(Envelope.open(bytes), sequence)
        assert.deepStrictEqual(bytes.subarray(bytes.length - body.length), body)
        assert.isAtMost(bytes.length - body.length, Envelope.maxOverheadBytes)
      })
  )

  it("tells a body that was changed, cut or prolonged", () => {
    const whole = Envelope.seal(12, body)
    for (let at = "12 01234567 ".length; at < whole.length; at++) {
      const bytes = Uint8Array.from(whole)
      bytes[at]! ^= 1
      assert.strictEqual(Envelope.open(bytes), Envelope.damaged)
    }

    assert.strictEqual(Envelope.open(whole.subarray(0, -1)), Envelope.damaged)
    assert.strictEqual(Envelope.open(Buffer.concat([whole, Uint8Array.of(0)])), Envelope.damaged)
  })

  it("tells what is no envelope", () => {
    const texts = ["", " ", "hello", "12", "12 ", "12 0123456", "x2 01234567 ", "12 0123456g ", "12 01234567", "-1 0 "]
    for (const text of texts) assert.strictEqual(Envelope.open(Buffer.from(text)), Envelope.foreign, text)
    assert.strictEqual(Envelope.open(Buffer.from(`${"9".repeat(40)} 01234567 `)), Envelope.foreign)
  })
})
