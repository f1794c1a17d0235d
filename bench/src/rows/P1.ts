/** Throughput with one payload per message, beside the Go SDK doing the same. */
import { Effect } from "effect"
import * as Compare from "../engine/Compare.ts"
import * as Flow from "../engine/Flow.ts"
import * as NatsSide from "../engine/NatsSide.ts"
import type { Case, Row } from "../engine/Row.ts"
import * as Sizes from "../engine/Sizes.ts"

const goals = new Map([[16, 1.7], [128, 1.5], [1024, 1.4], [16_384, 1]])

const atSize = ([size, atLeast]: readonly [number, number]): Case => ({
  name: Sizes.text(size),
  inQuick: size === 16 || size === 16_384,
  run: Effect.gen(function*() {
    const { url } = yield* NatsSide.server()
    const side = (name: string, client: NatsSide.Publisher & NatsSide.Subscriber) =>
      NatsSide.make(name, { url, size, publisher: client, subscriber: client })
    const samples = yield* Compare.interleave([
      yield* side("ours", "ours"),
      yield* side("Go SDK", "sdk"),
      yield* side("Go SDK again", "sdk"),
      yield* side("nats.go", "nats.go"),
      yield* side("JS client", "plain"),
      yield* side("JS client, generated codec", "plain, generated codec"),
      yield* side("JS client, our codec", "plain, our codec")
    ])
    return {
      lines: [Compare.line(samples, {
        what: `${Sizes.text(size)}, one payload per message, payloads/s`,
        goal: { atLeast },
        figure: Flow.rate,
        against: "Go SDK",
        control: "Go SDK again",
        format: Flow.perSecond,
        fault: Flow.lost,
        notes: [Flow.losses(samples)]
      })],
      points: Compare.points(samples, "throughput", size, Flow.rate, {
        "ours": "ours",
        "Go SDK": "Go SDK",
        "nats.go": "nats.go, no codec",
        "JS client": "JS client, no codec",
        "JS client, generated codec": "JS client, generated codec"
      })
    }
  })
})

export const P1: Row = {
  name: "P1",
  what: "publisher process -> nats-server -> subscriber process, one payload per message, over the Go SDK",
  cases: Array.from(goals, atSize)
}
