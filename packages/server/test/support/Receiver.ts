/** An HTTP server that keeps what it is sent: a push gateway, or a collector. */
import { Effect, type Scope } from "effect"
import { createServer, type IncomingHttpHeaders } from "node:http"

export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface Receiver {
  readonly port: number
  /** What was sent so far, oldest first. */
  readonly received: ReadonlyArray<Received>
  /** What is answered from now on; `undefined` gives no answer. Default: 200. */
  status: number | undefined
  text: string
  /** Headers of the answers. */
  headers: Readonly<Record<string, string>>
}

/** On a free port of the loopback, or the one that is given, in this scope. */
export const make = (port = 0): Effect.Effect<Receiver, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<{ readonly receiver: Receiver; readonly close: Effect.Effect<void> }>((resume) => {
      const received: Array<Received> = []
      const receiver = { port, received, status: 200 as number | undefined, text: "", headers: {} }
      const server = createServer((request, response) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => {
          const { headers, method = "", url = "" } = request
          received.push({ method, path: url, headers, body: Buffer.concat(chunks) })
          if (receiver.status === undefined) return
          response.writeHead(receiver.status, receiver.headers)
          response.end(receiver.text)
        })
      })
      server.listen(port, "127.0.0.1", () => {
        const address = server.address()
        receiver.port = typeof address === "object" && address !== null ? address.port : port
        const close = Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
        resume(Effect.succeed({ receiver, close }))
      })
    }),
    ({ close }) => close
  ).pipe(Effect.map(({ receiver }) => receiver))
