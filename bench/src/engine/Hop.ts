/** Payloads from a publisher over a process between two channels to a subscriber, in bursts that nobody has to drop any of. */
import { Effect, type Scope } from "effect"
import { spawnSync } from "node:child_process"
import type { BenchFailed } from "./BenchFailed.ts"
import type { Side } from "./Compare.ts"
import * as Flow from "./Flow.ts"
import { monotonicNanos } from "./MonotonicClock.ts"
import * as Worker from "./Worker.ts"

/** How long a burst takes that a subscription can hold: 65,536 payloads or 8 MiB. */
const burstMillis = (size: number) => size > 256 ? 5 : 15

const hasPython = () => spawnSync("python3", ["--version"]).status === 0

/** A side with three processes; undefined where its function is in Python and that is absent. */
export const make = Effect.fnUntraced(function*(
  name: string,
  { size, through, url }: {
    readonly url: string
    readonly size: number
    readonly through: "transport" | "pipeline" | "node" | "python"
  }
): Effect.fn.Return<Side<Flow.Sample> | undefined, BenchFailed, Scope.Scope> {
  if (through === "python" && !hasPython()) return undefined
  const channel = name.replaceAll(/[^a-zA-Z0-9]+/g, "-")
  const [from, to] = [`${channel}.from`, `${channel}.to`]
  yield* Worker.node("hop", { url, from, to, through })
  const [subscriber, publisher] = yield* Effect.all([
    Worker.node("subscribe", { url, size, channel: to }),
    Worker.node("publish", { url, size, channel: from, packed: false })
  ], { concurrency: 2 })
  const burst = Flow.side(name, { publisher, subscriber }).round(burstMillis(size))
  return {
    name,
    round: Effect.fnUntraced(function*(millis: number): Effect.fn.Return<Flow.Sample, BenchFailed> {
      const startedNanos = monotonicNanos()
      const bursts: Array<Flow.Sample> = []
      while (bursts.length === 0 || monotonicNanos() - startedNanos < millis * 1e6) bursts.push(yield* burst)
      const sum = (figure: (sample: Flow.Sample) => number) => bursts.reduce((all, one) => all + figure(one), 0)
      const [sent, received] = [sum((one) => one.sent), sum((one) => one.received)]
      return {
        sent,
        received,
        perSecond: received / sum((one) => one.received / one.perSecond),
        publisherMicros: sum((one) => one.publisherMicros * one.sent) / sent,
        subscriberMicros: sum((one) => one.subscriberMicros * one.received) / received
      }
    })
  }
})
