/**
 * What an operator asks of a service domain that runs.
 *
 * @since 0.1.0
 */
import { NatsConnection, Transport } from "@kps/transport"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Documents } from "../documents/Documents.ts"
import type { LogLine as KeptLine } from "../pipelines/PipelineReport.ts"
import { PipelineReconciler, type PipelineTenant } from "../reconciler/PipelineReconciler.ts"
import { Reconciler } from "../reconciler/Reconciler.ts"
import type {
  Figures,
  InstanceView,
  LogLine,
  Overview,
  PipelineView,
  StreamView,
  TappedMessage
} from "../rest/OperatorViews.ts"
import * as ChannelFigures from "./ChannelFigures.ts"
import * as Rates from "./Rates.ts"
import * as Tap from "./Tap.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Id of the service domain. */
  readonly serviceDomain: string
  /** What connectors and pipelines are connected to, without credentials. */
  readonly brokerUrl: string
  readonly transport: "core" | "jetstream"
}

/**
 * @category models
 * @since 0.1.0
 */
export interface LogOptions {
  /** Only lines behind this sequence. Default: all that are kept. */
  readonly after?: number | undefined
  /** Goes on with lines as they are written, and does not end. Default: ends with the last line there is. */
  readonly follow?: boolean | undefined
}

/**
 * Service with what runs here, for people and for the tools that show it.
 *
 * **Details**
 *
 * `None` says that there is nothing of that id on this service domain. Of what another process on the same store runs,
 * there is nothing but its name: ask that one.
 *
 * @category services
 * @since 0.1.0
 */
export class Operator extends Context.Service<Operator, {
  /** Everything that runs here. With `figures`, what passes on the channels of streams is counted from the first call on. */
  readonly overview: (options?: { readonly figures?: boolean }) => Effect.Effect<Overview>
  readonly instance: (id: string) => Effect.Effect<Option.Option<InstanceView>>
  readonly pipeline: (id: string) => Effect.Effect<Option.Option<PipelineView>>
  /** What a connector wrote, oldest first. */
  readonly instanceLogs: (id: string, options?: LogOptions) => Effect.Effect<Option.Option<Stream.Stream<LogLine>>>
  /** What the functions of a pipeline wrote, or one of them, oldest first. */
  readonly pipelineLogs: (
    id: string,
    options?: LogOptions & { readonly function?: string | undefined }
  ) => Effect.Effect<Option.Option<Stream.Stream<LogLine>>>
  /** Messages on the channel of a connector stream, from now on, redacted. */
  readonly tapStream: (id: string) => Effect.Effect<Option.Option<Stream.Stream<TappedMessage>>>
  /** Messages on the channels that a pipeline puts out to, from now on, redacted. */
  readonly tapPipeline: (id: string) => Effect.Effect<Option.Option<Stream.Stream<TappedMessage>>>
}>()("@kps/service-domain/Operator") {}

/** How often it is looked for new lines. */
const followEvery = "200 millis"

const withFigures = (instance: InstanceView, look: (channel: string) => Figures): InstanceView => ({
  ...instance,
  streams: instance.streams.map((stream) => withItsFigures(stream, look))
})

const withItsFigures = (stream: StreamView, look: (channel: string) => Figures): StreamView => ({
  ...stream,
  figures: look(stream.channel)
})

const noCounters = { received: 0, sampledOut: 0, published: 0, failed: 0, dropped: 0, inFlight: 0 }

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<
  Operator["Service"],
  never,
  | Documents
  | NatsConnection.NatsConnection
  | PipelineReconciler
  | Reconciler
  | Scope.Scope
  | Transport.Transport
> {
  const { brokerUrl, serviceDomain, transport: kind } = options
  const documents = yield* Documents
  const transport = yield* Transport.Transport
  const connection = yield* NatsConnection.NatsConnection
  const reconciler = yield* Reconciler
  const pipelines = yield* PipelineReconciler
  const figures = yield* ChannelFigures.make({ isStored: kind === "jetstream" })
  const rates = yield* Rates.make(pipelines.pipelines)
  const startedMillis = yield* Clock.currentTimeMillis

  const viewOf = (tenant: PipelineTenant): PipelineView => ({
    id: tenant.id,
    name: tenant.name,
    projectId: tenant.projectId,
    status: tenant.status,
    sinceMillis: tenant.sinceMillis,
    cause: tenant.cause,
    inputs: tenant.description?.inputs.map(({ channel }) => channel) ?? [],
    outputs: tenant.description?.outputs ?? [],
    counters: tenant.report?.counters ?? noCounters,
    functions: tenant.report?.functions ?? [],
    ...rates.of(tenant.id)
  })

  const broker = Effect.map(transport.status, (status): Overview["broker"] => ({
    url: brokerUrl,
    transport: kind,
    connected: status._tag === "Connected",
    cause: status._tag === "Disconnected" ? status.cause.message : undefined
  }))

  const nameOf = Effect.map(
    Effect.option(documents.get("serviceDomain", serviceDomain)),
    (found) => Option.match(found, { onNone: () => serviceDomain, onSome: ({ value }) => value.name })
  )

  const lines = (
    from: (line: KeptLine) => string,
    read: (after: number) => Effect.Effect<Option.Option<ReadonlyArray<KeptLine>>>,
    { after = 0, follow = false }: LogOptions = {}
  ): Effect.Effect<Option.Option<Stream.Stream<LogLine>>> => {
    const shown = (kept: ReadonlyArray<KeptLine>) =>
      kept.map((line): LogLine => ({
        sequence: line.sequence,
        atMillis: line.atMillis,
        from: from(line),
        source: line.source,
        text: line.text
      }))
    return Effect.map(
      read(after),
      Option.map((kept) => {
        const present = Stream.fromArray(shown(kept))
        if (!follow) return present
        let last = kept.at(-1)?.sequence ?? after
        const more = Effect.suspend(() => read(last)).pipe(Effect.map((found) => {
          const next = Option.getOrElse(found, () => [])
          last = next.at(-1)?.sequence ?? last
          return shown(next)
        }))
        return Stream.concat(
          present,
          Stream.flatMap(Stream.fromEffectSchedule(more, Schedule.spaced(followEvery)), Stream.fromArray)
        )
      })
    )
  }

  return Operator.of({
    overview: Effect.fn("Operator.overview")(function*({ figures: counting = false } = {}) {
      const look = counting ? yield* figures.look : undefined
      if (counting) yield* rates.look
      return {
        serviceDomain: { id: serviceDomain, name: yield* nameOf },
        pid: process.pid,
        startedMillis,
        atMillis: yield* Clock.currentTimeMillis,
        broker: yield* broker,
        instances: (yield* reconciler.instances).map((one) => look === undefined ? one : withFigures(one, look)),
        pipelines: (yield* pipelines.pipelines).map(viewOf)
      }
    }),
    instance: (id) => reconciler.instance(id),
    pipeline: (id) => Effect.map(pipelines.pipeline(id), Option.map(viewOf)),
    instanceLogs: (id, options) =>
      lines(({ function: from }) => from, (after) => reconciler.logs(id, { after }), options),
    pipelineLogs: (id, options = {}) =>
      lines(
        ({ function: from }) => from,
        (after) => pipelines.logs(id, { after, function: options.function }),
        options
      ),
    tapStream: (id) =>
      Effect.map(reconciler.instances, (instances) =>
        Option.map(
          Option.fromNullishOr(instances.flatMap(({ streams }) => streams).find((stream) => stream.id === id)),
          ({ channel }) => Tap.make(connection, [channel])
        )),
    tapPipeline: (id) =>
      Effect.map(
        pipelines.pipeline(id),
        Option.map(({ description }) => Tap.make(connection, description?.outputs ?? []))
      )
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options
): Layer.Layer<
  Operator,
  never,
  Documents | NatsConnection.NatsConnection | PipelineReconciler | Reconciler | Transport.Transport
> => Layer.effect(Operator, make(options))
