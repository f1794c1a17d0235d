/**
 * What runs on a service domain, as tables.
 *
 * @since 0.1.0
 */
import type { OperatorViews } from "@kps/service-domain"
import * as Output from "../Output.ts"

const rate = (perSecond: number | undefined) =>
  perSecond === undefined ? "" : perSecond >= 100 ? String(Math.round(perSecond)) : perSecond.toFixed(1)

const size = (bytes: number | undefined) =>
  bytes === undefined
    ? ""
    : bytes < 1_000
    ? `${Math.round(bytes)} B`
    : bytes < 1_000_000
    ? `${(bytes / 1_000).toFixed(1)} kB`
    : `${(bytes / 1_000_000).toFixed(1)} MB`

interface StreamRow extends OperatorViews.StreamView {
  readonly instance: OperatorViews.InstanceView
}

const stateOf = ({ cause, instance, subscribed }: StreamRow) =>
  instance.status === "RUNNING"
    ? subscribed === undefined ? "?" : subscribed ? "RUNNING" : cause === undefined ? "STOPPED" : "FAILING"
    : instance.status

const streamColumns: ReadonlyArray<Output.Column<StreamRow>> = [
  { header: "STREAM", cell: ({ name }) => name },
  { header: "INSTANCE", cell: ({ instance }) => instance.name },
  { header: "DIRECTION", cell: ({ direction }) => direction },
  { header: "STATE", cell: stateOf },
  { header: "MSG/S", cell: ({ figures }) => rate(figures?.messagesPerSecond) },
  { header: "PER SECOND", cell: ({ figures }) => size(figures?.bytesPerSecond) },
  { header: "LAG", cell: ({ figures }) => figures?.lag === undefined ? "" : String(figures.lag) },
  { header: "CAUSE", cell: ({ cause, instance }) => cause ?? instance.cause ?? "" }
]

const pipelineColumns: ReadonlyArray<Output.Column<OperatorViews.PipelineView>> = [
  { header: "PIPELINE", cell: ({ name }) => name },
  { header: "STATE", cell: ({ status }) => status },
  { header: "IN/S", cell: ({ receivedPerSecond }) => rate(receivedPerSecond) },
  { header: "OUT/S", cell: ({ publishedPerSecond }) => rate(publishedPerSecond) },
  { header: "RECEIVED", cell: ({ counters }) => String(counters.received) },
  { header: "PUBLISHED", cell: ({ counters }) => String(counters.published) },
  { header: "FAILED", cell: ({ counters }) => String(counters.failed) },
  {
    header: "FUNCTIONS",
    cell: ({ functions }) =>
      functions.map(({ name, status }) => status === "RUNNING" ? name : `${name} (${status})`).join("\n")
  },
  { header: "CAUSE", cell: ({ cause }) => cause ?? "" }
]

const instanceColumns: ReadonlyArray<Output.Column<OperatorViews.InstanceView>> = [
  { header: "INSTANCE", cell: ({ name }) => name },
  { header: "CLASS", cell: ({ className, classVersion }) => `${className} ${classVersion}` },
  { header: "STATE", cell: ({ status }) => status },
  { header: "PID", cell: ({ pid }) => pid === undefined ? "" : String(pid) },
  { header: "ENDPOINT", cell: ({ endpoint }) => endpoint ?? "" },
  { header: "RESTARTS", cell: ({ restarts }) => String(restarts) },
  { header: "STREAMS", cell: ({ streams }) => String(streams.length) },
  { header: "CAUSE", cell: ({ cause }) => cause ?? "" }
]

/**
 * Instances, streams and pipelines, one table each.
 *
 * @category rendering
 * @since 0.1.0
 */
export const text = ({ broker, instances, pipelines, serviceDomain }: OperatorViews.Overview): string => {
  const streams = instances.flatMap((instance) =>
    instance.streams.map((stream): StreamRow => Object.assign({ instance }, stream))
  )
  const state = broker.connected ? "connected" : `away${broker.cause === undefined ? "" : `: ${broker.cause}`}`
  return [
    Output.printable(`${serviceDomain.name}   broker ${broker.url} (${broker.transport}), ${state}`),
    Output.table(instanceColumns, instances),
    Output.table(streamColumns, streams),
    Output.table(pipelineColumns, pipelines)
  ].join("\n\n")
}
