/**
 * How the platform is: asked of its REST API, again and again.
 */
import { Event, EventHistory, type OperatorViews } from "@kps/service-domain"
import { Api } from "@kps/service-domain/Api"
import { OperatorApi } from "@kps/service-domain/OperatorApi"
import { Clock, Console, Effect, Schedule, Schema } from "effect"
import type { Scope } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { LocalKps } from "./LocalKps.ts"
import * as Report from "./Report.ts"
import * as Watched from "./Watched.ts"

/** How often it is asked, and how often while something does not run. */
const askEvery = "1 second"
const askEveryInTrouble = "250 millis"

/** What is to run does not. */
export class PlatformFailed extends Schema.TaggedError<PlatformFailed>("demo/Platform/PlatformFailed")(
  "PlatformFailed",
  { problem: Schema.String }
) {
  override get message(): string {
    return `the streams do not start: ${this.problem}`
  }
}

export interface Platform {
  /** Whether streams and pipeline ran when it was last asked. */
  readonly streamsRunning: () => boolean
  /** When that was asked. */
  readonly askedAtMicros: () => number
  readonly streams: () => ReadonlyArray<Report.StreamView>
  readonly alerts: () => ReadonlyArray<Report.AlertView>
  /** Processes of the platform; a pid is undefined while there is none. */
  readonly broker: { readonly port: number; readonly pid: () => number | undefined }
  readonly connector: () => { readonly pid: number | undefined; readonly port: number | undefined }
  /** Whether the platform's broker takes connections, as a client of our own sees it. */
  readonly isConnected: () => boolean
  /** The largest message that it takes. */
  readonly maxPayloadBytes: number
  /** What the pipeline took and put out, when it was last asked. */
  readonly counted: () => { readonly received: number; readonly republished: number }
  /** Asks now. */
  readonly ask: Effect.Effect<void>
}

const isWell = ({ instances, pipelines }: OperatorViews.Overview) =>
  instances.length > 0 && pipelines.length > 0 &&
  instances.every(({ status, streams }) =>
    status === "RUNNING" && streams.every(({ subscribed }) => subscribed === true)
  ) &&
  pipelines.every(({ status }) => status === "RUNNING")

const problemOf = ({ instances, pipelines }: OperatorViews.Overview) =>
  [
    ...instances.map(({ cause, name, status }) => `${name} is ${status}${cause === undefined ? "" : ` (${cause})`}`),
    ...pipelines.map(({ cause, name, status }) => `${name} is ${status}${cause === undefined ? "" : ` (${cause})`}`)
  ].join(", ")

/** The id of the stream that an event is about; empty: it is about more than one. */
const streamIdOf = ({ path }: Event.Event) => /\/connectorStream:([^/]+)/.exec(path)?.[1] ?? ""

const nameOf = ({ properties }: Event.Event) => properties?.["name"] ?? ""

const viewsOf = (overview: OperatorViews.Overview, events: ReadonlyArray<Event.Event>) => {
  const known = overview.instances.flatMap(({ streams }) => streams)
  const newest = EventHistory.newest(events)
  const streams = known.map(({ id, name, subscribed }): Report.StreamView => ({
    id: name,
    running: subscribed,
    status: newest.find((event) => event.type === "STATUS" && streamIdOf(event) === id)?.properties?.["name"]
  }))
  // one that is cleared has the state HEALTHY
  const alerts = newest.filter(({ state, type }) => type === "ALERT" && state !== "HEALTHY").map(
    (event): Report.Alert => {
      const { message = "", properties, severity = "" } = event
      const error = properties?.["ErrorMessage"] ?? ""
      const streamId = streamIdOf(event)
      return {
        name: nameOf(event),
        streamId: known.find(({ id }) => id === streamId)?.name ?? streamId,
        severity,
        message: error === "" || message.includes(error) ? message : `${message}: ${error}`
      }
    }
  )
  return { streams, alerts }
}

const readPid = (folder: string): number | undefined => {
  const file = join(folder, "nats.pid")
  const pid = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0
  return pid > 0 ? pid : undefined
}

const clientsOf = ({ token, url }: LocalKps) => {
  const options = { baseUrl: url, transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(token)) }
  return Effect.all([HttpApiClient.make(Api, options), HttpApiClient.make(OperatorApi, options)]).pipe(
    Effect.provide(FetchHttpClient.layer)
  )
}

/**
 * Succeeds when all streams and the pipeline run, and asks for them and for events from then on. Streams that come or go,
 * alerts that are raised or cleared, and processes that are new are told on standard output.
 */
export const start = Effect.fnUntraced(function*(
  kps: LocalKps
): Effect.fn.Return<Platform, PlatformFailed, Scope.Scope> {
  const clock = yield* Clock.Clock
  const [{ events }, { operator }] = yield* clientsOf(kps)
  const overview = operator.overview({ query: {} })

  let last: OperatorViews.Overview | undefined
  const first = yield* overview.pipe(
    Effect.tap((now) => Effect.sync(() => last = now)),
    Effect.repeat({ schedule: Schedule.spaced("100 millis"), until: isWell }),
    Effect.mapError((cause) => new PlatformFailed({ problem: String(cause) })),
    Effect.timeoutOrElse({
      duration: "60 seconds",
      orElse: () => Effect.fail(new PlatformFailed({ problem: last === undefined ? "no answer" : problemOf(last) }))
    })
  )
  let now = first
  let askedAt = Number.NEGATIVE_INFINITY
  let streams: ReadonlyArray<Report.StreamView> = []
  let alerts: ReadonlyArray<Report.AlertView> = []
  let answered = true
  let told = ""
  const running = () => answered && isWell(now)
  const [instance] = first.instances
  const connector = () => {
    const { endpoint, pid } = now.instances[0] ?? {}
    return { pid, port: endpoint === undefined ? undefined : Number(endpoint.split(":").at(-1)) }
  }

  const see = (nowStreams: ReadonlyArray<Report.StreamView>, nowAlerts: ReadonlyArray<Report.AlertView>) => {
    const changes = [...Report.streamChanges(streams, nowStreams), ...Report.alertChanges(alerts, nowAlerts)]
    streams = nowStreams
    alerts = nowAlerts
    return Effect.forEach(changes, (line) => Console.log(line), { discard: true })
  }
  const tellConnector = Effect.suspend(() => {
    const { pid, port } = connector()
    const line = pid === undefined || port === undefined ? "" : `connector: pid ${pid}, port ${port}`
    if (line === told) return Effect.void
    const before = told
    told = line
    if (line === "") return Console.log("connector: ended, started again soon")
    return Effect.andThen(
      Console.log(line),
      before === ""
        ? Console.log(
          `what its streams promise: npm run kps -- explain guarantees --endpoint 127.0.0.1:${port} --connector-id ${instance?.id}`
        )
        : Effect.void
    )
  })

  const ask = Effect.gen(function*() {
    const at = Number(clock.monotonicTimeNanosUnsafe() / 1_000n)
    const path = `/serviceDomain:${first.serviceDomain.id}`
    const [found, happened] = yield* Effect.all([
      overview,
      events.query({ query: { pageSize: 1_000 }, payload: { path } })
    ], { concurrency: 2 })
    now = found
    askedAt = at
    answered = true
    yield* tellConnector
    const { alerts: standing, streams } = viewsOf(found, happened)
    yield* see(streams, Report.standing(alerts, standing, at))
  }).pipe(
    // it is asked again soon; until then nothing is known of its streams
    Effect.catch((error) => {
      const wasAnswered = answered
      answered = false
      return Effect.andThen(
        wasAnswered ? Console.log(`the platform does not answer: ${String(error)}`) : Effect.void,
        see(streams.map(({ id }) => ({ id, running: undefined, status: undefined })), alerts)
      )
    })
  )

  const brokerPort = Number(new URL(first.broker.url).port)
  const { url } = first.broker
  const { isConnected, maxPayloadBytes } = yield* Watched.make(
    { url, name: "demo-watch" },
    (cause) => new PlatformFailed({ problem: `cannot connect to ${url}: ${String(cause)}` })
  )
  let brokerPid: number | undefined
  const tellBroker = Effect.suspend(() => {
    const pid = isConnected() ? readPid(kps.brokerFolder) : undefined
    if (pid === brokerPid) return Effect.void
    brokerPid = pid
    return Console.log(
      pid === undefined
        ? "platform nats-server: ended, started again soon"
        : `platform nats-server: pid ${pid}, port ${brokerPort}`
    )
  })
  yield* tellBroker
  yield* tellBroker.pipe(Effect.andThen(Effect.sleep("100 millis")), Effect.forever, Effect.forkScoped)
  yield* ask
  yield* Effect.suspend(() => Effect.sleep(running() ? askEvery : askEveryInTrouble)).pipe(
    Effect.andThen(ask),
    Effect.forever,
    Effect.forkScoped
  )
  return {
    streamsRunning: running,
    askedAtMicros: () => askedAt,
    streams: () => streams,
    alerts: () => alerts,
    broker: { port: brokerPort, pid: () => brokerPid },
    connector,
    isConnected,
    maxPayloadBytes,
    counted: () => {
      const counters = now.pipelines[0]?.counters
      return { received: counters?.received ?? 0, republished: counters?.published ?? 0 }
    },
    ask
  }
})
