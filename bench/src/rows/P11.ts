/** What a thousand streams cost, beside one. */
import { Effect, Schema } from "effect"
import { BenchFailed } from "../engine/BenchFailed.ts"
import * as Compare from "../engine/Compare.ts"
import * as Flow from "../engine/Flow.ts"
import * as NatsSide from "../engine/NatsSide.ts"
import type { Case, Row } from "../engine/Row.ts"
import * as Statistics from "../engine/Statistics.ts"

const many = 1_000

/** What every source gives at once, however many there are of them: what grows is the number of streams alone. */
const array = 64

const ends = Effect.fnUntraced(function*(name: string, url: string, streams: number) {
  const end = (direction: "ingress" | "egress") =>
    NatsSide.node("connector", { direction, packed: false, streams, array })
  const both = yield* NatsSide.ends(name, { url, size: 16, publisher: end("ingress"), subscriber: end("egress") })
  return both ?? (yield* new BenchFailed({ problem: "both ends are ours, and not there" }))
})

const flow: Case = {
  name: "1,000 streams",
  run: Effect.gen(function*() {
    const { url } = yield* NatsSide.server()
    const all = yield* ends("many", url, many)
    const samples = yield* Compare.interleave([
      Flow.side("1,000 streams", all),
      Flow.side("one stream", yield* ends("one", url, 1)),
      Flow.side("one stream again", yield* ends("one again", url, 1))
      // a thousand streams are a thousand of everything that has to be compiled and to grow old before it is steady
    ], { rounds: 5, roundMillis: 1_500, warmUpMillis: 4_000 })
    const line = (what: string, figure: (sample: Flow.Sample) => number) =>
      Compare.line(samples, {
        what: `1,000 streams, CPU time ${what}, over one stream`,
        goal: { atMost: 1.2 },
        figure,
        ours: "1,000 streams",
        against: "one stream",
        control: "one stream again",
        format: Flow.micros,
        fault: Flow.lost,
        notes: [`16 B, sources give arrays of ${array}`, Flow.losses(samples)]
      })
    const millis: Array<number> = []
    for (let i = 0; i < 10; i++) {
      const same = yield* all.publisher.ask({ do: "setSame" }, Schema.Struct({ millis: Schema.Finite }))
      millis.push(same.millis)
    }
    return {
      lines: [
        {
          what: "SetPayload of the same 1,000 streams, over gRPC, call to answer",
          goal: { atMost: 100, unit: "ms" },
          figure: Statistics.summary(millis),
          control: undefined,
          note: `ten times; the first ${millis[0]!.toFixed(0)} ms, the fastest ${Math.min(...millis).toFixed(0)} ms`
        },
        line("for a payload from source to transport", ({ publisherMicros }) => publisherMicros),
        line("for a payload from transport to sink", ({ subscriberMicros }) => subscriberMicros)
      ]
    }
  })
}

export const P11: Row = {
  name: "P11",
  what: "cost as work grows: a thousand streams in one connector beside one",
  cases: [flow]
}
