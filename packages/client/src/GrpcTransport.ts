/**
 * A connection to one endpoint, for calls over gRPC.
 *
 * @since 0.1.0
 */
import type { Transport } from "@connectrpc/connect"
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Http2Session } from "node:http2"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Where to connect to, as `host:port`. */
  readonly endpoint: string
  /** Largest message that is read, in bytes. */
  readonly readMaxBytes: number
}

/**
 * Makes a transport that connects with the first call, and again with the next one after the connection broke. Closing
 * the scope closes the connection, and with it what is still in flight.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Transport, never, Scope.Scope> => {
  const baseUrl = `http://${options.endpoint}`
  const seen = new WeakSet<Http2Session>()
  // The manager takes its listener off a session that it gives up. A session that fails after that (one of a server
  // that is none for HTTP/2 does) would bring down the process.
  const keepListening = (session: Http2Session | undefined) => {
    if (session === undefined || seen.has(session)) return
    seen.add(session)
    session.on("error", () => {})
  }
  return Effect.acquireRelease(
    Effect.sync(() => new Http2SessionManager(baseUrl)),
    (manager) => Effect.sync(() => manager.abort())
  ).pipe(Effect.map((manager) =>
    createGrpcTransport({
      baseUrl,
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
  ))
}
