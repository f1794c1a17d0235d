/** What supervision costs: a whole connector beside the transport alone. */
import { Effect } from "effect"
import * as Compare from "../engine/Compare.ts"
import * as Flow from "../engine/Flow.ts"
import * as Hop from "../engine/Hop.ts"
import * as NatsSide from "../engine/NatsSide.ts"
import type { Case, Row } from "../engine/Row.ts"
import * as Sizes from "../engine/Sizes.ts"

const atSize = (size: number, packed: boolean): Case => ({
  name: `${Sizes.text(size)}${packed ? ", packed" : ""}`,
  inQuick: size === 16,
  run: Effect.gen(function*() {
    const { url } = yield* NatsSide.server()
    const alone = packed ? "ours, packed" : "ours"
    const connector = packed ? "connector, packed" : "connector"
    const side = (name: string, publisher: NatsSide.Publisher, subscriber: NatsSide.Subscriber) =>
      NatsSide.make(name, { url, size, publisher, subscriber })
    const samples = yield* Compare.interleave([
      yield* side("source -> transport", connector, "ours"),
      yield* side("transport -> sink", alone, "connector"),
      yield* side("source -> sink", connector, "connector"),
      yield* side("transport", alone, "ours"),
      yield* side("transport again", alone, "ours")
    ])
    const line = (ours: string) =>
      Compare.line(samples, {
        what: `${Sizes.text(size)}${packed ? ", packed" : ""}, ${ours}, over the transport alone, payloads/s`,
        goal: { atLeast: 0.8 },
        figure: Flow.rate,
        ours,
        against: "transport",
        control: "transport again",
        format: Flow.perSecond,
        fault: Flow.lost,
        notes: [Flow.losses(samples)]
      })
    return { lines: ["source -> transport", "transport -> sink", "source -> sink"].map(line) }
  })
})

/** A data pipeline beside the same hop written on the transport, and with a function that passes everything on. */
const pipeline = (size: number): Case => ({
  name: `pipeline, ${Sizes.text(size)}`,
  inQuick: size === 16,
  run: Effect.gen(function*() {
    const { url } = yield* NatsSide.server()
    const samples = yield* Compare.interleave([
      yield* Hop.make("pipeline", { url, size, through: "pipeline" }),
      yield* Hop.make("JavaScript function", { url, size, through: "node" }),
      yield* Hop.make("Python function", { url, size, through: "python" }),
      yield* Hop.make("hop", { url, size, through: "transport" }),
      yield* Hop.make("hop again", { url, size, through: "transport" })
    ])
    const line = (what: string, ours: string, atLeast: number) =>
      Compare.line(samples, {
        what: `${Sizes.text(size)}, ${what}, over the same hop on the transport alone, payloads/s`,
        goal: { atLeast },
        figure: Flow.rate,
        ours,
        against: "hop",
        control: "hop again",
        format: Flow.perSecond,
        fault: Flow.lost,
        notes: [Flow.losses(samples)]
      })
    return {
      lines: [
        line("a pipeline without functions", "pipeline", 0.8),
        line("a pipeline with a function in JavaScript", "JavaScript function", 0.4),
        line("a pipeline with a function in Python", "Python function", 0.25)
      ]
    }
  })
})

export const P6: Row = {
  name: "P6",
  what: "a whole connector, source -> supervision -> transport and back, and a data pipeline, over the transport alone",
  cases: [atSize(16, false), atSize(1024, false), atSize(16, true), pipeline(16), pipeline(1024)]
}
