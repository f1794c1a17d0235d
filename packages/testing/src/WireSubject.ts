/**
 * A connector at an address as the subject: over gRPC and NATS, in any language.
 *
 * @since 0.1.0
 */
import { Endpoint, GrpcTransport, type Tls } from "@kps/client"
import { NatsConnection, NatsTransport, Transport } from "@kps/transport"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as ConnectorProcess from "./ConnectorProcess.ts"
import type { Description } from "./Description.ts"
import { BedFailed } from "./Outcome.ts"
import * as Pipeline from "./Pipeline.ts"
import * as Preflight from "./Preflight.ts"
import * as Proxy from "./Proxy.ts"
import { type Patience, Subject } from "./Subject.ts"
import * as Wire from "./Wire.ts"
import * as WireOutside from "./WireOutside.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Where the connector serves its contract, as `host:port`. */
  readonly endpoint: string
  /** TLS for the contract's calls. Default: plain text. */
  readonly tls?: Tls.Options | undefined
  /** The platform's broker, which the connector uses too: one server or several. */
  readonly nats: ReadonlyArray<string>
  /** Token for that broker. Default: none. */
  readonly token?: Redacted.Redacted | undefined
  /** User for that broker. Default: none. */
  readonly user?: string | undefined
  /** Password of the user. Default: none. */
  readonly password?: Redacted.Redacted | undefined
  readonly description: Description
  /**
   * Starts the connector so that it serves at `endpoint`. `{port}` in it is the port of the endpoint, and another one where
   * a second replica is started. Default: it runs already.
   */
  readonly command?: string | undefined
  /** Default: 8 seconds for what has to come and 300 milliseconds for what must not; 10 seconds for each call. */
  readonly patience?: Partial<Patience>
}

/** A reply may be as large as it likes: how large is for a case to judge. */
const readMaxBytes = 64 << 20

const unreachable = (nats: ReadonlyArray<string>) => ({ message }: { readonly message: string }) =>
  new Preflight.NotReachable({
    what: "broker",
    place: nats.join(",").replaceAll(/\/\/[^/,]*@/g, "//"),
    problem: message
  })

/** The platform's broker as the suite uses it. */
const platform = Effect.fnUntraced(function*({ nats, password, token, user }: Options) {
  const services = yield* NatsTransport.make({ servers: nats, name: "kps conform", password, token, user }).pipe(
    Effect.mapError(unreachable(nats))
  )
  const { current } = Context.get(services, NatsConnection.NatsConnection)
  yield* Effect.mapError(current, unreachable(nats))
  return Pipeline.make(Context.get(services, Transport.Transport), (channel, frame, times) =>
    current.pipe(
      Effect.mapError(({ message }) => new BedFailed({ problem: message })),
      Effect.map((client) => {
        for (let n = 0; n < times; n++) client.publish(channel, frame)
      })
    ))
})

/** `${port}` is the shell's own. */
const portPlaceholder = /(?<!\$)\{port\}/g

/** How the contract is called at a place, and how the bed itself looks there. */
const callerAt = Effect.fnUntraced(function*({ description, tls }: Options, endpoint: string) {
  const transport = yield* GrpcTransport.make({ endpoint, readMaxBytes, tls })
  return {
    transport,
    wire: Wire.make({ transport, connectorId: description.id, deadlineMillis: 5_000, record: () => {} })
  }
})

/** The command, which does not run yet, for a connector that serves at a port. */
const processAt = (
  command: string,
  port: string,
  env: Readonly<Record<string, string>>,
  wire: Wire.Wire
) =>
  ConnectorProcess.make({
    command: command.replaceAll(portPlaceholder, port),
    env,
    // a connector without the health service serves when it answers
    ready: Effect.gen(function*() {
      const events = yield* wire.getEvents()
      if (!events.isSaid) return false
      const health = yield* wire.health("")
      return health === "SERVING" || health.startsWith("gRPC")
    })
  })

const replicaOf = (options: Options, command: string, host: string, env: Readonly<Record<string, string>>) =>
  Effect.gen(function*() {
    // free again when it is known
    const free = yield* Effect.scoped(Proxy.listen((socket) => void socket.destroy()))
    const port = portOf(free)
    const { transport, wire } = yield* callerAt(options, `${host}:${port}`).pipe(
      Effect.mapError(({ message }) => new BedFailed({ problem: message }))
    )
    yield* (yield* processAt(command, port, env, wire)).start
    return transport
  })

const portOf = (place: string) => place.slice(place.lastIndexOf(":") + 1)

const started = Effect.fnUntraced(function*(options: Options, wire: Wire.Wire) {
  const { command, description, endpoint, nats } = options
  const [server] = nats
  if (command === undefined || server === undefined) return {}
  const reply = yield* wire.getEvents()
  if (reply.isSaid) {
    return yield* new Preflight.NotTestable({
      place: endpoint,
      problem: "something answers there before the command was started"
    })
  }
  // credentials and scheme stay, the place is the proxy's
  const [, before = "nats://", target = ""] = /^((?:[a-z]+:\/\/)?(?:.*@)?)(.*)$/.exec(server) ?? []
  const proxy = yield* Proxy.make(target)
  const env = { NATS_BROKER: `${before}${proxy.address}`, CONNECTOR_INSTANCE_ID: description.id }
  const process = yield* processAt(command, portOf(endpoint), env, wire)
  yield* process.start
  const host = endpoint.slice(0, endpoint.lastIndexOf(":"))
  return {
    process,
    broker: { leave: proxy.leave, back: proxy.back },
    line: proxy,
    ...(command.search(portPlaceholder) < 0 ? {} : { replica: replicaOf(options, command, host, env) })
  }
})

/**
 * Why there is no subject.
 *
 * @category errors
 * @since 0.1.0
 */
export type Unusable =
  | Endpoint.InvalidEndpoint
  | Effect.Error<ReturnType<typeof GrpcTransport.make>>
  | Preflight.NotReachable
  | Preflight.NotTestable
  | BedFailed

/**
 * Makes the subject, in the scope, when there is a connector that may be tested.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Subject["Service"], Unusable, Scope.Scope> {
  const { description } = options
  const place = yield* Endpoint.parse(options.endpoint)
  const { transport, wire } = yield* callerAt(options, place)
  const check = Preflight.check(wire, { place, id: description.id, channelPrefix: description.channelPrefix })
  if (options.command === undefined) yield* check
  const pipeline = yield* platform(options)
  const process = yield* started(options, wire)
  if (options.command !== undefined) yield* check
  const outside = yield* WireOutside.make(description.outside, options.nats[0] ?? "")
  return Subject.of({
    description,
    transport,
    place,
    overSocket: true,
    overTls: options.tls !== undefined,
    pipeline,
    outside,
    patience: {
      within: Duration.seconds(8),
      quiet: Duration.millis(300),
      // with the process there are more cases, in the same two minutes
      longest: Duration.seconds(options.command === undefined ? 6 : 3),
      forgotten: Duration.seconds(40),
      away: Duration.seconds(10),
      call: Duration.seconds(10),
      start: Duration.seconds(30),
      renewal: Duration.seconds(20),
      redelivery: Duration.seconds(35),
      ...options.patience
    },
    ...process
  })
})

/**
 * Layer of a connector at an address.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Subject, Unusable> => Layer.effect(Subject, make(options))
