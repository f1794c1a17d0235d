import { Deferred, Effect } from "effect"
import * as http2 from "node:http2"
import { limits } from "../../src/Http2Limits.ts"

/** Bytes that one call of a hoard keeps the server waiting with. */
export const partBytes = 3 << 20

/** A message of gRPC: its length goes before it. */
export const message = (bytes: Uint8Array, length = bytes.length): Uint8Array => {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(length, 1)
  return Buffer.concat([prefix, bytes])
}

/** A connection of a raw client, until the scope is closed. */
export const connect = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<http2.ClientHttp2Session>((resume) => {
      const session = http2.connect(`http://127.0.0.1:${port}`)
      session.on("error", () => {})
      session.once("remoteSettings", () => resume(Effect.succeed(session)))
    }),
    (session) => Effect.sync(() => session.destroy())
  )

/** A call of the contract, without its request. */
export const open = (session: http2.ClientHttp2Session, rpc: string): http2.ClientHttp2Stream =>
  session.request({
    ":method": "POST",
    ":path": `/connector.v1.ConnectorService/${rpc}`,
    "content-type": "application/grpc",
    te: "trailers"
  }).on("error", () => {})

/** Has the server wait for the last byte of so many requests that it takes no more; the connection that they are on. */
export const hoard = Effect.fnUntraced(function*(port: number) {
  const session = yield* connect(port)
  const refused = yield* Deferred.make<void>()
  for (let held = 0; held < limits.heldBytes + partBytes; held += partBytes) {
    const stream = open(session, "SetPayload").resume()
    const look = (headers: http2.IncomingHttpHeaders) => {
      if (headers["grpc-status"] === "8") Deferred.doneUnsafe(refused, Effect.void)
    }
    stream.on("response", look)
    stream.on("trailers", look)
    stream.write(message(new Uint8Array(partBytes), partBytes + 1))
  }
  yield* Effect.orDie(Effect.timeout(Deferred.await(refused), "5 seconds"))
  return session
})
