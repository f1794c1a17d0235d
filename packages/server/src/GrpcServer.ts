/**
 * Listens for gRPC: HTTP/2, with TLS or without, bounded, and without an abrupt end.
 *
 * @since 0.1.0
 */
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as http2 from "node:http2"
import type { Socket } from "node:net"
import type { UnaryMethod } from "./ContractRoutes.ts"
import * as GrpcHandler from "./GrpcHandler.ts"
import * as HeldBytes from "./HeldBytes.ts"
import { limits, sessionOptions } from "./Http2Limits.ts"
import * as Http2Sessions from "./Http2Sessions.ts"
import { listen, type ListenFailed, portOf } from "./internal/listen.ts"
import * as Tls from "./Tls.ts"

export { ListenFailed } from "./internal/listen.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly host: string
  readonly port: number
  readonly routes: (router: ConnectRouter) => ConnectRouter
  /** Methods that are served without connect wherever that makes no difference, by path. Default: none. */
  readonly unary?: ReadonlyMap<string, UnaryMethod>
  /** Default: none, plain text. */
  readonly tls?: Tls.Loaded | undefined
  /** How long the end may take, from its beginning. */
  readonly gracePeriod: Duration.Duration
  /** Comes first when the scope closes: calls are still answered, and new connections taken. Counts as grace. */
  readonly beforeClose: Effect.Effect<void>
  /** Comes next: lets go of calls that would never end by themselves. */
  readonly onClose: Effect.Effect<void>
}

/**
 * A server that listens.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listening {
  readonly host: string
  /** The port in use, also where 0 was asked for. */
  readonly port: number
  /**
   * Puts another certificate in force for new connections, and asks the clients of those that are open to come again.
   * Only for a server with TLS; with client authorities only where it had some.
   */
  readonly renew: (tls: Tls.Loaded) => Effect.Effect<void>
}

/**
 * Serves routes until the scope is closed.
 *
 * **Details**
 *
 * The end: `beforeClose`; then no new connections, GOAWAY to every client, and `onClose`; calls in flight finish within
 * what is left of the grace period; those that do not are answered UNAVAILABLE, and every connection is closed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Listening, ListenFailed, Scope.Scope> {
  const shutdown = new AbortController()
  const clock = yield* Clock.Clock
  const random = yield* Random.Random
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const now = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  const held = HeldBytes.make(now)
  const sessions = Http2Sessions.make(now)
  const sockets = new Set<Socket>()
  const { server, setTls } = create(
    options.tls,
    GrpcHandler.make({
      routes: options.routes,
      unary: options.unary ?? new Map(),
      now,
      held,
      shutdownSignal: shutdown.signal,
      onDefect: (cause, rpc) => {
        fork(Effect.annotateLogs(Effect.logError("a reply could not be written", Cause.die(cause)), { rpc }))
      }
    })
  )
  server.maxConnections = limits.sockets
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
    // A caller that vanished without a word is noticed.
    socket.setKeepAlive(true, 60_000)
  })
  server.on("session", (session) => sessions.add(session, random.nextDoubleUnsafe()))

  yield* Effect.acquireRelease(
    listen(server, options),
    () => close({ server, sessions: sessions.open, sockets, shutdown }, options)
  )
  yield* Effect.sync(() => {
    sessions.sweep()
    held.sweep()
  }).pipe(Effect.delay(Duration.millis(limits.sweepMillis)), Effect.forever, Effect.forkScoped)
  return {
    host: options.host,
    port: portOf(server, options.port),
    renew: (tls) =>
      Effect.sync(() => {
        setTls(tls)
        sessions.retire()
      })
  }
})

type Server = http2.Http2Server | http2.Http2SecureServer

const create = (
  tls: Tls.Loaded | undefined,
  handler: GrpcHandler.Handler
): { readonly server: Server; readonly setTls: (tls: Tls.Loaded) => void } => {
  if (tls === undefined) {
    const server = http2.createServer(sessionOptions)
    server.on("stream", handler)
    return { server, setTls: () => {} }
  }
  const server = http2.createSecureServer({ ...sessionOptions, ...Tls.serverOptions(tls) })
  server.on("stream", handler)
  // A handshake that comes to nothing, and a client that wants no HTTP/2, are the caller's affair too.
  server.on("tlsClientError", () => {})
  server.on("unknownProtocol", (socket) => socket.destroy())
  return { server, setTls: (tls) => server.setSecureContext(Tls.contextOptions(tls)) }
}

interface Closing {
  readonly server: Server
  readonly sessions: Http2Sessions.Http2Sessions["open"]
  readonly sockets: ReadonlySet<Socket>
  readonly shutdown: AbortController
}

const close = Effect.fnUntraced(function*({ server, sessions, shutdown, sockets }: Closing, options: Options) {
  const until = (yield* Clock.currentTimeMillis) + Duration.toMillis(options.gracePeriod)
  yield* options.beforeClose
  const closed = Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
  })
  const waiting = yield* Effect.forkChild(closed, { startImmediately: true })
  for (const session of sessions.keys()) session.close()
  yield* options.onClose
  const left = Duration.millis(Math.max(0, until - (yield* Clock.currentTimeMillis)))
  yield* Effect.timeoutOption(Fiber.await(waiting), left)
  shutdown.abort(new ConnectError("the connector is shutting down", Code.Unavailable))
  // Time to write those answers.
  yield* Effect.timeoutOption(Fiber.await(waiting), lastWords)
  for (const session of sessions.keys()) session.destroy()
  // A session that has lost its way does not close; its socket does.
  for (const socket of sockets) socket.destroy()
  yield* Effect.timeoutOption(Fiber.await(waiting), lastWords)
})

const lastWords = Duration.millis(250)
