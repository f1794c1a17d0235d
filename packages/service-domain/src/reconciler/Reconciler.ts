/**
 * Keeps the connectors of a service domain running what its documents say.
 *
 * @since 0.1.0
 */
import { ConnectorClient } from "@kps/client"
import { Lease } from "@kps/server"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { isDeepStrictEqual } from "node:util"
import { Documents } from "../documents/Documents.ts"
import { EventHistory } from "../events/EventHistory.ts"
import type { LogLine } from "../pipelines/PipelineReport.ts"
import type { InstanceView } from "../rest/OperatorViews.ts"
import * as ConnectorTarget from "./ConnectorTarget.ts"
import * as DomainPlan from "./DomainPlan.ts"
import * as EventScraper from "./EventScraper.ts"
import * as Holding from "./Holding.ts"
import * as InstanceReconciler from "./InstanceReconciler.ts"
import { InstanceState, platformAlerts } from "./InstanceState.ts"
import type { ProcessGuard } from "./ProcessGuard.ts"
import * as Tenants from "./Tenants.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Id of the service domain whose documents are followed. */
  readonly serviceDomain: string
  /** Where connectors run. Default: nowhere. */
  readonly connectors?: ConnectorTarget.ConnectorTargets | undefined
  /**
   * Variables for connectors that are started here, beside those of this process and an instance's own
   * (`CONNECTOR_INSTANCE_ID`, `NATS_NAME`, `KPS_LISTEN_HOST`, `KPS_LISTEN_PORT`); `undefined` takes one away. Default: none.
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** How often a connector is told everything again, though nothing has changed. Default: 30 seconds. */
  readonly resyncInterval?: Duration.Input | undefined
  /** How often a connector is asked for its events and streams. Default: 5 seconds. */
  readonly scrapeInterval?: Duration.Input | undefined
  /** How long a process may take until it answers, before it is started anew. Default: 30 seconds. */
  readonly startTimeout?: Duration.Input | undefined
  /** How long a process may take to end after SIGTERM, before SIGKILL. Default: 10 seconds. */
  readonly grace?: Duration.Input | undefined
}

/**
 * Service that reconciles connectors with documents.
 *
 * **Details**
 *
 * Each instance is run by one process of those on a store: the one that has its lease, of those that have a command or an
 * address for it. Instances do not wait for each other.
 *
 * @category services
 * @since 0.1.0
 */
export class Reconciler extends Context.Service<Reconciler, {
  /** The instances of the service domain as they are now, in the order in which they were created. */
  readonly instances: Effect.Effect<ReadonlyArray<InstanceView>>
  /** The same of one instance; none: it is not on this service domain. */
  readonly instance: (id: string) => Effect.Effect<Option.Option<InstanceView>>
  /**
   * What the connector of an instance wrote, oldest first, and when it was started and has ended: at most the last 1,000
   * lines, or 262,144 characters. With `after`, the lines behind that sequence. None: it is not on this service domain.
   */
  readonly logs: (id: string, options?: { readonly after?: number | undefined }) => Effect.Effect<
    Option.Option<ReadonlyArray<LogLine>>
  >
}>()("@kps/service-domain/Reconciler") {}

/** How often it is looked whether somebody else runs an instance that this process cannot. */
const lookAgain = "5 seconds"

/**
 * Makes the reconciler, which runs until the scope is closed: connectors that were started here end with it, those that
 * are reached by address go on.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<
  Reconciler["Service"],
  never,
  Documents | EventHistory | Lease.Lease | ProcessGuard | Scope.Scope
> {
  const { connectors = {}, serviceDomain } = options
  const instanceOptions: InstanceReconciler.Options = {
    env: options.env ?? {},
    resyncInterval: options.resyncInterval ?? "30 seconds",
    scrapeInterval: options.scrapeInterval ?? "5 seconds",
    startTimeout: options.startTimeout ?? "30 seconds",
    grace: options.grace ?? "10 seconds"
  }
  const documents = yield* Documents
  const lease = yield* Lease.Lease
  const clock = yield* Clock.Clock
  const states = new Map<string, InstanceState>()
  let plans: ReadonlyMap<string, DomainPlan.InstancePlan> = new Map()

  /** Runs an instance that this process has a target for, while it has the lease. */
  const hold = (
    state: InstanceState,
    target: ConnectorTarget.ConnectorTarget,
    over: Deferred.Deferred<void>,
    scraper: EventScraper.EventScraper
  ) =>
    Holding.run({
      lease,
      name: leaseOf(state.plan.id),
      over,
      onWaiting: Effect.sync(() => state.become("STANDBY")),
      work: (isHeld) =>
        Effect.ensuring(
          InstanceReconciler.run(state, target, instanceOptions, isHeld, scraper),
          Effect.sync(() => state.reached({}))
        ),
      after: Effect.gen(function*() {
        if (target._tag === "Endpoint") yield* release(target.endpoint, state.plan.id)
        if (!plans.has(state.plan.id)) yield* scraper.retire
      })
    })

  /** Says that nobody runs an instance, as long as that is so. */
  const lament = (
    state: InstanceState,
    over: Deferred.Deferred<void>,
    scraper: EventScraper.EventScraper
  ) =>
    Effect.gen(function*() {
      const { className, id, name } = state.plan
      const problem = `no command and no address for connector class "${className}": start the service domain with ` +
        `--connector ${className}=COMMAND or --connector ${className}=HOST:PORT, or with "${name}" in its place`
      const holder = yield* Effect.option(lease.holder(leaseOf(id)))
      if (Option.isSome(holder) && Option.isNone(holder.value)) {
        state.become("UNASSIGNED", problem)
        state.raise("connectorUnassigned", problem)
        yield* scraper.flush
      } else {
        state.become("STANDBY")
        state.clear("connectorUnassigned")
      }
      yield* Effect.timeoutOption(Deferred.await(over), lookAgain)
      if (Deferred.isDoneUnsafe(over) && !plans.has(id) && state.standing.length > 0) yield* scraper.retire
    }).pipe(Effect.repeat({ until: () => Deferred.isDoneUnsafe(over) }))

  const run = Effect.fnUntraced(function*(plan: DomainPlan.InstancePlan, over: Deferred.Deferred<void>) {
    const { id, projectId } = plan
    const target = ConnectorTarget.find(connectors, plan)
    const state = new InstanceState(plans.get(id) ?? plan, () => clock.currentTimeMillisUnsafe())
    states.set(id, state)
    const scraper = yield* EventScraper.make({
      source: { serviceDomain, project: projectId, instance: id },
      own: platformAlerts,
      standing: () => state.standing
    })
    yield* target === undefined ? lament(state, over, scraper) : hold(state, target, over, scraper)
    states.delete(id)
  })

  const want = yield* Tenants.make({
    isSame: (running, wanted) =>
      isDeepStrictEqual(ConnectorTarget.find(connectors, running), ConnectorTarget.find(connectors, wanted)),
    run
  })
  yield* documents.changes.pipe(
    Stream.runForEach((snapshot) =>
      Effect.sync(() => {
        plans = new Map(DomainPlan.make(snapshot, serviceDomain).instances.map((plan) => [plan.id, plan]))
        for (const plan of plans.values()) states.get(plan.id)?.update(plan)
        want(plans)
      })
    ),
    Effect.forkScoped
  )

  const find = (id: string) => Option.fromNullishOr(states.get(id))
  return Reconciler.of({
    instances: Effect.sync(() => [...plans.keys()].flatMap((id) => states.get(id)?.view ?? [])),
    instance: (id) => Effect.sync(() => Option.map(find(id), ({ view }) => view)),
    logs: (id, { after = 0 } = {}) => Effect.sync(() => Option.map(find(id), ({ log }) => log.read(after, undefined)))
  })
})

const leaseOf = (instance: string): string => `connectorInstance.${instance}`

/** Tells a connector that goes on without us that nothing is wanted of it any more. */
const release = (endpoint: string, connectorId: string): Effect.Effect<void> =>
  ConnectorClient.ConnectorClient.use((client) => client.setPayload([])).pipe(
    Effect.provide(ConnectorClient.layer({ endpoint, connectorId, deadline: "5 seconds" })),
    Effect.catch((error) =>
      Effect.annotateLogs(Effect.logWarning("a connector could not be told to stop its streams", error), {
        instance: connectorId
      })
    )
  )

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options
): Layer.Layer<Reconciler, never, Documents | EventHistory | Lease.Lease | ProcessGuard> =>
  Layer.effect(Reconciler, make(options))
