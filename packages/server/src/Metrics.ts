/**
 * The numbers of the connectors in this process as Effect metrics, read when somebody asks for them.
 *
 * Nothing here runs while data flows: the streams and the transport count for themselves, and the registry reads those
 * counts whenever an exporter (`MetricsServer`, `Telemetry`) takes a snapshot of it.
 *
 * @since 0.1.0
 */
import type { Transport } from "@kps/transport"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import { type Insight, Insights } from "./Insight.ts"
import type { StreamReading, StreamState, StreamStats } from "./StreamSpec.ts"

type Series = Metric.MetricRegistry extends Map<string, infer A> ? A : never

type Labels = Metric.Metric.AttributeSet

/**
 * One metric: its name, what it means and its kind.
 *
 * @category models
 * @since 0.1.0
 */
export interface Family {
  readonly name: string
  /** With its unit. */
  readonly help: string
  readonly type: "Counter" | "Gauge"
}

const counter = (name: string, help: string): Family => ({ name, help, type: "Counter" })
const gauge = (name: string, help: string): Family => ({ name, help, type: "Gauge" })

const ignored = () => {}

const series = ({ help, name, type }: Family, value: number, attributes: Labels): Series => ({
  id: name,
  type,
  description: help,
  attributes,
  hooks: {
    get: () => type === "Counter" ? { count: value, incremental: true } : { value },
    update: ignored,
    modify: ignored
  }
})

const connectorInfo = gauge(
  "kps_connector_info",
  "Always 1. The connector instance, its class and its version, and how its channels go: core or jetstream."
)
const connectorServing = gauge(
  "kps_connector_serving",
  "1 while the connector takes calls, 0 before the platform's broker was reached once and while it drains."
)

const state = gauge("kps_stream_state", "1 for the state that the stream is in, 0 for the others.")
const inFlight = gauge(
  "kps_stream_in_flight_messages",
  "Messages that were taken, from outside or from the channel, and are not done with."
)

const states: ReadonlyArray<StreamState["_tag"]> = ["Starting", "Running", "Retrying", "Halted", "Done", "Standby"]

type Count = keyof StreamStats

const counts: Record<Count, Family> = {
  received: counter("kps_stream_messages_received_total", "Messages taken: from outside, or from the channel."),
  published: counter(
    "kps_stream_messages_published_total",
    "Messages handed to the platform's broker; one that had to be handed over again counts again."
  ),
  delivered: counter("kps_stream_messages_delivered_total", "Messages that the outside took."),
  failed: counter("kps_stream_messages_failed_total", "Messages that the outside did not take, counted at every try."),
  dropped: counter(
    "kps_stream_messages_dropped_total",
    "Messages given up for good: too large, dropped by the failures table, or in hand when the stream stopped."
  ),
  deadLettered: counter(
    "kps_stream_messages_dead_lettered_total",
    "Messages that could not be delivered and are kept as dead letters."
  ),
  evicted: counter(
    "kps_stream_dead_letters_evicted_total",
    "Older dead letters, of any stream, that had to make room for those of this one."
  ),
  uncertain: counter(
    "kps_stream_messages_uncertain_total",
    "Messages published and not confirmed by the platform's broker when the connection broke: they may have arrived."
  ),
  malformed: counter("kps_stream_frames_malformed_total", "Frames on the channel that are no message, skipped."),
  overflowed: counter(
    "kps_stream_messages_overflowed_total",
    "Messages on the channel that were dropped since the stream takes them more slowly than they come."
  )
}

const counted: Record<StreamReading["direction"], ReadonlyArray<Count>> = {
  INGRESS: ["received", "published", "dropped", "uncertain"],
  EGRESS: ["received", "delivered", "failed", "dropped", "deadLettered", "evicted", "malformed", "overflowed"]
}

const connected = gauge("kps_transport_connected", "1 while the platform's broker is connected, 0 while it is away.")

const transport: Record<keyof Transport.TransportStats, Family> = {
  published: counter("kps_transport_messages_published_total", "Messages handed to the platform's broker."),
  received: counter("kps_transport_messages_received_total", "Messages that came from the platform's broker."),
  malformed: counter("kps_transport_frames_malformed_total", "Frames that are no message, skipped."),
  dropped: counter("kps_transport_messages_dropped_total", "Messages that came for a reader that was too slow."),
  uncertain: counter(
    "kps_transport_messages_uncertain_total",
    "Messages published and not confirmed when the connection broke."
  ),
  unconfirmedBytes: gauge("kps_transport_unconfirmed_bytes", "Bytes published that the broker has not confirmed yet."),
  publishErrors: counter(
    "kps_transport_publish_errors_total",
    "Messages that could not be handed to the platform's broker, counted at every try, or that it refused."
  ),
  connectErrors: counter(
    "kps_transport_connect_errors_total",
    "Tries to connect to the platform's broker that failed."
  ),
  disconnects: counter("kps_transport_disconnects_total", "Times that the connection to the platform's broker broke.")
}

const processStart = gauge("process_start_time_seconds", "When the process started, in seconds since the Unix epoch.")
const processCpu = counter("process_cpu_seconds_total", "CPU time of the process, user and system, in seconds.")
const processMemory = gauge("process_resident_memory_bytes", "Resident memory of the process, in bytes.")

const ofProcess = (): ReadonlyArray<Series> => {
  const { system, user } = process.cpuUsage()
  return [
    series(processStart, performance.timeOrigin / 1_000, {}),
    series(processCpu, (system + user) / 1_000_000, {}),
    series(processMemory, process.memoryUsage.rss(), {})
  ]
}

const ofStream = (stream: StreamReading, labels: Labels): ReadonlyArray<Series> => {
  const own = { ...labels, stream_id: stream.id, direction: stream.direction.toLowerCase() }
  return [
    ...counted[stream.direction].map((count) => series(counts[count], stream.stats[count], own)),
    series(inFlight, stream.inFlight, own),
    ...stream.state === "Removed" ?
      [] :
      states.map((one) => series(state, one === stream.state ? 1 : 0, { ...own, state: one.toLowerCase() }))
  ]
}

const ofConnector = (insight: Insight, labels: Labels): Effect.Effect<ReadonlyArray<Series>> =>
  Effect.gen(function*() {
    const phase = yield* insight.phase
    const { _tag } = yield* insight.connection
    const stats = yield* insight.transport
    const streams = yield* insight.streams
    const { channels, connectorId, name, version } = insight
    return [
      series(connectorInfo, 1, { connector_id: connectorId, connector: name, version, channels }),
      series(connectorServing, phase === "Serving" ? 1 : 0, labels),
      series(connected, _tag === "Connected" ? 1 : 0, labels),
      // one cast: the table has a row for each of them
      ...(Object.keys(transport) as Array<keyof typeof transport>).map((key) =>
        series(transport[key], stats[key], labels)
      ),
      ...streams.flatMap((stream) => ofStream(stream, labels))
    ]
  })

/** All there is to tell. Where the process has several connectors, their series are told apart by `connector_id`. */
const read = (insights: ReadonlyArray<Insight>): ReadonlyArray<Series> => [
  ...ofProcess(),
  ...insights.flatMap((insight) =>
    Effect.runSync(ofConnector(insight, insights.length > 1 ? { connector_id: insight.connectorId } : {}))
  )
]

/**
 * Names, kinds and help texts of all metrics.
 *
 * @category constants
 * @since 0.1.0
 */
export const families: ReadonlyArray<Family> = [
  connectorInfo,
  connectorServing,
  state,
  inFlight,
  ...Object.values(counts),
  connected,
  ...Object.values(transport),
  processStart,
  processCpu,
  processMemory
]

/** What is read out of it is also what others wrote into it, such as the metrics of the connector's author. */
class Registry extends Map<string, Series> {
  private readonly outer: Metric.MetricRegistry
  private readonly live: () => ReadonlyArray<Series>

  constructor(outer: Metric.MetricRegistry, live: () => ReadonlyArray<Series>) {
    super()
    this.outer = outer
    this.live = live
  }

  // This is how Effect reads a registry for a snapshot; a test says so, should that change.
  override values(): MapIterator<Series> {
    return [...this.outer.values(), ...super.values(), ...this.live()].values()
  }
}

/**
 * Layer of the metric registry that has all of `families` for the connectors that are served, and what is written into
 * it and into the registry around it.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never, never, Insights> = Layer.effect(
  Metric.MetricRegistry,
  Effect.gen(function*() {
    const { current } = yield* Insights
    return new Registry(yield* Metric.MetricRegistry, () => read(current()))
  })
)
