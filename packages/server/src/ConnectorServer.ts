/**
 * Serves a connector's contract over gRPC.
 *
 * @since 0.1.0
 */
import type { ConnectRouter } from "@connectrpc/connect"
import type { Connector } from "@kps/connector"
import type { Events } from "@kps/events"
import type { Transport } from "@kps/transport"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { ListenFailed } from "./GrpcServer.ts"
import { type Options, resolve } from "./Options.ts"
import * as RunningStreams from "./RunningStreams.ts"
import * as Serving from "./Serving.ts"
import type { TlsUnusable } from "./Tls.ts"

export { ListenFailed } from "./GrpcServer.ts"
export { config, type Options } from "./Options.ts"
export { teardown } from "./Teardown.ts"
export { type Material, type Options as TlsOptions, TlsUnusable } from "./Tls.ts"

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

/**
 * Layer that serves a connector over gRPC (HTTP/2, with TLS where `tls` says so) until it is closed.
 *
 * **Details**
 *
 * Closing it, as a SIGTERM to the process does: health says NOT_SERVING and SetPayload is refused; the streams finish
 * what they took; no new calls are taken, and those in flight finish; all within the grace period. The transport and
 * the connector's own layers outlive all of that.
 *
 * With `tls`, the files are looked at again every so often, and a new certificate is in force without a restart. One that
 * cannot be used is refused, logged and alerted (`tlsCertificateRefused`), and the old one stays.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <Name extends string>(
  connector: Connector.Any<Name>,
  options: Options
): Layer.Layer<
  ConnectorServer | ConnectorRoutes,
  ListenFailed | TlsUnusable,
  Connector.Implemented<Name> | Transport.Transport | Events.Events
> =>
  Layer.effectContext(
    Effect.map(Serving.listen(connector, resolve(options)), ({ host, port, routes }) =>
      Context.make(ConnectorServer, { host, port }).pipe(Context.add(ConnectorRoutes, { routes })))
  ).pipe(Layer.provide(RunningStreams.layer(connector, options)))

/**
 * `layer` with options from the configuration; `config` has those of the documented environment.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = <Name extends string>(
  connector: Connector.Any<Name>,
  options: Config.Wrap<Options>
): Layer.Layer<
  ConnectorServer | ConnectorRoutes,
  ListenFailed | TlsUnusable | Config.ConfigError,
  Connector.Implemented<Name> | Transport.Transport | Events.Events
> => Layer.unwrap(Effect.map(Config.unwrap(options), (options) => layer(connector, options)))

/**
 * Layer of a connector without a listener: for calls within the process, as a test makes them.
 *
 * **Details**
 *
 * The same routes as `layer` serves, with no socket and no timer of its own: with the memory transport and the
 * `TestClock` no real time passes. Closing it drains the streams.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerRoutes = <Name extends string>(
  connector: Connector.Any<Name>,
  options: Options
): Layer.Layer<ConnectorRoutes, never, Connector.Implemented<Name> | Transport.Transport | Events.Events> =>
  Layer.effect(
    ConnectorRoutes,
    Effect.map(Serving.make(connector, resolve(options)), ({ routes }) => ({ routes }))
  ).pipe(Layer.provide(RunningStreams.layer(connector, options)))
