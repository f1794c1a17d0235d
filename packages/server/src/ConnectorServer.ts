/**
 * Serves a connector's contract over gRPC.
 *
 * @since 0.1.0
 */
import type { ConnectRouter } from "@connectrpc/connect"
import type { Connector } from "@kps/connector"
import type { Events } from "@kps/events"
import type { Transport } from "@kps/transport"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Layer from "effect/Layer"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The id of this connector instance: every call must name it. */
  readonly connectorId: string
  /** Address to listen on. Default: "0.0.0.0". */
  readonly host?: string
  /** Port to listen on; 0 takes a free one. Default: 8000. */
  readonly port?: number
  /** How long SetPayload waits for the first outcome of the streams it started. Default: 5 seconds. */
  readonly startTimeout?: Duration.Input
  /** How long a stopping stream's finalizers are waited for. Default: 5 seconds. */
  readonly stopTimeout?: Duration.Input
  /** How long calls in flight may go on after the server was told to stop. Default: 10 seconds. */
  readonly gracePeriod?: Duration.Input
  /** Errors as a `ResponseStatus` in the reply, or as gRPC status codes. Default: "inBand". */
  readonly errors?: "inBand" | "grpc"
  /** Whether a SetPayload replaces each kind it has payloads of, or always the streams. Default: "perKind". */
  readonly setPayload?: "perKind" | "replaceAll"
  /** Whether config payloads are merged over the config in force, or replace it. Default: "merge". */
  readonly config?: "merge" | "replace"
}

/**
 * Service of a connector that is being served.
 *
 * @category services
 * @since 0.1.0
 */
export class ConnectorServer extends Context.Service<ConnectorServer, {
  readonly host: string
  /** The port in use, also where 0 was asked for. */
  readonly port: number
}>()("@kps/server/ConnectorServer") {}

/**
 * The contract and health of a connector as connect routes, for a listener or for calls within the process.
 *
 * @category services
 * @since 0.1.0
 */
export class ConnectorRoutes extends Context.Service<ConnectorRoutes, {
  readonly routes: (router: ConnectRouter) => ConnectRouter
}>()("@kps/server/ConnectorServer/ConnectorRoutes") {}

export declare const layer: <Name extends string>(
  connector: Connector.Any<Name>,
  options: Options
) => Layer.Layer<
  ConnectorServer | ConnectorRoutes,
  ListenFailed,
  Connector.Implemented<Name> | Transport.Transport | Events.Events
>

export declare const layerRoutes: <Name extends string>(
  connector: Connector.Any<Name>,
  options: Options
) => Layer.Layer<
  ConnectorRoutes,
  never,
  Connector.Implemented<Name> | Transport.Transport | Events.Events
>

export interface ListenFailed {
  readonly _tag: "ListenFailed"
}
