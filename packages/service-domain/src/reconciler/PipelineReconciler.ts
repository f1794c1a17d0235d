/**
 * Keeps the data pipelines of a service domain running what its documents say.
 *
 * @since 0.1.0
 */
import { Violation } from "@kps/resources"
import { Lease } from "@kps/server"
import { Transport } from "@kps/transport"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Documents } from "../documents/Documents.ts"
import { EventHistory } from "../events/EventHistory.ts"
import * as Pipeline from "../pipelines/Pipeline.ts"
import * as PipelineDescription from "../pipelines/PipelineDescription.ts"
import type { LogLine, PipelineReport } from "../pipelines/PipelineReport.ts"
import * as EventScraper from "./EventScraper.ts"
import * as Holding from "./Holding.ts"
import type { Occurrence } from "./Occurrences.ts"
import { idOf, type Spec, specsOf } from "./PipelineSpecs.ts"
import * as Tenants from "./Tenants.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Id of the service domain whose documents are followed. */
  readonly serviceDomain: string
  /** What pipelines are run with. Default: the defaults of `Pipeline.Options`. */
  readonly pipelines?: Pipeline.Options | undefined
  /** How often alerts of pipelines are put into the history. Default: 5 seconds. */
  readonly scrapeInterval?: Duration.Input | undefined
}

/**
 * A pipeline of the service domain.
 *
 * **Details**
 *
 * - `REFUSED`: it cannot be run here as its document is; `cause` has everything that is in the way
 * - `STANDBY`: another process on the same store runs it
 * - else as its report says
 *
 * @category models
 * @since 0.1.0
 */
export interface PipelineTenant {
  readonly id: string
  readonly name: string
  readonly projectId: string | undefined
  readonly status: "REFUSED" | "STANDBY" | PipelineReport["state"]["status"]
  /** Milliseconds since the Unix epoch. */
  readonly sinceMillis: number
  readonly cause: string | undefined
  readonly description: PipelineDescription.PipelineDescription | undefined
  /** While it runs here. */
  readonly report: PipelineReport | undefined
}

/**
 * Service that reconciles pipelines with documents.
 *
 * **Details**
 *
 * A pipeline is restarted when what it is run with has changed, and not otherwise. Each is run by one process of those on
 * a store: the one that has its lease.
 *
 * @category services
 * @since 0.1.0
 */
export class PipelineReconciler extends Context.Service<PipelineReconciler, {
  /** The pipelines of the service domain as they are now, in the order in which they were created. */
  readonly pipelines: Effect.Effect<ReadonlyArray<PipelineTenant>>
  /** The same of one pipeline; none: it is not on this service domain. */
  readonly pipeline: (id: string) => Effect.Effect<Option.Option<PipelineTenant>>
  /** See `Pipeline.logs`; nothing while it does not run here. None: it is not on this service domain. */
  readonly logs: (
    id: string,
    options?: { readonly after?: number | undefined; readonly function?: string | undefined }
  ) => Effect.Effect<Option.Option<ReadonlyArray<LogLine>>>
}>()("@kps/service-domain/PipelineReconciler") {}

interface Tenant {
  readonly spec: Spec
  readonly sinceMillis: number
  readonly pipeline: Pipeline.Pipeline | undefined
}

const isSame = (running: Spec, wanted: Spec): boolean =>
  running._tag === "Run" && wanted._tag === "Run"
    ? PipelineDescription.equals(running.description, wanted.description) && running.projectId === wanted.projectId
    : running._tag === "Refuse" && wanted._tag === "Refuse" && causeOf(running) === causeOf(wanted)

const causeOf = (spec: Spec): string | undefined =>
  spec._tag === "Refuse" ? spec.refused.violations.map(Violation.text).join("; ") : undefined

/** Alerts that are raised here, and not by the pipeline. */
const own = new Set(["pipelineRefused"])

const occurrencesOf = ({ alerts }: PipelineReport): ReadonlyArray<Occurrence> =>
  alerts.map(({ context, message, name, severity, state, subject }) => ({
    type: "ALERT",
    // Several functions of one pipeline may have the same trouble.
    name: `${name}:${subject}`,
    severity,
    state,
    message,
    properties: context === "" ? { subject } : { subject, context }
  }))

const leaseOf = (pipeline: string): string => `dataPipeline.${pipeline}`

/**
 * Makes the reconciler, which runs until the scope is closed, and its pipelines with it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<
  PipelineReconciler["Service"],
  never,
  Documents | EventHistory | Lease.Lease | Transport.Transport | Scope.Scope
> {
  const { serviceDomain, scrapeInterval = "5 seconds" } = options
  const documents = yield* Documents
  const lease = yield* Lease.Lease
  const tenants = new Map<string, Tenant>()
  let specs: ReadonlyMap<string, Spec> = new Map()

  const enter = (spec: Spec, pipeline?: Pipeline.Pipeline) =>
    Effect.map(Clock.currentTimeMillis, (sinceMillis) => {
      tenants.set(idOf(spec), { spec, pipeline, sinceMillis })
    })

  /** While it has the lease: runs the pipeline, or says why it is not run, and keeps what there is to tell. */
  const serve = Effect.fnUntraced(function*(spec: Spec, scraper: EventScraper.EventScraper) {
    const pipeline = spec._tag === "Run" ? yield* Pipeline.run(spec.description, options.pipelines) : undefined
    yield* enter(spec, pipeline)
    if (pipeline === undefined) return yield* Effect.andThen(scraper.flush, Effect.never)
    return yield* pipeline.report.pipe(
      Effect.flatMap((report) => scraper.scraped(occurrencesOf(report))),
      Effect.andThen(Effect.sleep(scrapeInterval)),
      Effect.forever
    )
  })

  const run = Effect.fnUntraced(function*(spec: Spec, over: Deferred.Deferred<void>) {
    const id = idOf(spec)
    const cause = causeOf(spec)
    const atMillis = yield* Clock.currentTimeMillis
    yield* enter(spec)
    const scraper = yield* EventScraper.make({
      source: { serviceDomain, project: spec.projectId ?? "", pipeline: id },
      own,
      standing: () =>
        cause === undefined ? [] : [{
          type: "ALERT",
          name: "pipelineRefused",
          severity: "CRITICAL",
          state: "FAILED",
          message: cause,
          properties: {},
          atMillis
        }]
    })
    yield* Holding.run({
      lease,
      name: leaseOf(id),
      over,
      work: () => Effect.ensuring(Effect.scoped(serve(spec, scraper)), enter(spec)),
      after: Effect.suspend(() => specs.has(id) ? Effect.void : scraper.retire)
    })
    if (!specs.has(id)) tenants.delete(id)
  })

  const want = yield* Tenants.make({ isSame, run })
  yield* documents.changes.pipe(
    Stream.runForEach((snapshot) =>
      Effect.sync(() => {
        specs = specsOf(snapshot, serviceDomain)
        want(specs)
      })
    ),
    Effect.forkScoped
  )

  const look = ({ pipeline, sinceMillis, spec }: Tenant) =>
    Effect.map(pipeline?.report ?? Effect.undefined, (report): PipelineTenant => ({
      id: idOf(spec),
      name: spec._tag === "Run" ? spec.description.name : spec.refused.name,
      projectId: spec.projectId,
      status: spec._tag === "Refuse" ? "REFUSED" : report?.state.status ?? "STANDBY",
      sinceMillis: report?.state.sinceMillis ?? sinceMillis,
      cause: causeOf(spec) ?? report?.state.cause,
      description: spec._tag === "Run" ? spec.description : undefined,
      report
    }))
  const find = (id: string) => Option.fromNullishOr(tenants.get(id))
  return PipelineReconciler.of({
    pipelines: Effect.suspend(() => Effect.forEach([...specs.keys()].flatMap((id) => tenants.get(id) ?? []), look)),
    pipeline: (id) =>
      Effect.suspend(() =>
        Option.match(find(id), {
          onNone: () => Effect.succeedNone,
          onSome: (tenant) => Effect.asSome(look(tenant))
        })
      ),
    logs: (id, { after = 0, function: name } = {}) =>
      Effect.suspend(() =>
        Option.match(find(id), {
          onNone: () => Effect.succeedNone,
          onSome: ({ pipeline }) =>
            Effect.asSome(
              pipeline?.logs({ after, ...(name === undefined ? {} : { function: name }) }) ?? Effect.succeed([])
            )
        })
      )
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options
): Layer.Layer<PipelineReconciler, never, Documents | EventHistory | Lease.Lease | Transport.Transport> =>
  Layer.effect(PipelineReconciler, make(options))
