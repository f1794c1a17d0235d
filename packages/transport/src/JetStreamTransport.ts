/**
 * The transport over JetStream: what is published is stored, and delivered at least once.
 *
 * One stream for each channel, made or checked when the channel is first used. Core NATS clients, such as the Go SDK,
 * publish and subscribe on the same subjects: what they publish is stored too, without a confirmation, and what they get
 * is what they are there for.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { now, onSystemClock } from "./internal/broker.ts"
import { validChannel } from "./internal/channel.ts"
import * as Counters from "./internal/Counters.ts"
import * as environment from "./internal/environment.ts"
import * as consumers from "./internal/jetstream/consumers.ts"
import * as counters from "./internal/jetstream/counters.ts"
import * as jetStreamEnvironment from "./internal/jetstream/environment.ts"
import { type Ground, withSession } from "./internal/jetstream/Ground.ts"
import * as headers from "./internal/jetstream/headers.ts"
import * as reading from "./internal/jetstream/reading.ts"
import { Sessions } from "./internal/jetstream/Sessions.ts"
import * as settings from "./internal/jetstream/settings.ts"
import * as streams from "./internal/jetstream/streams.ts"
import * as writing from "./internal/jetstream/writing.ts"
import { JetStream, type StreamOptions } from "./JetStream.ts"
import { NatsConnection } from "./NatsConnection.ts"
import * as NatsTransport from "./NatsTransport.ts"
import { type ConnectionStatus, Transport } from "./Transport.ts"
import { InvalidOption, NotConnected, TransportError } from "./TransportError.ts"

/**
 * What a connection and its streams are made with.
 *
 * **Details**
 *
 * Of the connection's options, `maxUnconfirmedBytes`, `maxBufferedPayloads` and `maxBufferedBytes` are for each channel
 * and subscription here.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends NatsTransport.Options {
  /** What the streams of channels are made with, and compared with. Default: the defaults of `StreamOptions`. */
  readonly stream?: StreamOptions | undefined
  /**
   * Whether the order of what is published on a channel is kept when some of it is refused, by messages that expect the
   * one before them. "none" suits channels on which many publish at once. Default: "strict".
   */
  readonly ordering?: "strict" | "none" | undefined
  /** Most messages of one channel that are sent and not stored yet: publishing waits beyond it. Default: 4,096. */
  readonly maxUnconfirmedMessages?: number | undefined
  /** How long the broker has to answer anything of what is on its way, before it is found out. Default: 5 seconds. */
  readonly ackTimeout?: Duration.Input | undefined
  /**
   * How long a reader of a durable consumer, or of a queue group, may hold a message that it gives no sign of, before
   * another one gets it: what a killed process held comes again after it. While the process lives, what it holds is its
   * own. At least 100 ms. Default: 30 seconds, and what the options of a consumer say.
   */
  readonly ackWait?: Duration.Input | undefined
  /** Most messages that all readers of a consumer or group hold together. Default: 1,000, and as above. */
  readonly maxAckPending?: number | undefined
}

const positive = (option: string, value: number): Effect.Effect<number, TransportError> =>
  value > 0 && Number.isFinite(value)
    ? Effect.succeed(value)
    : Effect.fail(
      new TransportError({ reason: new InvalidOption({ option, problem: `it is ${value}, want more than 0` }) })
    )

/** Headers take their part of what the server takes. */
const withHeaders = (status: ConnectionStatus): ConnectionStatus =>
  status._tag === "Connected"
    ? { ...status, maxPayloadBytes: status.maxPayloadBytes - headers.reserveBytes }
    : status

/**
 * Makes the transport, and gives access to JetStream and to the client under it.
 *
 * **Details**
 *
 * As `NatsTransport.make`: it waits for the first try to connect, at most a second. Closing the scope waits until what was
 * published is stored, at most `drainTimeout`; what is not is counted as `uncertain`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Context.Context<Transport | JetStream | NatsConnection>, TransportError, Scope.Scope> {
  const wanted = yield* Effect.fromResult(settings.make(options.stream ?? {}))
  const ackMillis = yield* positive("ackTimeout", Duration.toMillis(options.ackTimeout ?? "5 seconds"))
  const maxUnconfirmedMessages = yield* positive("maxUnconfirmedMessages", options.maxUnconfirmedMessages ?? 4096)
  const group = { ackWait: options.ackWait, maxAckPending: options.maxAckPending }
  yield* Effect.fromResult(consumers.make({ name: "group", ...group }, "queue group"))
  const nats = yield* NatsTransport.make(options)
  const core = Context.get(nats, Transport)
  const connection = Context.get(nats, NatsConnection)
  const sessions = new Sessions()
  const ground: Ground = {
    sessions,
    connected: connection.current,
    away: Effect.flatMap(connection.current, ({ info }) =>
      Effect.fail(
        new TransportError({
          reason: new NotConnected({
            servers: info === undefined ? [] : [`${info.host}:${info.port}`],
            handedOver: 0,
            cause: new Error("the connection broke")
          })
        })
      )),
    ensure: (session, channel) => streams.ensure(wanted, session, channel),
    counters: Counters.make(),
    stats: counters.make(),
    watched: new Set(),
    now,
    maxUnconfirmedMessages,
    maxUnconfirmedBytes: options.maxUnconfirmedBytes ?? 8_388_608,
    maxBufferedPayloads: options.maxBufferedPayloads ?? 65_536,
    maxBufferedBytes: options.maxBufferedBytes ?? 8_388_608,
    ackMillis,
    drainMillis: Duration.toMillis(options.drainTimeout ?? "2 seconds"),
    ordered: options.ordering !== "none",
    group
  }
  yield* Effect.forkScoped(sessions.run(connection.changes))
  const look = Effect.sync(() => {
    for (const one of ground.watched) one.check()
  })
  yield* Effect.forkScoped(onSystemClock(Effect.forever(Effect.delay(look, Duration.millis(ackMillis / 4)))))
  const writer = yield* writing.make(ground)
  const reader = yield* reading.make(ground, writer.settled)

  const transport = Transport.of({
    publish: (channel, message) => writer.publishAll(channel, [message]),
    publishAll: writer.publishAll,
    publishConfirmed: writer.publishConfirmed,
    sink: (channel) => Sink.forEachArray((messages) => writer.publishAll(channel, messages)),
    subscription: reader.subscription,
    subscribe: (channel, options) => Stream.unwrap(reader.subscription(channel, options)),
    flush: writer.flush,
    status: Effect.map(core.status, withHeaders),
    statusChanges: Stream.map(core.statusChanges, withHeaders),
    stats: Effect.map(core.stats, ({ connectErrors, disconnects }) => ({
      ...ground.counters,
      connectErrors,
      disconnects
    }))
  })
  const jetStream = JetStream.of({
    stream: (channel) =>
      Effect.andThen(
        validChannel(channel),
        withSession(ground, (session) => Effect.map(ground.ensure(session, channel), ({ name }) => name))
      ),
    settings: (channel) =>
      Effect.andThen(
        validChannel(channel),
        withSession(ground, (session) => streams.settingsNow(wanted, session, channel))
      ),
    consumerSettings: (channel, name) =>
      Effect.andThen(
        validChannel(channel),
        withSession(ground, (session) => consumers.settingsNow(session, channel, wanted.name(channel), name))
      ),
    lastMessage: reader.lastMessage,
    resumePoint: reader.resumePoint,
    writer: writer.writer,
    consumer: reader.consumer,
    stats: Effect.sync(() => ({ ...ground.stats }))
  })
  return Context.make(Transport, transport).pipe(
    Context.add(JetStream, jetStream),
    Context.add(NatsConnection, connection)
  )
})

/**
 * Layer for given options.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Transport | JetStream | NatsConnection, TransportError> =>
  Layer.effectContext(make(options))

/**
 * Layer whose options are read from the configuration.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<Transport | JetStream | NatsConnection, TransportError | Config.ConfigError> =>
  Layer.effectContext(Effect.flatMap(Config.unwrap(options), make))

/**
 * Layer with the documented environment.
 *
 * **Details**
 *
 * That of `NatsTransport.layerEnv`, and for the streams, each with the default of its option; an empty variable counts as
 * absent, and one that cannot be right fails with `InvalidOption`, which names it:
 *
 * - `NATS_JS_REPLICAS`: 1 to 5
 * - `NATS_JS_STORAGE`: `file` or `memory`
 * - `NATS_JS_DISCARD`: `old` or `new`
 * - `NATS_JS_MAX_AGE`, `NATS_JS_DUPLICATE_WINDOW`, `NATS_JS_ACK_WAIT`: durations, such as `7 days`
 * - `NATS_JS_MAX_BYTES`, `NATS_JS_MAX_MESSAGES`, `NATS_JS_MAX_ACK_PENDING`: numbers
 * - `NATS_JS_ON_DIFFERENCE`: `fail` or `grow`
 *
 * @category layers
 * @since 0.1.0
 */
export const layerEnv: Layer.Layer<Transport | JetStream | NatsConnection, TransportError | Config.ConfigError> = Layer
  .effectContext(
    Effect.flatMap(
      Effect.all([environment.options, jetStreamEnvironment.options]),
      ([connection, jetStream]) => make({ ...connection, ...jetStream })
    )
  )
