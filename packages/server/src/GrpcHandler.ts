/**
 * Hands calls from Node's HTTP/2 to connect routes and back.
 *
 * In the place of `connectNodeAdapter`, which prints to the console when a caller hangs up in the middle of a reply, and
 * throws at pseudo headers that are no URL.
 *
 * @since 0.1.0
 */
import { Code, ConnectError, type ConnectRouter, createConnectRouter } from "@connectrpc/connect"
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse
} from "@connectrpc/connect-node"
import type { UniversalServerRequest } from "@connectrpc/connect/protocol"
import * as http2 from "node:http2"
import type { UnaryMethod } from "./ContractRoutes.ts"
import type { Account, HeldBytes } from "./HeldBytes.ts"
import { limits } from "./Http2Limits.ts"
import * as UnaryCalls from "./UnaryCalls.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly routes: (router: ConnectRouter) => ConnectRouter
  /** Methods that are served without connect wherever that makes no difference, by path. */
  readonly unary: ReadonlyMap<string, UnaryMethod>
  /** Milliseconds from any start. */
  readonly now: () => number
  readonly held: HeldBytes
  /** Aborted when calls in flight are to end. */
  readonly shutdownSignal: AbortSignal
  /** A reply could not be written though its caller was there: a bug. */
  readonly onDefect: (cause: unknown, rpc: string) => void
}

/**
 * What listens to the streams of a server.
 *
 * @category models
 * @since 0.1.0
 */
export type Handler = (
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
  flags: number,
  rawHeaders: ReadonlyArray<string>
) => void

/**
 * Makes the handler of a server: gRPC alone.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Handler => {
  const { handlers } = options.routes(createConnectRouter({
    grpc: true,
    grpcWeb: false,
    connect: false,
    readMaxBytes: limits.messageBytes,
    acceptCompression: [compressionGzip, compressionBrotli],
    shutdownSignal: options.shutdownSignal
  }))
  const methods = new Map(handlers.map((handler) => [handler.requestPath, handler]))

  const serveUnary = UnaryCalls.make({
    now: options.now,
    shutdownSignal: options.shutdownSignal
  })

  return (stream, headers, _, rawHeaders) => {
    // What is wrong with a stream ends it, and nothing else.
    stream.on("error", () => {})
    const [path = ""] = (headers[":path"] ?? "").split("?", 1)
    const method = methods.get(path)
    if (method === undefined) return unknownMethod(headers["content-type"], stream)
    const { methodKind, name } = method.method
    const failed = (cause: unknown) => {
      // A caller that hung up is no news, and nobody is left to be told.
      if (stream.destroyed || stream.closed) return
      const exhausted = ConnectError.from(cause).code === Code.ResourceExhausted
      if (!exhausted) options.onDefect(cause, name)
      stream.close(exhausted ? http2.constants.NGHTTP2_ENHANCE_YOUR_CALM : http2.constants.NGHTTP2_INTERNAL_ERROR)
    }
    const account = options.held.open(stream, {
      request: methodKind === "unary" || methodKind === "server_streaming",
      reply: methodKind === "unary"
    })
    const throughConnect = (read: UnaryCalls.Read | undefined) => {
      const request = new http2.Http2ServerRequest(stream, headers, {}, rawHeaders)
      const response = new http2.Http2ServerResponse(stream)
      // After the listener of the response, which sends them.
      stream.once("wantTrailers", () => {
        if (!request.readableEnded && !stream.readableEnded) letGo(stream)
      })
      let call: UniversalServerRequest
      try {
        call = universalRequestFromNodeRequest(request, response, undefined, undefined)
      } catch {
        // Pseudo headers that are no URL. Thrown from here it would end the process.
        return stream.close(http2.constants.NGHTTP2_PROTOCOL_ERROR)
      }
      const body = read === undefined ? account.request(request) : again(read, stream, account)
      method({ ...call, body }).then((reply) =>
        universalResponseToNodeResponse(
          reply.body === undefined ? reply : { ...reply, body: account.reply(reply.body) },
          response
        )
      ).catch(failed)
    }
    const unary = options.unary.get(path)
    if (unary === undefined || !UnaryCalls.isCommon(headers)) return throughConnect(undefined)
    serveUnary({ stream, headers, method: unary, account, elsewhere: throughConnect, failed })
  }
}

/** A request of which some was read before. */
const again = async function*(
  { chunks, refused, whole }: UnaryCalls.Read,
  stream: http2.ServerHttp2Stream,
  account: Account
): AsyncGenerator<Uint8Array> {
  yield* chunks
  if (refused !== undefined) throw refused
  if (!whole) yield* account.request(stream.iterator({ destroyOnReturn: false }))
  account.hasRead()
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
