/**
 * A whole service domain in one layer: broker, store, REST API, connectors, pipelines.
 *
 * @since 0.1.0
 */
import { Lease, Sessions } from "@kps/server"
import * as JetStreamBuckets from "@kps/server/JetStreamBuckets"
import { JetStreamTransport, type NatsConnection, NatsTransport, Transport, type TransportError } from "@kps/transport"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import { resolve } from "node:path"
import * as NatsBroker from "./broker/NatsBroker.ts"
import type { DocumentError } from "./documents/DocumentError.ts"
import * as Documents from "./documents/Documents.ts"
import * as JetStreamJournal from "./documents/JetStreamJournal.ts"
import * as Witness from "./documents/Witness.ts"
import type * as EventHistory from "./events/EventHistory.ts"
import * as JetStreamEventHistory from "./events/JetStreamEventHistory.ts"
import * as Operator from "./operator/Operator.ts"
import type * as Pipeline from "./pipelines/Pipeline.ts"
import type { ConnectorTargets } from "./reconciler/ConnectorTarget.ts"
import * as ConsumerCleaner from "./reconciler/ConsumerCleaner.ts"
import * as PipelineReconciler from "./reconciler/PipelineReconciler.ts"
import * as ProcessGuard from "./reconciler/ProcessGuard.ts"
import * as Reconciler from "./reconciler/Reconciler.ts"
import * as Access from "./rest/Access.ts"
import * as Handlers from "./rest/Handlers.ts"
import { OperatorApi } from "./rest/OperatorApi.ts"
import * as OperatorHandlers from "./rest/OperatorHandlers.ts"
import * as RestServer from "./rest/RestServer.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Name of the service domain. A document of that name is made when there is none. Default: "local". */
  readonly name?: string | undefined
  /** A nats-server of its own, by where it keeps its files; or one that is given, by how it is connected to. */
  readonly broker: NatsBroker.Options | NatsTransport.Options
  /** How messages go between connectors and pipelines: core NATS, at most once; JetStream, at least once. Default: "core". */
  readonly transport?: "core" | "jetstream" | undefined
  /** Who may call the REST API. */
  readonly access: Access.Options
  /** Where the REST API is served. Default: `http://127.0.0.1:8080`. */
  readonly rest?: RestServer.Options | undefined
  /** Where connectors run: see `ConnectorTarget`. Default: nowhere. */
  readonly connectors?: ConnectorTargets | undefined
  /**
   * Variables for connectors beside those of this process and those that are set for them (`CONNECTOR_INSTANCE_ID`,
   * `NATS_BROKER`, `NATS_NAME`, `KPS_TRANSPORT`, `KPS_LISTEN_HOST`, `KPS_LISTEN_PORT`). Default: none.
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** What pipelines are run with. Default: the defaults of `Pipeline.Options`. */
  readonly pipelines?: Pipeline.Options | undefined
  /** How often connectors and pipelines are asked for their events. Default: 5 seconds. */
  readonly scrapeInterval?: Duration.Input | undefined
  /** How often a connector is told everything again. Default: 30 seconds. */
  readonly resyncInterval?: Duration.Input | undefined
  /** How long a connector may take to end. Default: 10 seconds. */
  readonly grace?: Duration.Input | undefined
  /**
   * How long another process, or this one when it was started again, waits for what one ran that died. Default: 10 seconds;
   * 5 with a nats-server of its own.
   */
  readonly leaseTimeToLive?: Duration.Input | undefined
  /** On how many servers of the broker's cluster the store is kept: 1, 3 or 5. Default: 1. */
  readonly replicas?: 1 | 3 | 5 | undefined
}

/**
 * Service of a service domain that runs.
 *
 * @category services
 * @since 0.1.0
 */
export class ServiceDomain extends Context.Service<ServiceDomain, {
  /** Of its document. */
  readonly id: string
  readonly name: string
}>()("@kps/service-domain/ServiceDomain") {}

/**
 * What there is of a service domain.
 *
 * @category models
 * @since 0.1.0
 */
export type Services =
  | Documents.Documents
  | EventHistory.EventHistory
  | NatsBroker.NatsBroker
  | NatsConnection.NatsConnection
  | Operator.Operator
  | PipelineReconciler.PipelineReconciler
  | Reconciler.Reconciler
  | RestServer.RestServer
  | ServiceDomain
  | Transport.Transport

/** The document of the service domain: it may be made by several at once. */
const ensure = Effect.fnUntraced(function*(
  name: string
): Effect.fn.Return<ServiceDomain["Service"], DocumentError, Documents.Documents> {
  const documents = yield* Documents.Documents
  const named = Effect.map(
    documents.list("serviceDomain"),
    (domains) => domains.find(({ value }) => value.name === name)
  )
  const found = yield* named
  if (found !== undefined) return { id: found.id, name }
  const made = yield* documents.create("serviceDomain", { name }).pipe(
    Effect.catchIf(
      ({ reason }) => reason._tag === "AlreadyExists",
      (error) => Effect.filterOrFail(named, Predicate.isNotUndefined, () => error)
    )
  )
  return { id: made.id, name }
})

const retries = Schedule.spaced("1 second")

const layerDomain = (
  name: string
): Layer.Layer<ServiceDomain, DocumentError, Documents.Documents | Transport.Transport> =>
  Layer.effect(
    ServiceDomain,
    Effect.gen(function*() {
      const { status } = yield* Transport.Transport
      const tell = (error: DocumentError) =>
        Effect.flatMap(status, ({ _tag }) =>
          // that a broker is away, and which one, is told by the transport: once when it goes, and when it is back
          _tag === "Connected" && error.isRetryable ? Effect.logWarning(error.message) : Effect.void)
      return yield* ensure(name).pipe(
        Effect.tapError(tell),
        Effect.retry({ schedule: retries, while: (error) => error.isRetryable })
      )
    })
  )

const operatorRoutes = HttpApiBuilder.layer(OperatorApi, { openapiPath: "/kps/v1/openapi.json" }).pipe(
  Layer.provide(OperatorHandlers.layer),
  Layer.provide([Handlers.layerAuthorization, Handlers.layerSchemaErrors])
)

/** Credentials for some other broker. */
const foreign = Object.fromEntries(
  [
    "NATS_TOKEN",
    "NATS_TOKEN_FILE",
    "NATS_USER",
    "NATS_PASSWORD",
    "NATS_PASSWORD_FILE",
    "NATS_NKEY_SEED_FILE",
    "NATS_CREDS_FILE",
    "NATS_TLS_CA",
    "NATS_TLS_CERT",
    "NATS_TLS_KEY"
  ].map((name) => [name, undefined])
)

/**
 * Layer with all of it. Closing it ends connectors and pipelines first, then the rest.
 *
 * **Details**
 *
 * Several processes may be given one broker: they have one store and one service domain, each serves the REST API, and each
 * connector instance and each pipeline is run by one of them. When one of them dies, even by SIGKILL, the connectors that it
 * has started are ended, and the others take over what it ran after `leaseTimeToLive`; one that is started again goes on
 * from what is stored. A broker that is given and away is waited for.
 *
 * Connectors get the environment of this process, without `KPS_PASSWORD` and `KPS_TOKEN`; with a nats-server of its own,
 * without credentials for others. A nats-server of its own whose files have lost documents fails the layer.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options
): Layer.Layer<
  Services,
  | NatsBroker.BrokerFailed
  | TransportError.TransportError
  | DocumentError
  | RestServer.ListenFailed
  | Witness.DocumentsDamaged
> => {
  const { broker, grace = "10 seconds", name = "local", transport = "core" } = options
  const isOwn = "folder" in broker
  const guard = ProcessGuard.layer({ grace })
  const layerBroker = isOwn ? NatsBroker.layer(broker) : NatsBroker.layerServers(broker.servers)
  const layerTransport = Layer.unwrap(Effect.gen(function*() {
    const { url } = yield* NatsBroker.NatsBroker
    const connection = isOwn ? { servers: [url], name: `kps-${name}` } : { name: `kps-${name}`, ...broker }
    // A pipeline looks for JetStream, and publishes to what it finds.
    return transport === "core" ? NatsTransport.layer(connection) : JetStreamTransport.layer(connection)
  }))
  const layerStore = Layer.mergeAll(
    Documents.layer().pipe(Layer.provide(JetStreamJournal.layer({ replicas: options.replicas ?? 1 }))),
    JetStreamEventHistory.layer({ replicas: options.replicas ?? 1 })
  )
  // with a broker that others have too, nobody knows what is to be there
  const layerWitness = isOwn ? Witness.layer({ folder: resolve(broker.folder) }) : Layer.empty
  const layerWork = Layer.unwrap(Effect.gen(function*() {
    const { id: serviceDomain } = yield* ServiceDomain
    const { url } = yield* NatsBroker.NatsBroker
    const { scrapeInterval } = options
    const leases = Lease.layer.pipe(
      Layer.provide(Sessions.layer({
        instance: `serviceDomain.${serviceDomain}`,
        timeToLive: options.leaseTimeToLive ?? (isOwn ? "5 seconds" : "10 seconds")
      })),
      Layer.provide(JetStreamBuckets.layer({ replicas: options.replicas ?? 1 }))
    )
    return Operator.layer({ serviceDomain, brokerUrl: url, transport }).pipe(
      Layer.provideMerge(Layer.mergeAll(
        Reconciler.layer({
          serviceDomain,
          connectors: options.connectors,
          resyncInterval: options.resyncInterval,
          scrapeInterval,
          grace,
          env: { ...(isOwn ? foreign : {}), NATS_BROKER: url, KPS_TRANSPORT: transport, ...options.env }
        }),
        PipelineReconciler.layer({ serviceDomain, pipelines: options.pipelines, scrapeInterval }),
        // over core NATS there are no consumers
        transport === "core" ? Layer.empty : ConsumerCleaner.layer()
      )),
      Layer.provide(leases)
    )
  }))
  return RestServer.layerWith(Layer.mergeAll(RestServer.routes, operatorRoutes), options.rest).pipe(
    Layer.provide(Access.layer(options.access)),
    Layer.provideMerge(layerWork),
    Layer.provideMerge(Layer.provide(layerDomain(name), layerWitness)),
    Layer.provideMerge(layerStore),
    Layer.provideMerge(layerTransport),
    Layer.provideMerge(layerBroker),
    Layer.provide(guard)
  )
}
