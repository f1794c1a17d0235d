/** What a scrape says, read as strictly as Prometheus does. */
import { assert } from "@effect/vitest"
import { Transport } from "@kps/transport"
import { Effect, Layer } from "effect"
import { PrometheusMetrics } from "effect/observability"
import * as Insight from "../../src/Insight.ts"
import * as Metrics from "../../src/Metrics.ts"
import { RunningStreams } from "../../src/RunningStreams.ts"

/** Values by series, such as `kps_stream_in_flight_messages{stream_id="a",direction="egress"}`. */
export type Scrape = ReadonlyMap<string, number>

const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (\S+)$/

/** Every line is a sample of a family with help and type, families are whole, and no series comes twice. */
export const parse = (text: string): Scrape => {
  const values = new Map<string, number>()
  const seen = new Set<string>()
  let family = ""
  let helped = ""
  assert.isTrue(text.endsWith("\n"))
  for (const line of text.slice(0, -1).split("\n")) {
    const help = /^# HELP (\S+) (.+)$/.exec(line)
    const type = /^# TYPE (\S+) (counter|gauge)$/.exec(line)
    if (help !== null) {
      helped = help[1]!
    } else if (type !== null) {
      family = type[1]!
      assert.strictEqual(helped, family, "help comes before the type")
      assert.isFalse(seen.has(family), `${family} is whole`)
      assert.strictEqual(family.endsWith("_total"), type[2] === "counter", family)
      seen.add(family)
    } else {
      const [, name, labels = "", value] = sample.exec(line) ?? assert.fail(`no sample: ${line}`)
      assert.strictEqual(name, family)
      assert.isFalse(values.has(name! + labels), line)
      assert.isFalse(Number.isNaN(Number(value)), line)
      values.set(name! + labels, Number(value))
    }
  }
  return values
}

/** What a Prometheus would get now. */
export const scrape: Effect.Effect<Scrape> = Effect.map(PrometheusMetrics.format(), parse)

/** The counts of one stream, by the last word of their name; and what is in flight. */
export const ofStream = (scrape: Scrape, id: string): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Array.from(scrape).flatMap(([series, value]) => {
      const [, name, labels] = /^kps_stream_(?:messages_|frames_)?(\w+?)(?:_total|_messages)?\{(.*)\}$/.exec(series) ??
        []
      return name !== undefined && name !== "state" && labels!.includes(`stream_id="${id}"`) ? [[name, value]] : []
    })
  )

/** The state of a stream; `none` when it has none. */
export const stateOf = (scrape: Scrape, id: string): string =>
  Array.from(scrape).flatMap(([series, value]) => {
    const state = /^kps_stream_state\{.*state="(\w+)"\}$/.exec(series)?.[1]
    return state !== undefined && series.includes(`stream_id="${id}"`) && value === 1 ? [state] : []
  }).join() || "none"

/** Shows the streams of the context, as a server shows those of its connector. */
export const shown = Layer.effectDiscard(Effect.gen(function*() {
  const observe = yield* Insight.Observer
  const streams = yield* RunningStreams
  const transport = yield* Transport.Transport
  yield* observe({
    connectorId: "c-1",
    name: "fake",
    version: "1.0",
    phase: Effect.succeed("Serving"),
    streams: streams.readings,
    channels: "core",
    connection: transport.status,
    transport: transport.stats
  })
}))

/** The streams of a layer, and a registry that `scrape` reads. */
export const observed = <A, E, R>(streams: Layer.Layer<A | RunningStreams | Transport.Transport, E, R>) =>
  shown.pipe(
    Layer.provideMerge(streams),
    Layer.provideMerge(Metrics.layer),
    Layer.provideMerge(Insight.layer)
  )
