/**
 * Puts a connector's parts together: service, health, routes, listener. What runs the streams is given.
 *
 * @since 0.1.0
 */
import type { ConnectRouter } from "@connectrpc/connect"
import type { Connector } from "@kps/connector"
import type { Events } from "@kps/events"
import { JetStream, type PlatformTransport, Transport } from "@kps/transport"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as ConnectorService from "./ConnectorService.ts"
import * as ContractRoutes from "./ContractRoutes.ts"
import * as GrpcServer from "./GrpcServer.ts"
import * as Health from "./Health.ts"
import * as HealthRoutes from "./HealthRoutes.ts"
import { Observer } from "./Insight.ts"
import type { Resolved } from "./Options.ts"
import * as ReflectionRoutes from "./ReflectionRoutes.ts"
import { RunningStreams } from "./RunningStreams.ts"
import * as Tls from "./Tls.ts"
import * as TlsRotation from "./TlsRotation.ts"
import * as TransportWatch from "./TransportWatch.ts"

/**
 * What serving a connector needs.
 *
 * @category models
 * @since 0.1.0
 */
export type Needs<Name extends string> =
  | Connector.Implemented<Name>
  | RunningStreams
  | Transport.Transport
  | Events.Events
  | Scope.Scope

/**
 * A connector that answers calls.
 *
 * @category models
 * @since 0.1.0
 */
export interface Served {
  /** The contract, the health service and, if asked for, reflection. */
  readonly routes: (router: ConnectRouter) => ConnectRouter
  /** The contract's methods without connect. */
  readonly unary: ContractRoutes.ContractRoutes["unary"]
  readonly service: ConnectorService.ConnectorService
  readonly health: Health.Health
}

/**
 * Makes a connector answer calls within the process. Closing the scope drains its streams, then ends the calls.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*<Name extends string>(
  connector: Connector.Any<Name>,
  options: Resolved
): Effect.fn.Return<Served, never, Needs<Name>> {
  const health = yield* Health.make
  yield* observe(connector, options, health)
  yield* TransportWatch.make(health)
  const service = yield* ConnectorService.make(connector, options, health)
  const contract = yield* ContractRoutes.make(service, options)
  // Last of all, so that it is the first to end: calls can still be answered meanwhile.
  yield* Effect.addFinalizer(() => Effect.andThen(service.drain, health.enter("Stopped")))
  const known = options.reflection ? ReflectionRoutes.routes(health) : identity
  const { unary } = contract
  return { routes: (router) => known(HealthRoutes.routes(health)(contract.routes(router))), unary, service, health }
})

const channels: Effect.Effect<PlatformTransport.Kind> = Effect.map(
  Effect.serviceOption(JetStream.JetStream),
  (stored) => Option.isSome(stored) ? "jetstream" : "core"
)

/** First of all, so that it is shown until everything else has ended. */
const observe = Effect.fnUntraced(function*<Name extends string>(
  { definition, name }: Connector.Any<Name>,
  { connectorId }: Resolved,
  health: Health.Health
): Effect.fn.Return<void, never, Needs<Name>> {
  const observer = yield* Observer
  const transport = yield* Transport.Transport
  const streams = yield* RunningStreams
  yield* observer({
    connectorId,
    name,
    version: definition.version,
    phase: health.phase,
    streams: streams.readings,
    channels: yield* channels,
    connection: transport.status,
    transport: transport.stats
  })
})

/**
 * Makes a connector answer calls over gRPC.
 *
 * @category constructors
 * @since 0.1.0
 */
export const listen = Effect.fnUntraced(function*<Name extends string>(
  connector: Connector.Any<Name>,
  options: Resolved
): Effect.fn.Return<
  Served & { readonly host: string; readonly port: number },
  GrpcServer.ListenFailed | Tls.TlsUnusable,
  Needs<Name>
> {
  const tls = options.tls === undefined ? undefined : yield* Tls.load(options.tls)
  const served = yield* make(connector, options)
  const server = yield* GrpcServer.make({
    host: options.host,
    port: options.port,
    routes: served.routes,
    unary: served.unary,
    tls,
    gracePeriod: options.gracePeriod,
    beforeClose: served.service.drain,
    // A Watch would use up the whole grace period.
    onClose: served.health.enter("Stopped")
  })
  if (options.tls !== undefined && tls !== undefined) yield* TlsRotation.make(options.tls, tls, server.renew)
  const place = {
    connectorId: options.connectorId,
    host: server.host,
    port: server.port,
    channels: yield* channels
  }
  yield* Effect.annotateLogs(Effect.logInfo("listening"), place)
  yield* Effect.addFinalizer(() => Effect.annotateLogs(Effect.logInfo("stopping"), place))
  return { ...served, ...server }
})
