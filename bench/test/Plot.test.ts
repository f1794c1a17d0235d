import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Plot from "../src/engine/Plot.ts"
import type { Point } from "../src/engine/Row.ts"

const points: ReadonlyArray<Point> = [
  { plot: "throughput", series: "ours", x: 16, y: 2_000_000 },
  { plot: "throughput", series: "ours", x: 1024, y: 400_000 },
  { plot: "throughput", series: "Go SDK", x: 16, y: 1_000_000 },
  { plot: "throughput", series: "Go SDK", x: 1024, y: 300_000 }
]

describe("Plot", () => {
  it.effect("draws a line for each series that was measured, over the sizes", () =>
    Effect.gen(function*() {
      const [plot, ...others] = yield* Plot.all(points)

      assert.isEmpty(others)
      assert.strictEqual(plot?.file, "throughput.svg")
      for (const text of ["<svg", ">ours<", ">Go SDK<", ">16 B<", ">1 KiB<"]) assert.include(plot?.svg, text)
      assert.notInclude(plot?.svg, "nats.go")
    }))

  it.effect("draws nothing of what was not measured", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* Plot.all([]), [])
    }))
})
