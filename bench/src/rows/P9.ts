/** Memory with a consumer that is a hundred times too slow, and where every payload went. */
import { Effect, Schema } from "effect"
import { BenchFailed } from "../engine/BenchFailed.ts"
import * as Memory from "../engine/Memory.ts"
import * as NatsSide from "../engine/NatsSide.ts"
import * as Plan from "../engine/Plan.ts"
import type { Line, Point, Row } from "../engine/Row.ts"

const Published = Schema.Struct({
  sent: Schema.Int,
  seconds: Schema.Finite,
  uncertain: Schema.Int,
  ...Memory.Memory.fields
})

const Taken = Schema.Struct({ taken: Schema.Int })

const Received = Schema.Struct({
  taken: Schema.Int,
  dropped: Schema.Int,
  unread: Schema.Int,
  disconnects: Schema.Int,
  ...Memory.Memory.fields
})

const size = 256
const perSecond = 100_000
const timesSlower = 100

const account = (published: typeof Published.Type, received: typeof Received.Type): string | undefined => {
  const missing = published.sent - received.taken - received.dropped - received.unread
  // what is uncertain may have arrived or not
  return missing < 0 || missing > published.uncertain
    ? `${missing} payloads of ${published.sent} not accounted for`
    : undefined
}

const line = (end: string, memory: Memory.Memory, fault: string | undefined, note: string): Line => {
  const growth = Memory.growthMib(memory)
  return {
    what: `RSS growth of the ${end} process, a producer ${timesSlower}x faster than its consumer`,
    goal: { atMost: 64, unit: "MiB" },
    figure: { median: growth, low: growth, high: growth },
    control: undefined,
    fault,
    note
  }
}

const points = (series: string, { samples }: Memory.Memory, startNanos: number): ReadonlyArray<Point> =>
  samples.map(([nanos, bytes]) => ({ plot: "memory", series, x: (nanos - startNanos) / 1e9, y: Memory.mib(bytes) }))

export const P9: Row = {
  name: "P9",
  what: "memory with a producer 100x faster than its consumer, and what became of each payload",
  cases: [{
    name: "soak",
    run: Effect.gen(function*() {
      const { quick } = yield* Plan.current
      const { url } = yield* NatsSide.server()
      const ends = yield* NatsSide.ends("soak", {
        url,
        size,
        publisher: NatsSide.node("soakPublish", { perSecond }),
        subscriber: NatsSide.node("soakSubscribe", { perSecond: perSecond / timesSlower })
      })
      if (ends === undefined) return yield* new BenchFailed({ problem: "both ends are ours, and not there" })
      const published = yield* ends.publisher.ask({ do: "publish", millis: quick ? 2000 : 60_000 }, Published)
      const { taken } = yield* ends.subscriber.ask({ do: "taken" }, Taken)
      const received = yield* ends.subscriber.ask({ do: "await", count: published.sent }, Received)
      const { disconnects, dropped, unread } = received
      const fault = account(published, received)
      const note = `${published.sent} sent in ${published.seconds.toFixed(1)} s, ${taken} taken meanwhile; in the end ${
        [
          `${received.taken} taken`,
          `${dropped} dropped and counted`,
          `${unread} unread`,
          `${published.uncertain} uncertain`,
          `${disconnects} disconnects`
        ].join(", ")
      }`
      const start = published.samples[0]![0]
      return {
        lines: [line("consumer", received, fault, note), line("producer", published, fault, note)],
        points: [...points("consumer", received, start), ...points("producer", published, start)]
      }
    })
  }]
}
