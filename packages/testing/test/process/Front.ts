/** TLS before a connector that serves plain text within: a mutual TLS that lets in whom it should not. */
import { ConnectorServer } from "@kps/server"
import { Effect, Layer } from "effect"
import { readFileSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { createServer as createTlsServer, type TLSSocket } from "node:tls"

const expired = "CERT_HAS_EXPIRED"

/** Who is let in besides those that should be. */
const lenient: Readonly<Record<string, (socket: TLSSocket) => boolean>> = {
  "lets in clients without a certificate": (socket) => socket.getPeerX509Certificate() === undefined,
  "lets in clients of any authority": (socket) =>
    socket.getPeerX509Certificate() !== undefined && String(socket.authorizationError) !== expired,
  "lets in clients that have expired": (socket) => String(socket.authorizationError) === expired,
  "lets in plain text": () => false
}

export const isOf = (mutant: string): boolean => Object.hasOwn(lenient, mutant)

export interface Options {
  readonly mutant: string
  readonly port: number
  readonly cert: string
  readonly key: string
  readonly clientCa: string
}

/** Where a connection with TLS begins with something else, it is plain text. */
const handshake = 0x16

/** Listens as long as the scope is open, and passes on to the connector. */
export const layer = ({ cert, clientCa, key, mutant, port }: Options) =>
  Layer.effectDiscard(Effect.gen(function*() {
    const inner = yield* ConnectorServer.ConnectorServer
    const pass = (socket: Socket) => {
      const there = connect(inner.port, "127.0.0.1")
      for (const [a, b] of [[socket, there], [there, socket]] as const) a.on("error", () => {}).pipe(b)
    }
    const secure = createTlsServer({
      cert: readFileSync(cert),
      key: readFileSync(key),
      ca: readFileSync(clientCa),
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"]
    }, (socket) => socket.authorized || lenient[mutant]?.(socket) === true ? pass(socket) : socket.destroy())
    const server = createServer((socket) => {
      socket.on("error", () => {}).once("data", (first: Buffer) => {
        socket.pause().unshift(first)
        if (first[0] === handshake || mutant !== "lets in plain text") secure.emit("connection", socket)
        else pass(socket)
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(port, "127.0.0.1", () => resume(Effect.void))
      }),
      () => Effect.sync(() => server.close())
    )
  }))
