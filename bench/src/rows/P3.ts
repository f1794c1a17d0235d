/** Both directions between us and the Go SDK, beside the Go SDK with itself. */
import { Effect } from "effect"
import * as Compare from "../engine/Compare.ts"
import * as Flow from "../engine/Flow.ts"
import * as NatsSide from "../engine/NatsSide.ts"
import type { Case, Row } from "../engine/Row.ts"
import * as Sizes from "../engine/Sizes.ts"

const toGo = "ours -> Go SDK"
const fromGo = "Go SDK -> ours"
const packedToGo = "ours, packed -> SDK's messages on nats.go"

const atSize = (size: number, packed: number | undefined): Case => ({
  name: Sizes.text(size),
  inQuick: packed !== undefined,
  run: Effect.gen(function*() {
    const { url } = yield* NatsSide.server()
    const samples = yield* Compare.interleave([
      yield* NatsSide.make(toGo, { url, size, publisher: "ours", subscriber: "sdk" }),
      yield* NatsSide.make("Go SDK", { url, size, publisher: "sdk", subscriber: "sdk" }),
      yield* NatsSide.make("Go SDK again", { url, size, publisher: "sdk", subscriber: "sdk" }),
      yield* NatsSide.make(fromGo, { url, size, publisher: "sdk", subscriber: "ours" }),
      packed === undefined
        ? undefined
        : yield* NatsSide.make(packedToGo, { url, size, publisher: "ours, packed", subscriber: "sdk, packed" })
    ])
    const over = (ours: string, atLeast: number, notes: ReadonlyArray<string> = []) =>
      Compare.line(samples, {
        what: `${Sizes.text(size)}, ${ours}, payloads/s`,
        goal: { atLeast },
        figure: Flow.rate,
        ours,
        against: "Go SDK",
        control: "Go SDK again",
        format: Flow.perSecond,
        // what a subscriber of Go drops since it is too slow is not lost by us: only what it handed over counts
        ...(ours === fromGo ? { fault: Flow.lost } : {}),
        notes: [...notes, Flow.losses(samples)]
      })
    return {
      lines: [
        over(toGo, 1),
        over(fromGo, 1),
        ...(packed === undefined ? [] : [
          over(packedToGo, packed, [
            "the client of the pinned SDK hands over only the first payload of a message, so this subscriber reads all of them with the SDK's message type"
          ])
        ])
      ]
    }
  })
})

export const P3: Row = {
  name: "P3",
  what: "our publisher to the Go SDK's subscriber, and the other way round, over Go to Go",
  cases: [atSize(16, 5), atSize(128, undefined), atSize(1024, undefined)]
}
