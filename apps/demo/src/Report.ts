/**
 * What is shown: a line every two seconds, and the summary. Values in, text out.
 */
import { harmless } from "./Cells.ts"
import type { Latency } from "./Latency.ts"
import type { Counts } from "./Ledger.ts"
import type { Traffic } from "./Traffic.ts"

export interface StreamView {
  readonly id: string
  /** Running now, as the connector says; undefined: it could not be asked. */
  readonly running: boolean | undefined
  /** Its current status event: "streamHealthy". */
  readonly status: string | undefined
}

export interface Alert {
  readonly name: string
  /** Empty: about the connector as a whole. */
  readonly streamId: string
  readonly severity: string
  readonly message: string
}

export interface AlertView extends Alert {
  /** When it was first seen. */
  readonly sinceMicros: number
}

export interface Snapshot {
  readonly atMicros: number
  readonly counts: Counts
  readonly latency: Latency
  readonly brokers: ReadonlyArray<{ readonly name: string; readonly up: boolean }>
  readonly streams: ReadonlyArray<StreamView>
  readonly alerts: ReadonlyArray<AlertView>
}

/** "0.95 ms", "12.3 ms", "1520 ms". */
export const millis = (micros: number | undefined): string => {
  if (micros === undefined) return "-"
  const ms = micros / 1_000
  return `${ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : ms.toFixed(0)} ms`
}

const percentiles = (latency: Latency): string =>
  `latency p50 ${millis(latency.percentile(0.5))} p99 ${millis(latency.percentile(0.99))}`

const streamText = ({ id, running, status }: StreamView): string => {
  const word = running === undefined ? "unknown" : running ? "running" : "not running"
  return `${id} ${word}${status === undefined ? "" : ` (${status})`}`
}

/** "transportPublishFailed on natsconnectorstream-in" */
export const alertText = ({ name, streamId }: AlertView): string =>
  harmless(streamId === "" ? name : `${name} on ${streamId}`)

/** The line that is shown every two seconds; rates are those since the snapshot before. */
export const statusLine = (before: Snapshot, now: Snapshot, startMicros: number): string => {
  const { counts } = now
  const seconds = Math.max(1e-6, (now.atMicros - before.atMicros) / 1e6)
  const rate = (count: number) => `${Math.round(count / seconds)}/s`
  return [
    `${Math.round((now.atMicros - startMicros) / 1e6)} s`,
    `in ${rate(counts.sent - before.counts.sent)}, out ${rate(counts.delivered - before.counts.delivered)}`,
    `${counts.sent} sent, ${counts.delivered} delivered, ${counts.inFlight} in flight, ` +
    `${counts.lost} lost, ${counts.duplicated} duplicated`,
    percentiles(now.latency),
    now.brokers.map(({ name, up }) => `${name} broker ${up ? "up" : "down"}`).join(", "),
    now.streams.map(streamText).join(", "),
    now.alerts.length === 0 ? "no alerts" : `alerts: ${now.alerts.map(alertText).join(", ")}`
  ].join(" | ")
}

/** Streams that run and did not, or the other way round. */
export const streamChanges = (
  before: ReadonlyArray<StreamView>,
  now: ReadonlyArray<StreamView>
): ReadonlyArray<string> =>
  now.filter(({ id, running }) => before.find((stream) => stream.id === id)?.running !== running)
    .map((stream) => `stream ${streamText(stream)}`)

const alertKey = ({ name, streamId }: Alert): string => `${name}\0${streamId}`

/** Alerts that are seen now; those that were seen before stand since then. */
export const standing = (
  before: ReadonlyArray<AlertView>,
  now: ReadonlyArray<Alert>,
  atMicros: number
): ReadonlyArray<AlertView> => {
  const since = new Map(before.map((alert) => [alertKey(alert), alert.sinceMicros]))
  return now.map((alert) => ({ ...alert, sinceMicros: since.get(alertKey(alert)) ?? atMicros }))
}

/** What changed between two sets of alerts. */
export const alertChanges = (
  before: ReadonlyArray<AlertView>,
  now: ReadonlyArray<AlertView>
): ReadonlyArray<string> => {
  const had = new Set(before.map(alertKey))
  const has = new Set(now.map(alertKey))
  return [
    ...now.filter((alert) => !had.has(alertKey(alert))).map((alert) =>
      `alert raised: ${alertText(alert)}, ${alert.severity}: ${harmless(alert.message).slice(0, 200)}`
    ),
    ...before.filter((alert) => !has.has(alertKey(alert))).map((alert) => `alert cleared: ${alertText(alert)}`)
  ]
}

/** The last line of every run: exactly this form. */
export const lastLine = ({ delivered, duplicated, lost, sent }: Counts): string =>
  `${sent} sent, ${delivered} delivered, ${lost} lost, ${duplicated} duplicated`

/** Whether everything that was to be sent came out, once, as it was. */
export const isComplete = ({ damaged, ledger, oversized }: Traffic): boolean => {
  const { duplicated, lost, unknown } = ledger.counts
  return lost === 0 && duplicated === 0 && unknown === 0 && damaged === 0 && oversized === 0
}

/** The summary; what did not happen is not mentioned. */
export const summary = (
  traffic: Traffic,
  run: {
    readonly seconds: number
    readonly pipeline: { readonly received: number; readonly republished: number }
    readonly maxLineBytes: number
    /** What the sender had to do again; absent: it does nothing again. */
    readonly sending: { readonly resent: number; readonly known: number } | undefined
  }
): ReadonlyArray<string> => {
  const { counts } = traffic.ledger
  const { latency } = traffic
  const extra: ReadonlyArray<readonly [string, number]> = [
    ["messages that came later than 10 seconds after they were sent", counts.late],
    ["messages that came after a later one", counts.outOfOrder],
    ["messages damaged on the way, which do not count as delivered", traffic.damaged],
    ["messages that came with a number that was never sent", counts.unknown],
    ["messages of others on the outside subject", traffic.foreign],
    [
      `messages sent again to the outside broker, since they were not confirmed (it had ${
        run.sending?.known ?? 0
      } of them)`,
      run.sending?.resent ?? 0
    ],
    [
      `lines not sent, since they are over the limit of ${run.maxLineBytes} bytes ` +
      `(the first has ${traffic.firstOversizedBytes})`,
      traffic.oversized
    ]
  ]
  return [
    `ran for ${run.seconds.toFixed(1)} s; ${percentiles(latency)} max ${millis(latency.percentile(1))}; ` +
    `pipeline: ${run.pipeline.received} in, ${run.pipeline.republished} out`,
    ...extra.filter(([, count]) => count > 0).map(([what, count]) => `${what}: ${count}`),
    lastLine(counts)
  ]
}
