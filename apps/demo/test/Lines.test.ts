import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { type Line, Lines } from "../src/Lines.ts"

/** Cuts the bytes in chunks of these sizes, the last again and again, and collects all lines. */
const split = (bytes: Uint8Array, sizes: ReadonlyArray<number>, maxBytes = 1_000): Array<Line> => {
  const lines = new Lines(maxBytes)
  const all: Array<Line> = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[Math.min(i, sizes.length - 1)]!
    all.push(...lines.push(bytes.subarray(at, at + size)))
    at += size
  }
  return [...all, ...lines.end()]
}

const texts = (lines: ReadonlyArray<Line>) =>
  lines.map((line) => line instanceof Uint8Array ? Buffer.from(line).toString("latin1") : line.oversizedBytes)

describe("Lines", () => {
  it("cuts at LF and CR LF, keeps empty lines, and needs no LF at the end", () => {
    const bytes = Buffer.from("one\ntwo\r\n\n\r\nlast")

    assert.deepStrictEqual(texts(split(bytes, [1_000])), ["one", "two", "", "", "last"])
  })

  it("has no line after the last LF, and none in an empty input", () => {
    assert.deepStrictEqual(texts(split(Buffer.from("one\n"), [1_000])), ["one"])
    assert.deepStrictEqual(texts(split(Buffer.from(""), [1_000])), [])
    assert.deepStrictEqual(texts(split(Buffer.from("\n"), [1_000])), [""])
  })

  it("keeps a CR that is not the end of a line", () => {
    assert.deepStrictEqual(texts(split(Buffer.from("a\rb\r\r\nc\r"), [1_000])), ["a\rb\r", "c\r"])
  })

  it("gives the same lines wherever the chunks are cut", () => {
    const bytes = Buffer.from("first\r\n\r\nse\rcond\n\nthird line\r\nend\r", "latin1")
    const whole = texts(split(bytes, [1_000]))

    for (let cut = 1; cut < bytes.length; cut++) {
      assert.deepStrictEqual(texts(split(bytes, [cut, 1_000])), whole, `cut at ${cut}`)
    }
    assert.deepStrictEqual(texts(split(bytes, [1])), whole)
  })

  it("keeps bytes that are no text as they are", () => {
    const bytes = Uint8Array.from([0xff, 0x00, 0xc3, 0x28, 0x0a, 0xed, 0xa0, 0x80])

    assert.deepStrictEqual(split(bytes, [2]).map((line) => line instanceof Uint8Array ? Array.from(line) : []), [
      [0xff, 0x00, 0xc3, 0x28],
      [0xed, 0xa0, 0x80]
    ])
  })

  it("does not share memory with a chunk that is used again", () => {
    const lines = new Lines(100)
    const chunk = Buffer.from("abc")
    lines.push(chunk)
    chunk.fill(0x78)

    assert.deepStrictEqual(texts(lines.push(Buffer.from("d\n"))), ["abcd"])
  })

  it("gives the size of a line over the limit, and goes on with the next", () => {
    const bytes = Buffer.from(`${"x".repeat(9)}\n${"y".repeat(8)}\n${"z".repeat(8)}\r\n${"v".repeat(5_000)}\nok`)

    for (const size of [1, 3, 1_000]) {
      assert.deepStrictEqual(texts(split(bytes, [size], 8)), [9, "y".repeat(8), "z".repeat(8), 5_000, "ok"])
    }
  })

  it.effect.prop(
    "is the inverse of joining with LF, whatever is in the lines",
    [
      Schema.Array(Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 11, maximum: 255 })))),
      Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 }))
    ],
    ([lines, size]) =>
      Effect.sync(() => {
        // 13 is CR: at the end of a line it would go
        const wanted = lines.map((line) => Uint8Array.from(line.filter((byte) => byte !== 13)))
        const bytes = Buffer.concat(wanted.flatMap((line) => [line, Uint8Array.of(10)]))
        const got = split(bytes, [size], 10_000)

        assert.deepStrictEqual(
          got.map((line) => line instanceof Uint8Array ? Array.from(line) : line),
          wanted.map((line) => Array.from(line))
        )
      })
  )
})
