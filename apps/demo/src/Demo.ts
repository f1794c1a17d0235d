/**
 * The main job: brokers, the connector, the platform's part, and messages through all of it.
 */
import { ConnectorClient } from "@kps/client"
import { NatsTransport } from "@kps/transport"
import { Clock, Console, Effect, Layer, Ref } from "effect"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as ConnectorProcess from "./ConnectorProcess.ts"
import * as Envelope from "./Envelope.ts"
import { Gate } from "./Gate.ts"
import * as Guard from "./Guard.ts"
import * as Load from "./Load.ts"
import * as NatsServer from "./NatsServer.ts"
import { describe, type Options } from "./Options.ts"
import * as Outside from "./Outside.ts"
import * as Pipeline from "./Pipeline.ts"
import * as Platform from "./Platform.ts"
import * as Report from "./Report.ts"
import { Signals } from "./Signals.ts"
import * as Source from "./Source.ts"
import { Traffic } from "./Traffic.ts"

/** How often a status line is shown. */
const statusEvery = "2 seconds"

/** How long messages under way are waited for when the demo is told to end. */
const stopPatience = "5 seconds"

/** What a frame of the transport adds to its payload at most: tags, a length, a timestamp. */
const frameOverheadBytes = 32

/** All that runs, and the way the messages take. */
interface Running {
  readonly connector: ConnectorProcess.ConnectorProcess
  readonly pipeline: Pipeline.Pipeline
  readonly route: Load.Route
  readonly maxLineBytes: number
  readonly snapshot: Effect.Effect<Report.Snapshot>
}

const nowMicros = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000n))

const start = Effect.fnUntraced(function*(traffic: Traffic) {
  const command = yield* NatsServer.findBinary
  const folder = mkdtempSync(join(tmpdir(), "kps-demo-"))
  yield* Console.log(`logs: ${folder}`)
  const [platformServer, outsideServer] = yield* Effect.all([
    NatsServer.start({ name: "platform nats-server", folder, command, tell: Console.log }),
    NatsServer.start({ name: "outside nats-server", folder, command, tell: Console.log })
  ], { concurrency: 2 })
  const [connector, pipeline, outside] = yield* Effect.all([
    ConnectorProcess.start({ folder, brokerUrl: platformServer.url }),
    Layer.build(NatsTransport.layer({ servers: [platformServer.url], name: "demo-pipeline" })).pipe(
      Effect.flatMap((context) => Effect.provide(Pipeline.start, context))
    ),
    Outside.make(outsideServer.url, (data, atMicros) => traffic.receive(data, atMicros))
  ], { concurrency: 3 })
  const client = yield* Layer.build(ConnectorClient.layer({
    endpoint: `127.0.0.1:${connector.port}`,
    connectorId: ConnectorProcess.connectorId
  }))
  const platform = yield* Platform.start({ outsideUrl: outsideServer.url }).pipe(
    Effect.provide(client),
    Effect.raceFirst(connector.watch)
  )
  const platformUp = () => platformServer.isRunning() && pipeline.isConnected()
  const outsideUp = () => outsideServer.isRunning() && outside.isConnected()
  const maxBytes = Math.min(outside.maxPayloadBytes, pipeline.maxFrameBytes() - frameOverheadBytes)
  const running: Running = {
    connector,
    pipeline,
    route: {
      traffic,
      gate: new Gate({
        brokersConnected: () => platformUp() && outsideUp(),
        streamsRunning: platform.streamsRunning,
        askedAtMicros: platform.askedAtMicros
      }),
      publish: outside.publish
    },
    maxLineBytes: maxBytes - Envelope.maxOverheadBytes,
    snapshot: Effect.map(nowMicros, (atMicros) => ({
      atMicros,
      counts: traffic.ledger.counts,
      latency: traffic.recentLatency,
      brokers: [{ name: "platform", up: platformUp() }, { name: "outside", up: outsideUp() }],
      streams: platform.streams(),
      alerts: platform.alerts()
    }))
  }
  return running
})

/** Shows a line every two seconds, for ever. */
const showStatus = Effect.fnUntraced(function*({ route, snapshot }: Running) {
  const first = yield* snapshot
  let before = first
  return yield* Effect.forever(
    Effect.andThen(
      Effect.sleep(statusEvery),
      Effect.flatMap(snapshot, (now) => {
        const line = Report.statusLine(before, now, first.atMicros)
        route.traffic.recentLatency.reset()
        before = now
        return Console.log(line)
      })
    )
  )
})

const isEndless = ({ input, once }: Options): boolean => once === undefined && input._tag === "Generated"

/** Sends until all is sent or the demo is told to end, and waits for what is under way. True: it was told to end. */
const carry = Effect.fnUntraced(function*(options: Options, running: Running) {
  const signals = yield* Signals
  const { maxLineBytes, route } = running
  yield* Console.log(`${describe(options)}${isEndless(options) ? "; Ctrl-C ends it" : ""}`)
  yield* Effect.forkScoped(showStatus(running))
  yield* Effect.forkScoped(Load.settle(route))
  const stopped = yield* Load.send(Source.items(options.input, maxLineBytes), route, options).pipe(
    Effect.as(false),
    Effect.raceFirst(
      Effect.flatMap(signals.stop, (signal) => Effect.as(Console.log(`${signal}: waits for what is under way`), true))
    ),
    // an input that breaks in the middle: what was sent before counts
    Effect.tapError(() => Load.drain(route))
  )
  const patience = Effect.sleep(stopPatience)
  yield* Load.drain(route).pipe(
    Effect.raceFirst(stopped ? patience : Effect.andThen(signals.stop, patience)),
    Effect.raceFirst(signals.hurry)
  )
  return stopped
})

/**
 * Runs the demo; succeeds with the exit status. It has shown what happened, and ended all it started, by then.
 *
 * **Details**
 *
 * 0: all that was sent came out once, or it ran without an end and was told to stop. 1: something was lost, doubled,
 * damaged or not sent, or the demo could not start or go on.
 */
export const run = Effect.fn("Demo.run")(function*(options: Options): Effect.fn.Return<number, never, Signals> {
  const signals = yield* Signals
  const traffic = new Traffic()
  const started = yield* Ref.make<{ readonly running: Running; readonly atMicros: number } | undefined>(undefined)

  const session = Effect.gen(function*() {
    const running = yield* Effect.raceFirst(start(traffic), Effect.as(signals.stop, undefined))
    if (running === undefined) return true
    yield* Ref.set(started, { running, atMicros: yield* nowMicros })
    return yield* Effect.raceFirst(carry(options, running), running.connector.watch)
  })
  const result = yield* session.pipe(Effect.scoped, Effect.provide(Guard.layer), Effect.result)

  traffic.ledger.settle(Number.POSITIVE_INFINITY)
  if (result._tag === "Failure") yield* Console.error(`demo: ${result.failure.message}`)
  const before = yield* Ref.get(started)
  if (before === undefined) return result._tag === "Failure" ? 1 : 0
  const seconds = ((yield* nowMicros) - before.atMicros) / 1e6
  const { maxLineBytes, pipeline } = before.running
  const counted = { received: pipeline.received(), republished: pipeline.republished() }
  for (const line of Report.summary(traffic, { seconds, pipeline: counted, maxLineBytes })) yield* Console.log(line)
  if (result._tag === "Failure") return 1
  return Report.isComplete(traffic) || (isEndless(options) && result.success) ? 0 : 1
})
