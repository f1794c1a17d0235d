/**
 * Listens for gRPC: HTTP/2 without TLS, bounded, and without an abrupt end.
 *
 * @since 0.1.0
 */
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect"
import { connectNodeAdapter } from "@connectrpc/connect-node"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as http2 from "node:http2"
import type { Socket } from "node:net"

/**
 * No server could be started at this address.
 *
 * @category errors
 * @since 0.1.0
 */
export class ListenFailed extends Schema.TaggedError<ListenFailed>("@kps/server/GrpcServer/ListenFailed")(
  "ListenFailed",
  {
    host: Schema.String,
    port: Schema.Number,
    cause: Schema.Defect()
  }
) {
  override get message(): string {
    const code = this.cause instanceof Error && "code" in this.cause ? String(this.cause.code) : ""
    const why = reasons[code] ?? (this.cause instanceof Error ? this.cause.message : String(this.cause))
    return `cannot listen on ${this.host}:${this.port}: ${why}`
  }
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is in use",
  EADDRNOTAVAIL: "this machine has no such address",
  EACCES: "no permission to use the port",
  ENOTFOUND: "no such host",
  ERR_SOCKET_BAD_PORT: "a port is between 0 and 65535"
}

/**
 * What one caller may take of the server.
 *
 * @category constants
 * @since 0.1.0
 */
export const limits = {
  /** Bytes of a request, decompressed. */
  messageBytes: 4 << 20,
  /** Calls in flight on one connection; more of them wait at the caller. */
  concurrentStreams: 100
} as const

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly host: string
  readonly port: number
  readonly routes: (router: ConnectRouter) => ConnectRouter
  /** How long the end may take, from its beginning. */
  readonly gracePeriod: Duration.Duration
  /** Comes first when the scope closes: calls are still answered, and new connections taken. Counts as grace. */
  readonly beforeClose: Effect.Effect<void>
  /** Comes next: lets go of calls that would never end by themselves. */
  readonly onClose: Effect.Effect<void>
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
): Effect.fn.Return<{ readonly host: string; readonly port: number }, ListenFailed, Scope.Scope> {
  const shutdown = new AbortController()
  const server = http2.createServer({
    settings: { maxConcurrentStreams: limits.concurrentStreams }
  }, handler(options.routes, shutdown.signal))
  const sessions = new Set<http2.ServerHttp2Session>()
  const sockets = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
    // A caller that vanished without a word is noticed.
    socket.setKeepAlive(true, 60_000)
  })
  server.on("session", (session) => {
    sessions.add(session)
    session.once("close", () => sessions.delete(session))
  })
  // Broken connections and bytes that are no HTTP/2 are the caller's affair; unheard they would end the process.
  server.on("sessionError", () => {})

  yield* Effect.acquireRelease(listen(server, options), () => close({ server, sessions, sockets, shutdown }, options))
  const address = server.address()
  return {
    host: options.host,
    port: typeof address === "object" && address !== null ? address.port : options.port
  }
})

type Handler = (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void

const handler = (routes: Options["routes"], shutdownSignal: AbortSignal): Handler => {
  const adapter = connectNodeAdapter({
    routes: (router) => {
      routes(router)
    },
    grpc: true,
    grpcWeb: false,
    connect: false,
    readMaxBytes: limits.messageBytes,
    shutdownSignal,
    fallback: (request, response) => {
      if ("stream" in response) unknownMethod(request.headers["content-type"], response.stream)
    }
  })
  return (request, response) => {
    // After the adapter's own listener, which sends them.
    response.stream.once("wantTrailers", () => {
      if (!request.readableEnded) letGo(response.stream)
    })
    try {
      adapter(request, response)
    } catch {
      // Pseudo headers that are no URL: the adapter throws, and thrown from here it would end the process.
      response.stream.close(http2.constants.NGHTTP2_PROTOCOL_ERROR)
    }
  }
}

/** A path that is no method of ours: as gRPC to a gRPC caller, else as plain HTTP. */
const unknownMethod = (contentType: string | undefined, stream: http2.ServerHttp2Stream): void => {
  stream.respond(
    contentType?.startsWith("application/grpc") === true
      ? {
        ":status": 200,
        "content-type": "application/grpc",
        "grpc-status": String(Code.Unimplemented),
        "grpc-message": "no such method"
      }
      : { ":status": 404 },
    { endStream: true }
  )
  letGo(stream)
}

/**
 * Ends a call that was answered before all of its request was read: it would stay open, and count against the limit, as
 * long as its caller has something to send. A turn later, when the answer is written; `close` would wait to be read.
 */
const letGo = (stream: http2.ServerHttp2Stream): void => {
  setImmediate(() => stream.destroy())
}

const listen = (server: http2.Http2Server, { host, port }: Options): Effect.Effect<void, ListenFailed> =>
  Effect.callback<void, ListenFailed>((resume) => {
    const fail = (cause: unknown) => resume(Effect.fail(new ListenFailed({ host, port, cause })))
    server.once("error", fail)
    try {
      server.listen({ host, port }, () => {
        server.off("error", fail)
        // What fails later (no file descriptors to accept with) concerns one connection.
        server.on("error", () => {})
        resume(Effect.void)
      })
    } catch (cause) {
      fail(cause)
    }
  })

interface Listening {
  readonly server: http2.Http2Server
  readonly sessions: ReadonlySet<http2.ServerHttp2Session>
  readonly sockets: ReadonlySet<Socket>
  readonly shutdown: AbortController
}

const close = Effect.fnUntraced(function*({ server, sessions, shutdown, sockets }: Listening, options: Options) {
  const until = (yield* Clock.currentTimeMillis) + Duration.toMillis(options.gracePeriod)
  yield* options.beforeClose
  const closed = Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
  })
  const waiting = yield* Effect.forkChild(closed, { startImmediately: true })
  for (const session of sessions) session.close()
  yield* options.onClose
  const left = Duration.millis(Math.max(0, until - (yield* Clock.currentTimeMillis)))
  yield* Effect.timeoutOption(Fiber.await(waiting), left)
  shutdown.abort(new ConnectError("the connector is shutting down", Code.Unavailable))
  // Time to write those answers.
  yield* Effect.timeoutOption(Fiber.await(waiting), lastWords)
  for (const session of sessions) session.destroy()
  // A session that has lost its way does not close; its socket does.
  for (const socket of sockets) socket.destroy()
  yield* Effect.timeoutOption(Fiber.await(waiting), lastWords)
})

const lastWords = Duration.millis(250)
