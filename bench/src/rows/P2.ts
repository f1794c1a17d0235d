/** Throughput with many payloads in a message, beside the Go SDK, which sends one per message. */
import { Effect } from "effect"
import * as Compare from "../engine/Compare.ts"
import * as Flow from "../engine/Flow.ts"
import * as NatsSide from "../engine/NatsSide.ts"
import type { Case, Row } from "../engine/Row.ts"
import * as Sizes from "../engine/Sizes.ts"

interface Goals {
  readonly size: number
  readonly overSdk?: number
  readonly overUnpacked: number
}

const goals: ReadonlyArray<Goals> = [
  { size: 16, overSdk: 8, overUnpacked: 1 },
  { size: 128, overSdk: 4, overUnpacked: 1 },
  { size: 1024, overSdk: 1.6, overUnpacked: 1 },
  // payloads of this size are not packed: both sides send the same, and the ratio is 1 but for noise
  { size: 16_384, overUnpacked: 0.95 }
]

const atSize = ({ overSdk, overUnpacked, size }: Goals): Case => ({
  name: Sizes.text(size),
  inQuick: size === 16,
  run: Effect.gen(function*() {
    const { url } = yield* NatsSide.server()
    const packs = overSdk !== undefined
    const samples = yield* Compare.interleave([
      yield* NatsSide.make("ours", { url, size, publisher: "ours, packed", subscriber: "ours" }),
      ...(packs
        ? [
          yield* NatsSide.make("Go SDK", { url, size, publisher: "sdk", subscriber: "sdk" }),
          yield* NatsSide.make("Go SDK again", { url, size, publisher: "sdk", subscriber: "sdk" }),
          // what a Go program that packs would reach: the caveat of this row, in the same run
          yield* NatsSide.make("Go, packing 64", { url, size, publisher: "sdk, packed", subscriber: "sdk, packed" })
        ]
        : []),
      yield* NatsSide.make("ours, unpacked", { url, size, publisher: "ours", subscriber: "ours" }),
      yield* NatsSide.make("ours, unpacked, again", { url, size, publisher: "ours", subscriber: "ours" })
    ])
    const common = { figure: Flow.rate, format: Flow.perSecond, fault: Flow.lost, notes: [Flow.losses(samples)] }
    return {
      lines: [
        ...(packs
          ? [Compare.line(samples, {
            ...common,
            what: `${Sizes.text(size)}, packed, over the Go SDK unpacked, payloads/s`,
            goal: { atLeast: overSdk },
            against: "Go SDK",
            control: "Go SDK again"
          })]
          : []),
        Compare.line(samples, {
          ...common,
          what: `${Sizes.text(size)}, packed, over ours unpacked, payloads/s`,
          goal: { atLeast: overUnpacked },
          against: "ours, unpacked",
          control: "ours, unpacked, again"
        })
      ],
      points: packs
        ? Compare.points(samples, "throughput", size, Flow.rate, {
          "ours": "ours, packed",
          "Go, packing 64": "Go, packing 64"
        })
        : []
    }
  })
})

export const P2: Row = {
  name: "P2",
  what: "the same as P1 with our publisher packing up to 64 payloads or 16 KiB into a message",
  cases: goals.map(atSize)
}
