/**
 * The main job: an outside broker, `kps up` of the samples, and messages through all of it.
 */
import { Cause, Clock, Console, Effect, Exit } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Crash from "./Crash.ts"
import * as Envelope from "./Envelope.ts"
import { Gate } from "./Gate.ts"
import * as Guard from "./Guard.ts"
import * as Journal from "./Journal.ts"
import * as LiveView from "./LiveView.ts"
import * as Load from "./Load.ts"
import * as LocalKps from "./LocalKps.ts"
import * as NatsServer from "./NatsServer.ts"
import { describe, type Options, type Transport } from "./Options.ts"
import * as Outside from "./Outside.ts"
import * as Platform from "./Platform.ts"
import * as Report from "./Report.ts"
import * as Screen from "./Screen.ts"
import { Signals } from "./Signals.ts"
import * as Source from "./Source.ts"
import * as StoredOutside from "./StoredOutside.ts"
import { Traffic } from "./Traffic.ts"
import type * as View from "./View.ts"

/** How often a status line is shown. */
const statusEvery = "2 seconds"

/** How long messages under way are waited for when the demo is told to end. */
const stopPatience = "5 seconds"

/** What a frame of the transport adds to its payload at most: tags, a length, a timestamp. */
const frameOverheadBytes = 32

/** All that runs, and the way the messages take. */
interface Running {
  readonly kps: LocalKps.LocalKps
  readonly platform: Platform.Platform
  readonly route: Load.Route
  readonly maxLineBytes: number
  readonly sending: Outside.Outside["sending"]
  readonly snapshot: Effect.Effect<Report.Snapshot>
  readonly processes: () => ReadonlyArray<View.ProcessView>
}

const nowMicros = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000n))

const start = Effect.fnUntraced(function*(traffic: Traffic, transport: Transport, command: string, folder: string) {
  const jetstream = transport === "jetstream"
  const outsideServer = yield* NatsServer.start({
    name: "outside nats-server",
    folder,
    command,
    jetstream,
    tell: Console.log
  })
  const outside = yield* (jetstream ? StoredOutside.make : Outside.make)(
    outsideServer.url,
    (data, atMicros) => traffic.receive(data, atMicros)
  )
  const kps = yield* LocalKps.start({ folder, outsideUrl: outsideServer.url, transport })
  const platform = yield* Effect.raceFirst(Platform.start(kps), kps.watch)
  const platformUp = () => platform.isConnected()
  const outsideUp = () => outsideServer.pid() !== undefined && outside.isConnected()
  const maxBytes = Math.min(outside.maxPayloadBytes, platform.maxPayloadBytes - frameOverheadBytes)
  const running: Running = {
    kps,
    platform,
    route: {
      traffic,
      gate: new Gate({
        brokersConnected: () => platformUp() && outsideUp(),
        streamsRunning: platform.streamsRunning,
        askedAtMicros: platform.askedAtMicros
      }),
      publish: outside.publish,
      // what is sent while the others are away is stored, and comes when they are back
      ...jetstream ? { isSendable: outside.isConnected, patienceMicros: Load.storedPatienceMicros } : {}
    },
    maxLineBytes: maxBytes - Envelope.maxOverheadBytes,
    sending: outside.sending,
    snapshot: Effect.map(nowMicros, (atMicros) => ({
      atMicros,
      counts: traffic.ledger.counts,
      latency: traffic.recentLatency,
      brokers: [{ name: "platform", up: platformUp() }, { name: "outside", up: outsideUp() }],
      streams: platform.streams(),
      alerts: platform.alerts()
    })),
    processes: () => {
      const connector = platform.connector()
      return [
        { name: "kps", up: true, pid: kps.pid, port: Number(new URL(kps.url).port) },
        { name: "platform broker", up: platformUp(), pid: platform.broker.pid(), port: platform.broker.port },
        { name: "outside broker", up: outsideUp(), pid: outsideServer.pid(), port: outsideServer.port },
        { name: "connector", up: connector.pid !== undefined, pid: connector.pid, port: connector.port ?? 0 }
      ]
    }
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
const carry = Effect.fnUntraced(function*(options: Options, { maxLineBytes, platform, route }: Running) {
  const signals = yield* Signals
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
  // for the summary
  yield* Effect.timeoutOption(platform.ask, "2 seconds")
  return stopped
})

/** The same, and shows meanwhile how it goes. */
const carryAndShow = Effect.fnUntraced(function*(options: Options, running: Running) {
  const doing = describe(options)
  yield* Console.log(`${doing}${isEndless(options) ? "; Ctrl-C ends it" : ""}`)
  const isLive = yield* Screen.isWanted(options, Screen.device)
  const show = isLive
    ? LiveView.show({ doing, traffic: running.route.traffic, snapshot: running.snapshot, processes: running.processes })
    : showStatus(running)
  return yield* Effect.raceFirst(carry(options, running), show)
})

const remove = (folder: string): Effect.Effect<void> =>
  Effect.ignore(Effect.try({ try: () => rmSync(folder, { recursive: true, force: true }), catch: () => undefined }))

const messageOf = (cause: Cause.Cause<{ readonly message: string }>): string => {
  const error = Cause.findErrorOption(cause)
  return error._tag === "Some" ? error.value.message : Cause.pretty(cause)
}

/**
 * Runs the demo; succeeds with the exit status. It has shown what happened, and ended all it started, by then.
 *
 * **Details**
 *
 * 0: all that was sent came out once, or it ran without an end and was told to stop. 1: something was lost, doubled,
 * damaged or not sent, or the demo could not start or go on. The logs are kept then, and deleted after a 0.
 */
export const run = Effect.fn("Demo.run")(function*(options: Options): Effect.fn.Return<number, never, Signals> {
  const signals = yield* Signals
  const traffic = new Traffic()
  let folder: string | undefined
  let started: { readonly running: Running; readonly atMicros: number } | undefined

  const session = Effect.gen(function*() {
    const command = yield* NatsServer.findBinary
    folder = mkdtempSync(join(tmpdir(), "kps-demo-"))
    yield* Console.log(`logs: ${folder}`)
    const running = yield* Effect.raceFirst(
      start(traffic, options.transport, command, folder),
      Effect.as(signals.stop, undefined)
    )
    if (running === undefined) return true
    started = { running, atMicros: yield* nowMicros }
    return yield* Effect.raceFirst(carryAndShow(options, running), running.kps.watch)
  })
  const result = yield* session.pipe(
    Effect.raceFirst(Crash.watch),
    Effect.scoped,
    Effect.provide([Guard.layer, Journal.layer]),
    Effect.exit
  )

  traffic.ledger.settle(Number.POSITIVE_INFINITY)
  const isWell = Exit.isSuccess(result) &&
    (started === undefined || Report.isComplete(traffic) || (isEndless(options) && result.value))
  if (Exit.isFailure(result)) yield* Console.error(`demo: ${messageOf(result.cause)}`)
  if (folder !== undefined) yield* isWell ? remove(folder) : Console.log(`the logs are kept in ${folder}`)
  if (started !== undefined) {
    const seconds = ((yield* nowMicros) - started.atMicros) / 1e6
    const { maxLineBytes, platform, sending } = started.running
    for (const line of Report.summary(traffic, { seconds, pipeline: platform.counted(), maxLineBytes, sending })) {
      yield* Console.log(line)
    }
  }
  return isWell ? 0 : 1
})
