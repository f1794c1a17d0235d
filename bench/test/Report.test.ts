import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Report from "../src/engine/Report.ts"

const entry: Report.Entry = {
  row: "P1",
  what: "16 B",
  goal: ">= 1.7x",
  ratio: 1.812,
  met: true,
  spread: [1.78, 1.9],
  control: { ratio: 1.01, spread: [0.98, 1.02] },
  note: "ours 2.31M/s"
}

describe("Report", () => {
  it("has a line for each entry, with goal, ratio, verdict, spread and control, then the notes", () => {
    assert.deepStrictEqual(Report.table([entry, { ...entry, ratio: 1.2, met: false }]).split("\n"), [
      "row  what  goal     ratio  verdict  spread      control",
      "P1   16 B  >= 1.7x  1.81   met      1.78..1.90  1.01 (0.98..1.02)",
      "P1   16 B  >= 1.7x  1.20   NOT MET  1.78..1.90  1.01 (0.98..1.02)",
      "",
      // said once
      "P1 16 B: ours 2.31M/s"
    ])
  })

  it("tells an absent peer, a quick run and a failure from a verdict", () => {
    const absent = { ...entry, ratio: null, met: null, spread: null, control: null }
    const table = Report.table([absent, { ...entry, met: null }, Report.failure("P2", "16 B", "no answer")])

    assert.deepStrictEqual(table.split("\n").slice(1, 4).map((line) => line.split(/ {2,}/)), [
      ["P1", "16 B", ">= 1.7x", "-", "peer absent", "-", "-"],
      ["P1", "16 B", ">= 1.7x", "1.81", "ran", "1.78..1.90", "1.01 (0.98..1.02)"],
      ["P2", "16 B", "to be run", "-", "FAILED", "-", "-"]
    ])
    assert.include(table, "P2 16 B: FAILED no answer")
  })

  it("is a table of a page too, with columns that are aligned", () => {
    assert.deepStrictEqual(Report.markdown([entry]).split("\n"), [
      "| row | what | goal    | ratio | verdict | spread     | control           |",
      "| --- | ---- | ------- | ----- | ------- | ---------- | ----------------- |",
      "| P1  | 16 B | >= 1.7x | 1.81  | met     | 1.78..1.90 | 1.01 (0.98..1.02) |",
      "",
      "- P1 16 B: ours 2.31M/s"
    ])
  })

  it("is an array with the same entries as JSON", () => {
    const read = Schema.decodeSync(Schema.fromJsonString(Schema.Array(Report.Entry)))(Report.json([entry]))

    assert.deepStrictEqual(read, [entry])
  })
})
