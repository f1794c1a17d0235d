/**
 * The transport over NATS.
 *
 * The layers succeed whether or not the broker is there, connect to it for ever, and say how it stands by `status`.
 * Delivery is that of core NATS, at most once; what is not known to have arrived is counted.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as broker from "./internal/broker.ts"
import * as Counters from "./internal/Counters.ts"
import * as environment from "./internal/environment.ts"
import * as identity from "./internal/identity.ts"
import * as nats from "./internal/nats.ts"
import * as servers from "./internal/servers.ts"
import { NatsConnection } from "./NatsConnection.ts"
import type { Credentials, Tls } from "./NatsSecurity.ts"
import { Transport } from "./Transport.ts"
import { InvalidOption, TransportError } from "./TransportError.ts"

/**
 * What a connection is made with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Credentials {
  /**
   * Servers of one cluster, at least one, as `nats://host:port` or `tls://host:port`; the port defaults to 4222, the
   * scheme to `nats`. `tls` refuses a server without TLS before any credential is sent. User info (`user:password@`, or
   * a token and `@`) is used for that server; it excludes the credentials below. Tried in turn; servers that a connected
   * one tells about join them until the next connection.
   */
  readonly servers: ReadonlyArray<string>
  /** Name of this client in the server's monitoring and logs. Default: "kps". */
  readonly name?: string | undefined
  /**
   * How to check servers, and what to show them; given, every server has to speak TLS, `nats://` ones too. Without it, TLS
   * is spoken with `tls://` servers and with those that ask for it. Default: none.
   */
  readonly tls?: Tls | undefined
  /** How long one address of a server has to greet us. Default: 5 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /** Wait after the first failed try at all servers; doubles each time, give or take a quarter. Default: 250 ms. */
  readonly reconnectDelay?: Duration.Input | undefined
  /** The longest wait between tries. Default: 5 seconds. */
  readonly maxReconnectDelay?: Duration.Input | undefined
  /** A server that gives no sign of life for two of these is given up. Default: 5 seconds. */
  readonly pingInterval?: Duration.Input | undefined
  /**
   * Most bytes of messages that are handed over and not confirmed by the broker: publishing waits beyond it, and beyond a
   * message for every 32 of these bytes. A message larger than this goes alone. Default: 8 MiB.
   */
  readonly maxUnconfirmedBytes?: number | undefined
  /** Most payloads that one subscription holds for its reader; beyond it, new messages are dropped. Default: 65,536. */
  readonly maxBufferedPayloads?: number | undefined
  /** Most bytes that one subscription holds for its reader; beyond it, new messages are dropped. Default: 8 MiB. */
  readonly maxBufferedBytes?: number | undefined
  /** How long closing waits for the broker to take what was published. Default: 2 seconds. */
  readonly drainTimeout?: Duration.Input | undefined
  /**
   * Whether messages go by the fast data path, which reads and writes the connection beside the client, and is taken
   * with versions of the client that it is known to work with. Without it everything is promised as with it, slower.
   * `status` says which one is taken. Default: true.
   */
  readonly fastPath?: boolean | undefined
}

const invalid = (option: string, problem: string) =>
  Effect.fail(new TransportError({ reason: new InvalidOption({ option, problem }) }))

const positive = (option: string, value: number) =>
  value > 0 && Number.isFinite(value) ? Effect.succeed(value) : invalid(option, `it is ${value}, want more than 0`)

const millis = (option: string, input: Duration.Input) => positive(option, Duration.toMillis(input))

/**
 * Makes the transport and gives access to the client under it.
 *
 * **Details**
 *
 * Waits for the first try to connect, at most a second, so that where the broker is there the transport is connected.
 * Fails for options that cannot be right, and for nothing else. Closing the scope confirms what was published, within
 * `drainTimeout`, and leaves no socket, timer or fiber behind. Waits are by the system's clock.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Context.Context<Transport | NatsConnection>, TransportError, Scope.Scope> {
  const { creds, name = "kps", nkeySeed, password, tls, token, user } = options
  const credentials = { token, user, password, nkeySeed, creds }
  yield* identity.check({ credentials, tls })
  const maxPayloads = yield* positive("maxBufferedPayloads", options.maxBufferedPayloads ?? 65_536)
  const maxBytes = yield* positive("maxBufferedBytes", options.maxBufferedBytes ?? 8_388_608)
  const counters = Counters.make()
  const subscriptions = nats.makeSubscriptions()
  const connection = yield* broker.make({
    servers: yield* Effect.fromResult(servers.parse(options.servers, identity.hasCredentials(credentials))),
    name,
    credentials,
    tls,
    connectTimeoutMillis: yield* millis("connectTimeout", options.connectTimeout ?? "5 seconds"),
    reconnectDelayMillis: yield* millis("reconnectDelay", options.reconnectDelay ?? "250 millis"),
    maxReconnectDelayMillis: yield* millis("maxReconnectDelay", options.maxReconnectDelay ?? "5 seconds"),
    pingIntervalMillis: yield* millis("pingInterval", options.pingInterval ?? "5 seconds"),
    drainTimeoutMillis: yield* millis("drainTimeout", options.drainTimeout ?? "2 seconds"),
    maxUnconfirmedBytes: yield* positive("maxUnconfirmedBytes", options.maxUnconfirmedBytes ?? 8_388_608),
    fastPath: options.fastPath ?? true,
    counters,
    onLink: subscriptions.onLink
  })
  const transport = nats.make(connection, counters, subscriptions, {
    highPayloads: Math.min(4096, maxPayloads / 2),
    highBytes: Math.min(524_288, maxBytes / 2),
    maxPayloads,
    maxBytes
  })
  yield* Effect.addFinalizer(() => subscriptions.close)
  yield* broker.onSystemClock(Effect.timeoutOption(connection.tried, "1 second"))

  return Context.make(Transport, transport).pipe(
    Context.add(NatsConnection, {
      current: Effect.suspend(() => {
        const link = connection.link()
        return link === undefined ? Effect.fail(connection.away(0)) : Effect.succeed(link.client)
      }),
      changes: SubscriptionRef.changes(connection.clients)
    })
  )
})

/**
 * Layer for given options.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Transport | NatsConnection, TransportError> =>
  Layer.effectContext(make(options))

/**
 * Layer whose options are read from the configuration.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<Transport | NatsConnection, TransportError | Config.ConfigError> =>
  Layer.effectContext(Effect.flatMap(Config.unwrap(options), make))

/**
 * The options that the environment asks for: what `layerEnv` connects with, for who connects by other means. Fails with a
 * variable that is wrong, or two that are not for one another; logs a warning where no broker is named.
 *
 * @category options
 * @since 0.1.0
 */
export const optionsEnv: Effect.Effect<Options, TransportError | Config.ConfigError> = environment.options

/**
 * Layer with the documented environment.
 *
 * **Details**
 *
 * `NATS_BROKER` is one server or several with commas between; unset it means `nats://127.0.0.1:4222`, with a warning.
 * All others are optional, and what no variable is for has its default:
 *
 * - `NATS_NAME`: name of the client
 * - `NATS_TOKEN`, or `NATS_TOKEN_FILE` with its path
 * - `NATS_USER` with `NATS_PASSWORD`, or with `NATS_PASSWORD_FILE` with its path
 * - `NATS_NKEY_SEED_FILE`, `NATS_CREDS_FILE`: paths
 * - `NATS_TLS_CA`, `NATS_TLS_CERT`, `NATS_TLS_KEY`: paths; one of them makes TLS a must
 * - `KPS_NATS_FAST_PATH`: `on` or `off`, whether the fast data path is taken where it can be; by default it is
 *
 * @category layers
 * @since 0.1.0
 */
export const layerEnv: Layer.Layer<Transport | NatsConnection, TransportError | Config.ConfigError> = Layer
  .effectContext(Effect.flatMap(environment.options, make))
