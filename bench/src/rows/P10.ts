/** Start-up and memory of the connector that is shipped. */
import { ConnectorClient } from "@kps/client"
import { StreamDirection } from "@kps/idl"
import { Effect } from "effect"
import { BenchFailed } from "../engine/BenchFailed.ts"
import * as Compare from "../engine/Compare.ts"
import * as NatsSide from "../engine/NatsSide.ts"
import * as Plan from "../engine/Plan.ts"
import type { Case, Row } from "../engine/Row.ts"
import * as Shipped from "../engine/Shipped.ts"
import * as Statistics from "../engine/Statistics.ts"

interface Sample {
  readonly millis: number
  readonly mib: number
}

const startUp: Case = {
  name: "start and memory",
  run: Effect.gen(function*() {
    const { url } = yield* NatsSide.server()
    const ours = Effect.scoped(Effect.gen(function*() {
      const started = yield* Shipped.start(url)
      // what is left to do when it is ready
      yield* Effect.sleep("200 millis")
      return { millis: started.millis, mib: Shipped.residentMib(started.child.pid) }
    }))
    const samples = yield* Compare.interleave<Sample>([
      { name: "ours", round: () => ours },
      { name: "node -e 0", round: () => Shipped.bare },
      { name: "node -e 0 again", round: () => Shipped.bare }
    ], { rounds: 9 })
    const line = (what: string, atMost: number, figure: (sample: Sample) => number, unit: string) =>
      Compare.line(samples, {
        what,
        goal: { atMost },
        figure,
        against: "node -e 0",
        control: "node -e 0 again",
        format: (value) => `${value.toFixed(0)} ${unit}`
      })
    return {
      lines: [
        line("nats-connector as it is bundled, start to ready, over node -e 0", 8, ({ millis }) => millis, "ms"),
        line("RSS when it is ready, over node -e 0", 2, ({ mib }) => mib, "MiB")
      ]
    }
  })
}

const churn: Case = {
  name: "streams that come and go",
  run: Effect.gen(function*() {
    const { quick } = yield* Plan.current
    const cycles = quick ? 10 : 1_000
    const { url } = yield* NatsSide.server()
    const connector = yield* Shipped.start(url, { probed: true })
    const stream = (id: string) => ({
      id,
      direction: StreamDirection.INGRESS,
      transportChannel: `bench.${id}`,
      metadata: { subject: `outside.${id}`, broker: url }
    })
    const heaps = yield* Effect.gen(function*() {
      const client = yield* ConnectorClient.ConnectorClient
      const turn = Effect.fnUntraced(function*(times: number) {
        for (let i = 0; i < times; i++) {
          // ten ids in turns, as they come and go in a platform
          yield* client.setStreams([stream(`s-${i % 10}`)])
          yield* client.setPayload([])
        }
        return yield* Shipped.heapMib(connector)
      })
      // what is made once, such as optimised code, is all there after about 600 of them
      return [yield* turn(quick ? 10 : 600), yield* turn(cycles)] as const
    }).pipe(
      Effect.provide(
        ConnectorClient.layer({ endpoint: `127.0.0.1:${connector.port}`, connectorId: Shipped.connectorId })
      ),
      Effect.mapError((error) => error instanceof BenchFailed ? error : new BenchFailed({ problem: error.message }))
    )
    return {
      lines: [{
        what: `heap after ${cycles.toLocaleString("en")} times adding and removing a stream, growth`,
        goal: { atMost: 0.5, unit: "MiB" },
        figure: Statistics.summary([heaps[1] - heaps[0]]),
        control: undefined,
        note: `${heaps[0].toFixed(2)} MiB before, ${heaps[1].toFixed(2)} MiB after, each after a collection`
      }]
    }
  })
}

export const P10: Row = {
  name: "P10",
  what: "the bundled connector: start, memory, and what streams leave behind",
  cases: [startUp, churn]
}
