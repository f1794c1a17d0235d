/** CPU time for a payload, at each end. */
import { Effect } from "effect"
import * as Compare from "../engine/Compare.ts"
import * as Flow from "../engine/Flow.ts"
import * as NatsSide from "../engine/NatsSide.ts"
import type { Case, Row } from "../engine/Row.ts"
import * as Sizes from "../engine/Sizes.ts"

const atSize = (size: number): Case => ({
  name: Sizes.text(size),
  inQuick: size === 16,
  run: Effect.gen(function*() {
    const { url } = yield* NatsSide.server()
    const samples = yield* Compare.interleave([
      yield* NatsSide.make("ours", { url, size, publisher: "ours", subscriber: "ours" }),
      yield* NatsSide.make("Go SDK", { url, size, publisher: "sdk", subscriber: "sdk" }),
      yield* NatsSide.make("Go SDK again", { url, size, publisher: "sdk", subscriber: "sdk" }),
      yield* NatsSide.make("ours, packed", { url, size, publisher: "ours, packed", subscriber: "ours" })
    ])
    const end = (name: string, figure: (sample: Flow.Sample) => number) =>
      Compare.line(samples, {
        what: `${Sizes.text(size)}, CPU time of the ${name} for a payload`,
        goal: { atMost: 0.5 },
        figure,
        against: "Go SDK",
        control: "Go SDK again",
        format: Flow.micros,
        fault: Flow.lost,
        notes: [Flow.losses(samples)]
      })
    return {
      lines: [
        end("publisher", ({ publisherMicros }) => publisherMicros),
        end("subscriber", ({ subscriberMicros }) => subscriberMicros)
      ]
    }
  })
})

export const P4: Row = {
  name: "P4",
  what: "CPU time (user and system, whole process) for a payload, one payload per message, over the Go SDK",
  cases: [16, 128, 1024].map(atSize)
}
