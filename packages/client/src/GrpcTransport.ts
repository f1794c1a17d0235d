/**
 * A connection to one endpoint, for calls over gRPC.
 *
 * @since 0.1.0
 */
import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect"
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Http2Session } from "node:http2"
import * as Handshake from "./Handshake.ts"
import * as Tls from "./Tls.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Where to connect to, as `host:port`. */
  readonly endpoint: string
  /** Largest message that is read, in bytes. */
  readonly readMaxBytes: number
  /** Default: none, plain text. */
  readonly tls?: Tls.Options | undefined
}

/**
 * Makes a transport that connects with the first call, and again with the next one after the connection broke. Closing
 * the scope closes the connection, and with it what is still in flight.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Transport, Tls.InvalidTls, Scope.Scope> {
  const connect = options.tls === undefined ? undefined : yield* Tls.make(options.endpoint, options.tls)
  const baseUrl = `${connect === undefined ? "http" : "https"}://${options.endpoint}`
  // How far the last connection came: TLS is there, HTTP/2 is.
  let secured = false
  let greeted = false
  const seen = new WeakSet<Http2Session>()
  // The manager takes its listener off a session that it gives up. A session that fails after that (one of a server
  // that is none for HTTP/2 does) would bring down the process.
  const keepListening = (session: Http2Session | undefined) => {
    if (session === undefined || seen.has(session)) return
    seen.add(session)
    session.on("error", () => {})
    session.once("remoteSettings", () => {
      greeted = true
    })
  }
  const manager = yield* Effect.acquireRelease(
    Effect.sync(() =>
      connect === undefined
        ? new Http2SessionManager(baseUrl)
        : new Http2SessionManager(baseUrl, undefined, {
          createConnection: () => {
            secured = greeted = false
            return connect().once("secureConnect", () => {
              secured = true
            })
          }
        })
    ),
    (manager) => Effect.sync(() => manager.abort())
  )
  // Without this, all that is known is that the connection broke.
  const explain: Interceptor = (next) => (request) =>
    next(request).catch((cause: unknown) => {
      const error = ConnectError.from(cause)
      throw secured && !greeted && closings.has(error.code)
        ? new ConnectError(
          error.rawMessage,
          error.code,
          undefined,
          undefined,
          new Handshake.ClosedAfterHandshake(options.tls?.cert !== undefined)
        )
        : error
    })
  return createGrpcTransport({
    baseUrl,
    interceptors: connect === undefined ? [] : [explain],
    readMaxBytes: options.readMaxBytes,
    // a connector is next door: compression costs more than it saves
    acceptCompression: [],
    sessionManager: {
      authority: manager.authority,
      request: (method, path, headers, options) =>
        manager.request(method, path, headers, options).then((stream) => {
          keepListening(stream.session)
          return stream
        }),
      notifyResponseByteRead: (stream) => manager.notifyResponseByteRead(stream)
    }
  })
})

/** What calls end with when their connection does. */
const closings: ReadonlySet<Code> = new Set([Code.Canceled, Code.Aborted, Code.Unavailable])
