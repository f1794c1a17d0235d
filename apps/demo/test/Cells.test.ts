import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Cells from "../src/Cells.ts"

describe("Cells.harmless", () => {
  it("leaves nothing that a terminal would obey", () => {
    assert.strictEqual(Cells.harmless("\x1b[2J\x1b]0;title\x07"), "␛[2J␛]0;title␇")
    assert.strictEqual(Cells.harmless("\x9b31m\x00\x08\x7f"), "�31m␀␈␡")
  })

  it("keeps a text on one line", () => {
    assert.strictEqual(Cells.harmless("one\r\ntwo\tthree\u2028four\u0085five"), "one two three four five")
  })

  it("drops what would show the text in another order, or join what follows", () => {
    assert.strictEqual(Cells.harmless("abc\u202edef\u2066ghi\u200b\ufeff"), "abcdefghi")
    assert.strictEqual(Cells.harmless("👩\u200d👩\u200d👧 ❤\ufe0f"), "👩👩👧 ❤")
  })

  it("keeps accents, two on a letter at most", () => {
    assert.strictEqual(Cells.harmless(`n\u0303 e${"\u0301".repeat(50)}!`), "n\u0303 e\u0301\u0301!")
  })

  it("shows half a character and one without meaning as such", () => {
    assert.strictEqual(Cells.harmless("\ud800x\u{10ffff}"), "�x�")
  })

  it("leaves ordinary text of any language as it is", () => {
    for (const text of ["plain  text: 1 < 2", "Ünïcödé", "日本語", "Привет", "🚀 up"]) {
      assert.strictEqual(Cells.harmless(text), text)
    }
  })

  it("looks at no more of a long text than a terminal can show", () => {
    assert.isAtMost(Cells.harmless("x".repeat(1_000_000)).length, 1_000)
  })

  it.prop("leaves no control character, whatever is in the text", { text: Schema.String }, ({ text }) => {
    assert.notMatch(Cells.harmless(text), /[\p{C}\u2028\u2029]/u)
  })
})

describe("Cells.fit", () => {
  it("counts wide characters as two cells, accents as none, and a flag as two", () => {
    const widths = ["", "abc", "日本語", "e\u0301", "🚀", "🇨🇭", "ｆ", "한국", "…─█"].map((text) => Cells.width(text))

    assert.deepStrictEqual(widths, [0, 3, 6, 1, 2, 2, 2, 4, 3])
  })

  it("cuts with an ellipsis, and only what does not fit", () => {
    assert.strictEqual(Cells.fit("abcdef", 6), "abcdef")
    assert.strictEqual(Cells.fit("abcdef", 5), "abcd…")
    assert.strictEqual(Cells.fit("abcdef", 1), "…")
    assert.strictEqual(Cells.fit("abcdef", 0), "")
  })

  it("cuts no wide character in half, nor an accent off its letter", () => {
    assert.strictEqual(Cells.fit("日本語", 4), "日…")
    assert.strictEqual(Cells.fit("日本語", 5), "日本…")
    assert.strictEqual(Cells.fit("e\u0301e\u0301e\u0301", 2), "e\u0301…")
  })

  it("fills up with spaces", () => {
    assert.strictEqual(Cells.pad("日", 4), "日  ")
    assert.strictEqual(Cells.pad("long", 2), "long")
  })
})
