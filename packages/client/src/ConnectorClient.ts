/**
 * Calls the contract of one connector, in any language, with typed errors.
 *
 * The connector may say what went wrong in its reply, with a gRPC status, or as the original SDK does: the errors are
 * the same.
 *
 * @since 0.1.0
 */
import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf"
import { type ConnectRouter, createClient, createRouterTransport, type Transport } from "@connectrpc/connect"
import {
  ConnectorService,
  type EventPayload,
  HealthV1,
  type Payload,
  PayloadKind,
  type PayloadSchema,
  type Stream as WireStream,
  type StreamSchema
} from "@kps/idl"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import * as Call from "./Call.ts"
import type { GetEventsError, GetPayloadError, HealthError, SetPayloadError } from "./ClientError.ts"
import * as Endpoint from "./Endpoint.ts"
import * as GrpcTransport from "./GrpcTransport.ts"
import * as Health from "./Health.ts"
import type * as Tls from "./Tls.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Where the connector serves its contract, as `host:port`. */
  readonly endpoint: string
  /** Id of the connector instance: every call names it. */
  readonly connectorId: string
  /** How long each call may take; the connector is told. Default: 10 seconds. */
  readonly deadline?: Duration.Input
  /** Largest reply that is read, in bytes. Default: 4 MiB. */
  readonly readMaxBytes?: number
  /** TLS 1.2 or later; `{}` checks the connector's certificate with the authorities that Node knows. Default: plain text. */
  readonly tls?: Tls.Options | undefined
}

/**
 * @category models
 * @since 0.1.0
 */
export interface MakeOptions {
  /** How to reach the connector. */
  readonly transport: Transport
  /** Id of the connector instance: every call names it. */
  readonly connectorId: string
  /** What to call the connector's place in errors. */
  readonly endpoint: string
  /** How long each call may take, in real time; the connector is told. Default: no limit. */
  readonly deadline?: Duration.Input
}

/**
 * @category models
 * @since 0.1.0
 */
export interface RoutesOptions {
  /** Adds the services of the connector. */
  readonly routes: (router: ConnectRouter) => ConnectRouter
  /** Id of the connector instance: every call names it. */
  readonly connectorId: string
  /** How long each call may take, in real time, whatever the `Clock` says. Default: no limit. */
  readonly deadline?: Duration.Input
}

/**
 * Service that calls one connector.
 *
 * **Details**
 *
 * Calls may overlap. Nothing is tried again: `isRetryable` of an error says whether that is of use. Interrupting a call
 * cancels it at the connector.
 *
 * @category services
 * @since 0.1.0
 */
export class ConnectorClient extends Context.Service<ConnectorClient, {
  /** Everything of one kind that the connector has, as it sends it. */
  readonly getPayload: (kind: PayloadKind) => Effect.Effect<ReadonlyArray<Payload>, GetPayloadError>

  /** Every stream: those that run, those that should, and those that the connector offers. */
  readonly getStreams: Effect.Effect<ReadonlyArray<WireStream>, GetPayloadError>

  /** The config in force. One of several payloads is merged, in order, at the top level. */
  readonly getConfig: Effect.Effect<JsonObject, GetPayloadError>

  /**
   * Asks for streams and config, and succeeds when everything that was asked for runs.
   *
   * **Details**
   *
   * May be repeated. With at least one stream, the request names every stream that is wanted, and the others stop; with
   * config alone the streams stay; with nothing at all every stream stops. (The original SDK stops every stream that is
   * not named, also for config alone.)
   */
  readonly setPayload: (
    payloads: ReadonlyArray<MessageInitShape<typeof PayloadSchema>>
  ) => Effect.Effect<void, SetPayloadError>

  /** `setPayload` with streams alone. */
  readonly setStreams: (
    streams: ReadonlyArray<MessageInitShape<typeof StreamSchema>>
  ) => Effect.Effect<void, SetPayloadError>

  /** `setPayload` with one config alone. */
  readonly setConfig: (config: JsonObject) => Effect.Effect<void, SetPayloadError>

  /** The alerts and statuses of the connector as they are now. Asking changes nothing. */
  readonly getEvents: Effect.Effect<ReadonlyArray<EventPayload>, GetEventsError>

  /**
   * Whether the connector takes calls; with a service's name, whether that one does. A connector without the health
   * service, such as one of the original SDK, is `Rejected` with UNIMPLEMENTED.
   */
  readonly health: (service?: string) => Effect.Effect<Health.HealthStatus, HealthError>

  /** The health as it is now, then each change, until the connector ends it. No deadline applies. */
  readonly watchHealth: (service?: string) => Stream.Stream<Health.HealthStatus, HealthError>
}>()("@kps/client/ConnectorClient") {}

/**
 * Makes a client on a transport of the caller's.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: MakeOptions): ConnectorClient["Service"] => {
  const { connectorId, endpoint, transport } = options
  const deadline = Duration.fromInputUnsafe(options.deadline ?? Duration.infinity)
  const client = createClient(ConnectorService, transport)
  const health = Health.make(transport, { endpoint, deadline })
  const span = (service: string, method: string) =>
    ({
      kind: "client",
      attributes: { "rpc.system": "grpc", "rpc.service": service, "rpc.method": method, "server.address": endpoint }
    }) as const
  const contract = ConnectorService.typeName

  const getPayload = Effect.fn("ConnectorClient.getPayload", span(contract, "GetPayload"))((kind: PayloadKind) =>
    Call.runChecked(
      { rpc: "GetPayload", endpoint, deadline },
      (options) => client.getPayload({ connectorId, kind }, options),
      Call.refused
    ).pipe(Effect.map(({ payloads }): ReadonlyArray<Payload> => payloads))
  )

  const setPayload = Effect.fn("ConnectorClient.setPayload", span(contract, "SetPayload"))((
    payloads: ReadonlyArray<MessageInitShape<typeof PayloadSchema>>
  ) =>
    Call.runChecked(
      { rpc: "SetPayload", endpoint, deadline },
      (options) => client.setPayload({ connectorId, payloads: [...payloads] }, options),
      Call.notApplied
    ).pipe(Effect.asVoid)
  )

  return ConnectorClient.of({
    getPayload,
    getStreams: Effect.map(
      getPayload(PayloadKind.STREAM),
      (payloads) => payloads.flatMap(({ object }) => object.case === "stream" ? [object.value] : [])
    ),
    getConfig: Effect.map(
      getPayload(PayloadKind.CONFIG),
      (payloads) =>
        // not `Object.assign`: a key may be called __proto__
        Object.fromEntries(
          payloads.flatMap(({ object }) => object.case === "config" ? Object.entries(object.value.metadata ?? {}) : [])
        )
    ),
    setPayload,
    setStreams: (streams) => setPayload(streams.map((value) => ({ object: { case: "stream", value } }))),
    setConfig: (metadata) => setPayload([{ object: { case: "config", value: { metadata } } }]),
    getEvents: Call.runChecked(
      { rpc: "GetEvents", endpoint, deadline },
      (options) => client.getEvents({ connectorId }, options),
      Call.refused
    ).pipe(
      Effect.map(({ eventPayloads }): ReadonlyArray<EventPayload> => eventPayloads),
      Effect.withSpan("ConnectorClient.getEvents", span(contract, "GetEvents"))
    ),
    health: Effect.fn("ConnectorClient.health", span(HealthV1.Health.typeName, "Check"))(health.check),
    watchHealth: health.watch
  })
}

/**
 * Layer that calls a connector over gRPC, with TLS where `tls` says so.
 *
 * **Details**
 *
 * Connects with the first call, and again with the next call after the connection broke; a connector that is away fails
 * the calls, not the layer. Closing the layer closes the connection.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<ConnectorClient, Endpoint.InvalidEndpoint | Tls.InvalidTls> =>
  Layer.effect(
    ConnectorClient,
    Effect.gen(function*() {
      const endpoint = yield* Endpoint.parse(options.endpoint)
      const transport = yield* GrpcTransport.make({
        endpoint,
        readMaxBytes: options.readMaxBytes ?? 4 << 20,
        tls: options.tls
      })
      return make({ transport, endpoint, connectorId: options.connectorId, deadline: options.deadline ?? "10 seconds" })
    })
  )

/**
 * `layer` with options from the configuration.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<ConnectorClient, Endpoint.InvalidEndpoint | Tls.InvalidTls | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Config.unwrap(options), layer))

/**
 * Layer that calls a connector within this process, without a socket.
 *
 * **Details**
 *
 * Requests and replies are encoded and decoded as on the wire. No timer runs unless a deadline is given, so that tests
 * can use the `TestClock`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerRoutes = (options: RoutesOptions): Layer.Layer<ConnectorClient> =>
  Layer.sync(ConnectorClient, () =>
    make({
      ...options,
      endpoint: "this process",
      transport: createRouterTransport((router) => {
        options.routes(router)
      })
    }))
