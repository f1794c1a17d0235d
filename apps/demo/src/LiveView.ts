/**
 * The live view of a running demo.
 */
import { NodeTerminal } from "@effect/platform-node"
import { Effect } from "effect"
import type { Scope, Terminal } from "effect"
import { TerminalCapabilities } from "effect/cli"
import { Guard } from "./Guard.ts"
import { History } from "./History.ts"
import { Journal } from "./Journal.ts"
import * as Line from "./Line.ts"
import type * as Report from "./Report.ts"
import * as Screen from "./Screen.ts"
import type { Traffic } from "./Traffic.ts"
import * as View from "./View.ts"

export interface Subject {
  /** What it is doing, in words. */
  readonly doing: string
  readonly traffic: Traffic
  readonly snapshot: Effect.Effect<Report.Snapshot>
  readonly processes: () => ReadonlyArray<View.ProcessView>
}

/** Shows it until it is interrupted. What is said meanwhile is part of it, and comes as lines afterwards. */
export const show = Effect.fnUntraced(
  function*({ doing, processes, snapshot, traffic }: Subject): Effect.fn.Return<
    never,
    never,
    Journal | Guard | Scope.Scope | Terminal.Terminal
  > {
    const guard = yield* Guard
    const journal = yield* Journal
    const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
    const first = yield* snapshot
    const history = new History(first.atMicros, first.counts)
    const picture = (size: View.Size) =>
      Effect.map(snapshot, (now) => {
        history.observe(now.atMicros, now.counts, now.latency)
        const lines = View.render({
          ...now,
          doing,
          startMicros: first.atMicros,
          rates: history.rates,
          seconds: history.seconds,
          recentLatency: history.latency,
          wholeLatency: traffic.latency,
          processes: processes(),
          events: journal.latest()
        }, size)
        return lines.map((line) => Line.paint(line, canColor))
      })
    yield* journal.hold
    return yield* Screen.show(picture, {
      ...Screen.device,
      onTaken: (isTaken) => guard.farewell(isTaken ? Screen.leave : "")
    })
  },
  Effect.scoped,
  Effect.provide(NodeTerminal.layer)
)
