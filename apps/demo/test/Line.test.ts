import { assert, describe, it } from "@effect/vitest"
import * as Line from "../src/Line.ts"

const line = [Line.span("one ", "strong"), Line.span("two ", "bad"), Line.span("three")]

describe("Line", () => {
  it("is cut where it does not fit, with its tones", () => {
    assert.deepStrictEqual(Line.fit(line, 13), line)
    assert.deepStrictEqual(Line.fit(line, 12), [line[0]!, line[1]!, { text: "thr…", tone: "plain" }])
    assert.deepStrictEqual(Line.fit(line, 8), [line[0]!, { text: "two…", tone: "bad" }])
    assert.deepStrictEqual(Line.fit(line, 5), [line[0]!, { text: "…", tone: "bad" }])
    assert.strictEqual(Line.text(Line.fit(line, 0)), "")
  })

  it("flows on as many lines as it needs", () => {
    const spans = ["123 sent", "120 delivered", "3 in flight"].map((text) => Line.span(text))
    const flow = (cells: number) => Line.flow(spans, cells).map(Line.text)

    assert.deepStrictEqual(flow(36), ["123 sent  120 delivered  3 in flight"])
    assert.deepStrictEqual(flow(35), ["123 sent  120 delivered", "  3 in flight"])
    assert.deepStrictEqual(flow(15), ["123 sent", "  120 delivered", "  3 in flight"])
  })

  it("is painted with its tones, each ended where it ends, or as plain text", () => {
    assert.strictEqual(Line.paint(line, true), "\x1b[1mone \x1b[0m\x1b[1;31mtwo \x1b[0mthree")
    assert.strictEqual(Line.paint(line, false), "one two three")
  })

  it("has harmless text alone", () => {
    assert.strictEqual(Line.paint([Line.span("\x1b[2J", "good")], true), "\x1b[32m␛[2J\x1b[0m")
  })
})
