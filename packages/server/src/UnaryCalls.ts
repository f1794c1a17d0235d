/**
 * Unary calls of gRPC straight on HTTP/2: one message in, one message out, and no more made for a call than it needs.
 *
 * Takes the calls that every client makes: a request that is one whole message, not compressed. Whatever is not of that
 * kind (JSON, compressed requests, messages that are too large or none) is handed to connect, with all that was read of
 * it, and is answered by that; what both answer is the same.
 *
 * @since 0.1.0
 */
import { Code, ConnectError } from "@connectrpc/connect"
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node"
import { compressionNegotiate } from "@connectrpc/connect/protocol"
import { parseTimeout, setTrailerStatus } from "@connectrpc/connect/protocol-grpc"
import * as http2 from "node:http2"
import type { UnaryMethod } from "./ContractRoutes.ts"
import type { Account } from "./HeldBytes.ts"
import { limits } from "./Http2Limits.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Milliseconds from any start. */
  readonly now: () => number
  /** Aborted when calls in flight are to end. */
  readonly shutdownSignal: AbortSignal
}

/**
 * What was read of a request.
 *
 * @category models
 * @since 0.1.0
 */
export interface Read {
  readonly chunks: ReadonlyArray<Uint8Array>
  /** Whether that is all of it. */
  readonly whole: boolean
  /** Why the last chunk was one too many. */
  readonly refused: unknown
}

/**
 * A call to be served.
 *
 * @category models
 * @since 0.1.0
 */
export interface UnaryCall {
  readonly stream: http2.ServerHttp2Stream
  readonly headers: http2.IncomingHttpHeaders
  readonly method: UnaryMethod
  readonly account: Account
  /** Takes over a call that is not of the common kind. */
  readonly elsewhere: (read: Read) => void
  /** The reply could not be written. */
  readonly failed: (cause: unknown) => void
}

const accepted = [compressionGzip, compressionBrotli]

/** As connect's, which has no name for it: what is shorter is not compressed. */
const compressMinBytes = 1_024

/** A flag and the length of the message. */
const prefixBytes = 5

/** Longer than any timer of Node. */
const longestMillis = 2 ** 31 - 1

/**
 * Whether the headers of a call are such that it can be served here.
 *
 * @category guards
 * @since 0.1.0
 */
export const isCommon = (headers: http2.IncomingHttpHeaders): boolean => {
  const type = headers["content-type"]
  const encoding = headers["grpc-encoding"]
  const timeout = headers["grpc-timeout"]
  return headers[":method"] === "POST" &&
    (type === "application/grpc" || type === "application/grpc+proto") &&
    (encoding === undefined || encoding === "identity") &&
    (timeout === undefined ||
      (typeof timeout === "string" && parseTimeout(timeout, Number.MAX_SAFE_INTEGER).error === undefined)) &&
    // What is no part of a URL is refused by connect.
    /^[\w.:[\]-]+$/u.test(headers[":authority"] ?? "")
}

/**
 * Serves calls whose headers are common.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = ({ now, shutdownSignal }: Options): (call: UnaryCall) => void => {
  const inFlight = new Set<AbortController>()
  shutdownSignal.addEventListener("abort", () => {
    for (const controller of inFlight) controller.abort(shutdownSignal.reason)
  })

  return ({ account, elsewhere, failed, headers, method, stream }) => {
    const chunks: Array<Buffer> = []
    let byteLength = 0

    const leave = (whole: boolean, refused?: unknown) => {
      stream.off("data", onData)
      stream.off("end", onEnd)
      if (!whole) stream.pause()
      elsewhere({ chunks, whole, refused })
    }
    const onData = (chunk: Buffer) => {
      chunks.push(chunk)
      byteLength += chunk.byteLength
      const refused = tryHold(account, chunk.byteLength)
      const tooMuch = byteLength > prefixBytes + limits.messageBytes || announces(chunks[0]!)
      if (refused !== undefined || tooMuch) leave(false, refused)
    }
    const onEnd = () => {
      const frame = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
      const isOne = frame.byteLength >= prefixBytes && frame[0] === 0 &&
        frame.readUInt32BE(1) === frame.byteLength - prefixBytes
      const call = isOne ? parsed(method, frame.subarray(prefixBytes)) : undefined
      if (call === undefined) return leave(true)
      account.hasRead()
      run(call)
    }
    stream.on("data", onData)
    stream.on("end", onEnd)

    const run = (call: ReturnType<UnaryMethod["call"]>) => {
      const controller = new AbortController()
      const { timeoutMs } = parseTimeout(headerOf(headers, "grpc-timeout"), Number.MAX_SAFE_INTEGER)
      const until = timeoutMs === undefined ? undefined : now() + timeoutMs
      const timer = timeoutMs === undefined ? undefined : setTimeout(
        () => controller.abort(new ConnectError("the operation timed out", Code.DeadlineExceeded)),
        Math.min(timeoutMs, longestMillis)
      )
      let settled = false
      const settle = () => {
        settled = true
        clearTimeout(timer)
        inFlight.delete(controller)
      }
      inFlight.add(controller)
      if (shutdownSignal.aborted) controller.abort(shutdownSignal.reason)
      stream.once("close", () => {
        if (!settled) controller.abort(new ConnectError("the caller is gone", Code.Canceled))
      })
      const context = {
        requestHeader: { get: (name: string) => headerOf(headers, name) },
        signal: controller.signal,
        timeoutMs: () => until === undefined ? undefined : until - now()
      }
      const { response: compression } = compressionNegotiate(
        accepted,
        null,
        headerOf(headers, "grpc-accept-encoding"),
        "grpc-accept-encoding"
      )
      call(context).then((parts) => {
        settle()
        const length = parts.reduce((sum, part) => sum + part.byteLength, 0)
        return compression === null || length < compressMinBytes
          ? reply(stream, account, compression?.name, 0, length, parts)
          : compression.compress(Buffer.concat(parts)).then((bytes) =>
            reply(stream, account, compression.name, 1, bytes.byteLength, [bytes])
          )
      }, (error: unknown) => {
        settle()
        refuse(stream, compression?.name, error)
      }).catch(failed)
    }
  }
}

/** Why the chunk is one too many; it is held all the same. */
const tryHold = (account: Account, byteLength: number): unknown => {
  try {
    account.hold(byteLength)
    return undefined
  } catch (cause) {
    return cause
  }
}

/** A message that is too large is refused before it is read. */
const announces = (first: Buffer): boolean =>
  first.byteLength >= prefixBytes && first.readUInt32BE(1) > limits.messageBytes

const parsed = (method: UnaryMethod, bytes: Uint8Array): ReturnType<UnaryMethod["call"]> | undefined => {
  try {
    return method.call(bytes)
  } catch {
    // connect says what is wrong with it
    return undefined
  }
}

const headerOf = (headers: http2.IncomingHttpHeaders, name: string): string | null => {
  const value = headers[name]
  return value === undefined ? null : typeof value === "string" ? value : value.join(", ")
}

/** Headers as connect sends them. */
const headersOf = (compression: string | undefined): http2.OutgoingHttpHeaders => ({
  ":status": 200,
  "content-type": "application/grpc+proto",
  ...(compression === undefined ? {} : { "grpc-encoding": compression })
})

/** Up to this many bytes parts are put together: one write costs more than a copy. */
const copyBytes = 16_384

const reply = (
  stream: http2.ServerHttp2Stream,
  account: Account,
  compression: string | undefined,
  flag: 0 | 1,
  length: number,
  parts: ReadonlyArray<Uint8Array>
): void => {
  if (stream.destroyed || stream.closed) return
  account.hold(prefixBytes + length)
  account.replies()
  const prefix = Buffer.allocUnsafe(prefixBytes)
  prefix[0] = flag
  prefix.writeUInt32BE(length, 1)
  respond(stream, compression, { "grpc-status": "0" })
  if (length <= copyBytes) return void stream.end(Buffer.concat([prefix, ...parts], prefixBytes + length))
  stream.cork()
  stream.write(prefix)
  for (const part of parts) stream.write(part)
  stream.end()
}

const refuse = (stream: http2.ServerHttp2Stream, compression: string | undefined, error: unknown): void => {
  if (stream.destroyed || stream.closed) return
  const told = error instanceof ConnectError
    ? error
    : new ConnectError("internal error", Code.Internal, undefined, undefined, error)
  respond(stream, compression, Object.fromEntries(setTrailerStatus(new Headers(), told)))
  stream.end()
}

const respond = (
  stream: http2.ServerHttp2Stream,
  compression: string | undefined,
  trailers: http2.OutgoingHttpHeaders
): void => {
  stream.once("wantTrailers", () => stream.sendTrailers(trailers))
  stream.respond(headersOf(compression), { waitForTrailers: true })
}
