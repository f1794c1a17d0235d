/** JetStream: what is stored and confirmed, and what is consumed and acknowledged, over nats.go and the JavaScript client. */
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Effect, Schema } from "effect"
import { BenchFailed } from "../engine/BenchFailed.ts"
import * as Compare from "../engine/Compare.ts"
import * as Flow from "../engine/Flow.ts"
import * as NatsSide from "../engine/NatsSide.ts"
import * as Plan from "../engine/Plan.ts"
import type { Case, Row } from "../engine/Row.ts"
import * as Worker from "../engine/Worker.ts"

const Sample = Schema.Struct({ count: Schema.Int, nanos: Schema.Finite, cpuMicros: Schema.Finite })
type Sample = typeof Sample.Type

const perSecond = ({ count, nanos }: Sample): number => count / nanos * 1e9

const size = 1024
/** The same for all: messages on their way, and how much a stream keeps. */
const window = 4096
const maxBytes = 134_217_728

const plainGo = "nats.go async, plain"
const ours = "ours"

/** A stream for each side, made as ours are. */
const stream = (url: string, name: string): Effect.Effect<void, BenchFailed> =>
  Effect.tryPromise({
    try: async () => {
      const client = await connect({ servers: url })
      const manager = await jetstreamManager(client)
      await manager.streams.add({ name: `KPS_${name}`, subjects: [name], max_bytes: maxBytes })
      await client.close()
    },
    catch: (cause) => new BenchFailed({ problem: `no stream for ${name}: ${String(cause)}` })
  })

const sideOf = (
  name: string,
  worker: Worker.Worker | undefined,
  ask: (worker: Worker.Worker, millis: number) => Effect.Effect<Sample, BenchFailed>
): Compare.Side<Sample> | undefined =>
  worker === undefined ? undefined : { name, round: (millis) => ask(worker, millis) }

const publishing: Case = {
  name: "publish",
  run: Effect.gen(function*() {
    const { url } = yield* NatsSide.server({ jetstream: true })
    let channels = 0
    const publisher = Effect.fnUntraced(function*(name: string, from: "node" | "go", role: string, more: object = {}) {
      const channel = `publish${++channels}`
      yield* stream(url, channel)
      const parameters = { url, channel, size, window, ...more }
      const worker = from === "node"
        ? yield* Worker.node(role, parameters)
        : yield* Worker.go("latest", role, parameters, { NATS_BROKER: url })
      return sideOf(name, worker, (worker, millis) => worker.ask({ do: "publish", millis }, Sample))
    })
    const samples = yield* Compare.interleave([
      yield* publisher(ours, "node", "publishStored", { maxBytes, ordering: "strict" }),
      yield* publisher(plainGo, "go", "publishStored"),
      yield* publisher("nats.go again", "go", "publishStored"),
      yield* publisher("ours, unordered", "node", "publishStored", { maxBytes, ordering: "none" }),
      yield* publisher("JavaScript client", "node", "plainPublishStored"),
      yield* publisher("JavaScript client again", "node", "plainPublishStored")
    ], { rounds: 5, roundMillis: 1000 })
    const over = (against: string, control: string, atLeast: number, notes: ReadonlyArray<string> = []) =>
      Compare.line(samples, {
        what: `1 KiB, stored and confirmed, messages/s, over ${against}`,
        goal: { atLeast },
        figure: perSecond,
        against,
        control,
        format: Flow.perSecond,
        notes
      })
    return {
      lines: [
        over(plainGo, "nats.go again", 0.95, [
          "ours has ids, keeps its order through refusals and stores repeats once; the others send the payload alone"
        ]),
        over("JavaScript client", "JavaScript client again", 3.5)
      ]
    }
  })
}

const consuming: Case = {
  name: "consume",
  run: Effect.gen(function*() {
    const { quick } = yield* Plan.current
    const count = quick ? 2000 : 60_000
    const { url } = yield* NatsSide.server({ jetstream: true })
    const channel = "consume"
    yield* stream(url, channel)
    const parameters = { url, channel, size, stream: `KPS_${channel}` }
    const first = yield* Worker.node("consume", { ...parameters, exclusive: false })
    const ordered = yield* Worker.node("consume", { ...parameters, exclusive: true })
    const go = Worker.go("latest", "consume", parameters, { NATS_BROKER: url })
    yield* first.ask({ do: "fill", count }, Schema.Struct({}))
    const ask = (worker: Worker.Worker) => worker.ask({ do: "consume", count }, Sample)
    const samples = yield* Compare.interleave([
      sideOf(ours, first, ask),
      sideOf("nats.go pull", yield* go, ask),
      sideOf("nats.go again", yield* go, ask),
      sideOf("ours, exclusive", ordered, ask)
    ], { rounds: 5 })
    return {
      lines: [Compare.line(samples, {
        what: "1 KiB, consumed and acknowledged, messages/s, over nats.go's pull consumer",
        goal: { atLeast: 0.95 },
        figure: perSecond,
        against: "nats.go pull",
        control: "nats.go again",
        format: Flow.perSecond
      })]
    }
  })
}

export const P7: Row = {
  name: "P7",
  what: "JetStream: confirmed publishing with order, and consuming with acknowledgements",
  cases: [publishing, consuming]
}
