/**
 * The platform's part: says what the connector should run, and asks it how it is.
 */
import { ConnectorClient } from "@kps/client"
import { type EventPayload, Severity, State, StreamDirection } from "@kps/idl"
import { Clock, Console, Effect, Schedule, Schema } from "effect"
import type { Scope } from "effect"
import type { Transport } from "./Options.ts"
import { subjectIn, subjectOut } from "./Outside.ts"
import { egressChannel, ingressChannel } from "./Pipeline.ts"
import * as Report from "./Report.ts"

/** The stream of the documentation and its twin for the way back. */
export const streamIds = ["natsconnectorstream-in", "natsconnectorstream-out"] as const

/** How often the connector is asked, and how often while a stream does not run. */
const askEvery = "1 second"
const askEveryInTrouble = "250 millis"

/** The connector does not run what it was asked to. */
export class PlatformFailed extends Schema.TaggedError<PlatformFailed>("demo/Platform/PlatformFailed")(
  "PlatformFailed",
  { cause: Schema.Defect() }
) {
  override get message(): string {
    return `the streams do not start: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

export interface Platform {
  /** Whether all streams ran when the connector was last asked. */
  readonly streamsRunning: () => boolean
  /** When that was asked. */
  readonly askedAtMicros: () => number
  readonly streams: () => ReadonlyArray<Report.StreamView>
  readonly alerts: () => ReadonlyArray<Report.AlertView>
}

const wanted = (
  outsideUrl: string,
  transport: Transport
): Parameters<ConnectorClient.ConnectorClient["Service"]["setPayload"]>[0] => {
  const stream = (
    id: string,
    direction: StreamDirection,
    transportChannel: string,
    subject: string,
    jetstream: Readonly<Record<string, string>>
  ) => ({
    object: {
      case: "stream",
      value: {
        id,
        direction,
        transportChannel,
        metadata: { subject, broker: outsideUrl, ...transport === "jetstream" ? { jetstream: { ...jetstream } } : {} }
      }
    }
  } as const)
  return [
    { object: { case: "config", value: { metadata: { log_level: "INFO" } } } },
    stream(streamIds[0], StreamDirection.INGRESS, ingressChannel, subjectIn, { read: "resumable" }),
    stream(streamIds[1], StreamDirection.EGRESS, egressChannel, subjectOut, {})
  ]
}

const severityNames: Readonly<Record<number, string>> = {
  [Severity.INFO]: "INFO",
  [Severity.WARNING]: "WARNING",
  [Severity.CRITICAL]: "CRITICAL"
}

/** Alerts that are not cleared; a cleared one is shown for a while with the state HEALTHY. */
const alertsOf = (events: ReadonlyArray<EventPayload>): ReadonlyArray<Report.Alert> =>
  events.flatMap(({ object }) => {
    if (object.case !== "alert" || object.value.state === State.HEALTHY) return []
    const { id, message, metadata, severity, streamId } = object.value
    const error = metadata?.["ErrorMessage"]
    return [{
      name: id,
      streamId,
      severity: severityNames[severity] ?? `severity ${severity}`,
      message: typeof error === "string" && error !== "" ? `${message}: ${error}` : message
    }]
  })

const statusesOf = (events: ReadonlyArray<EventPayload>, streamId: string): string | undefined => {
  const names = events.flatMap(({ object }) =>
    object.case === "status" && object.value.streamId === streamId ? [object.value.id] : []
  )
  return names.length === 0 ? undefined : names.join(", ")
}

/**
 * Sets config and streams, succeeds when all of them run, and asks the connector for streams and events from then on.
 * Streams that come or go and alerts that are raised or cleared are told on standard output.
 */
export const start = Effect.fnUntraced(function*(
  options: { readonly outsideUrl: string; readonly transport: Transport }
): Effect.fn.Return<Platform, PlatformFailed, ConnectorClient.ConnectorClient | Scope.Scope> {
  const client = yield* ConnectorClient.ConnectorClient
  const clock = yield* Clock.Clock
  let askedAt = Number.NEGATIVE_INFINITY
  let streams: ReadonlyArray<Report.StreamView> = streamIds.map((id) => ({
    id,
    running: undefined,
    status: undefined
  }))
  let alerts: ReadonlyArray<Report.AlertView> = []
  let answered = true
  const running = () => streams.every((stream) => stream.running === true)

  const see = (now: ReadonlyArray<Report.StreamView>, nowAlerts: ReadonlyArray<Report.AlertView>) => {
    const changes = [...Report.streamChanges(streams, now), ...Report.alertChanges(alerts, nowAlerts)]
    streams = now
    alerts = nowAlerts
    return Effect.forEach(changes, (line) => Console.log(line), { discard: true })
  }

  const ask = Effect.gen(function*() {
    const at = Number(clock.monotonicTimeNanosUnsafe() / 1_000n)
    const [present, events] = yield* Effect.all([client.getStreams, client.getEvents], { concurrency: 2 })
    const subscribed = new Set(present.filter((stream) => stream.subscribed).map(({ id }) => id))
    askedAt = at
    answered = true
    yield* see(
      streamIds.map((id) => ({ id, running: subscribed.has(id), status: statusesOf(events, id) })),
      Report.standing(alerts, alertsOf(events), at)
    )
  }).pipe(
    // it is asked again soon; until then nothing is known of its streams
    Effect.catch((error) => {
      const first = answered
      answered = false
      return Effect.andThen(
        first ? Console.log(`the connector does not answer: ${error.message}`) : Effect.void,
        see(streamIds.map((id) => ({ id, running: undefined, status: undefined })), alerts)
      )
    })
  )

  yield* client.setPayload(wanted(options.outsideUrl, options.transport)).pipe(
    Effect.retry({
      schedule: Schedule.spaced("250 millis").pipe(Schedule.upTo({ duration: "20 seconds" })),
      while: (error) => error.isRetryable
    }),
    Effect.mapError((cause) => new PlatformFailed({ cause }))
  )
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
    alerts: () => alerts
  }
})
