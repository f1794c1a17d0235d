/** The plots of a run, as SVG, drawn by Vega. */
import { Effect } from "effect"
import type { TopLevelSpec } from "vega-lite"
import { BenchFailed } from "./BenchFailed.ts"
import type { Point } from "./Row.ts"
import * as Sizes from "./Sizes.ts"

const common = {
  $schema: "https://vega.github.io/schema/vega-lite/v6.json",
  background: "white",
  padding: 12,
  width: 620,
  height: 360,
  config: {
    font: "sans-serif",
    axis: { labelFontSize: 12, titleFontSize: 12 },
    legend: { labelFontSize: 12, labelLimit: 260 }
  }
} as const

/** Ours in strong colours, its peers in pale ones; what packs is dashed. */
const styles: Readonly<Record<string, { readonly color: string; readonly dash: Array<number> }>> = {
  "ours, packed": { color: "#d62728", dash: [6, 3] },
  "ours": { color: "#d62728", dash: [] },
  "Go, packing 64": { color: "#1f77b4", dash: [6, 3] },
  "Go SDK": { color: "#1f77b4", dash: [] },
  "nats.go, no codec": { color: "#7fb3d5", dash: [] },
  "JS client, no codec": { color: "#c9a227", dash: [] },
  "JS client, generated codec": { color: "#8c6d1f", dash: [] }
}

const throughput = (points: ReadonlyArray<Point>): TopLevelSpec => {
  const names = Object.keys(styles).filter((name) => points.some(({ series }) => series === name))
  const sizes = [...new Set(points.map(({ x }) => x))].toSorted((a, b) => a - b)
  const rates = points.map(({ y }) => y)
  return {
    ...common,
    title: "Payloads over one nats-server: publisher, server and subscriber on one machine",
    data: { values: points.map((point) => ({ ...point })) },
    mark: { type: "line", point: { size: 50, filled: true }, strokeWidth: 2 },
    encoding: {
      x: {
        field: "x",
        type: "quantitative",
        scale: { type: "log", base: 2, nice: false },
        axis: {
          title: "payload size",
          values: sizes,
          labelExpr: `${JSON.stringify(Object.fromEntries(sizes.map((size) => [size, Sizes.text(size)])))}[datum.value]`
        }
      },
      y: {
        field: "y",
        type: "quantitative",
        scale: { type: "log", nice: false, domain: [Math.min(...rates) * 0.8, Math.max(...rates) * 1.25] },
        axis: { title: "payloads/s, as they arrive", format: "~s", values: [1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7] }
      },
      color: {
        field: "series",
        type: "nominal",
        sort: names,
        scale: { domain: names, range: names.map((name) => styles[name]!.color) },
        legend: { title: null, symbolType: "stroke", symbolStrokeWidth: 3 }
      },
      strokeDash: {
        field: "series",
        type: "nominal",
        sort: names,
        scale: { domain: names, range: names.map((name) => styles[name]!.dash) },
        legend: { title: null }
      }
    }
  }
}

const memory = (points: ReadonlyArray<Point>): TopLevelSpec => ({
  ...common,
  title: "Resident memory with a producer 100 times faster than its consumer",
  data: { values: points.map((point) => ({ ...point })) },
  mark: { type: "line", strokeWidth: 2 },
  encoding: {
    x: { field: "x", type: "quantitative", scale: { nice: false }, axis: { title: "seconds" } },
    y: { field: "y", type: "quantitative", scale: { domainMin: 0 }, axis: { title: "RSS, MiB" } },
    color: {
      field: "series",
      type: "nominal",
      scale: { domain: ["consumer", "producer"], range: ["#d62728", "#1f77b4"] },
      legend: { title: null }
    }
  }
})

const specs = { throughput, memory }

export interface Plot {
  /** "throughput.svg" */
  readonly file: string
  readonly svg: string
}

/** A plot for each kind of which there are points. */
export const all = (points: ReadonlyArray<Point>): Effect.Effect<ReadonlyArray<Plot>, BenchFailed> =>
  Effect.tryPromise({
    try: async () => {
      // loaded for this alone: it takes half a second
      const [vega, vegaLite] = await Promise.all([import("vega"), import("vega-lite")])
      const kinds = (["throughput", "memory"] as const)
        .map((kind) => [kind, points.filter(({ plot }) => plot === kind)] as const)
        .filter(([, some]) => some.length > 0)
      return Promise.all(kinds.map(async ([kind, some]) => {
        const view = new vega.View(vega.parse(vegaLite.compile(specs[kind](some)).spec), { renderer: "none" })
        return { file: `${kind}.svg`, svg: `${await view.toSVG()}\n` }
      }))
    },
    catch: (cause) => new BenchFailed({ problem: `cannot draw the plots: ${String(cause)}` })
  })
