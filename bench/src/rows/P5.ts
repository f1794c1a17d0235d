/** Latency at a steady pace, in bursts and one by one. */
import { Effect } from "effect"
import * as Compare from "../engine/Compare.ts"
import * as Flow from "../engine/Flow.ts"
import * as Latency from "../engine/Latency.ts"
import * as NatsSide from "../engine/NatsSide.ts"
import type { Case, Row } from "../engine/Row.ts"

const size = Latency.payloadBytes

const p50 = (sample: Latency.Sample) => sample.p50
const p99 = (sample: Latency.Sample) => sample.p99

const start = (name: string, url: string, publisher: NatsSide.Program, subscriber: NatsSide.Program) =>
  Effect.map(
    NatsSide.ends(name, { url, size, publisher, subscriber }),
    (ends) => ends === undefined ? undefined : Latency.side(name, ends)
  )

const bursts: Case = {
  name: "bursts",
  run: Effect.gen(function*() {
    const { url } = yield* NatsSide.server()
    const pace = { perSecond: 10_000, burst: 100 }
    const sdk = (name: string) => start(name, url, NatsSide.sdk("burst", pace), NatsSide.sdk("latency", {}))
    const samples = yield* Compare.interleave([
      yield* start("ours", url, NatsSide.node("burst", { ...pace, packed: false }), NatsSide.node("latency")),
      yield* sdk("Go SDK"),
      yield* sdk("Go SDK again"),
      yield* start("ours, packed", url, NatsSide.node("burst", { ...pace, packed: true }), NatsSide.node("latency"))
    ], { rounds: 5, roundMillis: 1500 })
    const at = (name: string, figure: (sample: Latency.Sample) => number, atMost: number) =>
      Compare.line(samples, {
        what: `10,000 payloads/s in bursts of 100, ${name} from publish call to handler`,
        goal: { atMost },
        figure,
        against: "Go SDK",
        control: "Go SDK again",
        format: Latency.micros,
        fault: Flow.lost,
        notes: [Flow.losses(samples)]
      })
    return { lines: [at("p50", p50, 1), at("p99", p99, 1.5)] }
  })
}

const thin: Case = {
  name: "thin",
  run: Effect.gen(function*() {
    const { url } = yield* NatsSide.server()
    const side = (name: string, packed: boolean) =>
      start(name, url, NatsSide.node("burst", { perSecond: 500, burst: 1, packed }), NatsSide.node("latency"))
    const samples = yield* Compare.interleave([
      yield* side("ours", true),
      yield* side("ours, unpacked", false),
      yield* side("ours, unpacked, again", false)
    ], { rounds: 5, roundMillis: 1000 })
    return {
      lines: [Compare.line(samples, {
        what: "a payload every 2 ms, p50 packed over unpacked",
        // none is added: two processes that do the same differ by a tenth or two, and waiting 1 ms would be 4x
        goal: { atMost: 1.25 },
        figure: p50,
        against: "ours, unpacked",
        control: "ours, unpacked, again",
        format: Latency.micros,
        fault: Flow.lost
      })]
    }
  })
}

export const P5: Row = {
  name: "P5",
  what: "latency from the call of publish in one process to the handler in another, over the Go SDK",
  cases: [bursts, thin]
}
