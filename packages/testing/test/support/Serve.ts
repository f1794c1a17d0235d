import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node"
import { Effect, type Scope } from "effect"
import * as http2 from "node:http2"
import type { Mutation, Routes } from "./MemorySubject.ts"

/** Listens on a free port of this machine, in the scope; connections end with it. */
export const listen = (server: http2.Http2Server): Effect.Effect<string, never, Scope.Scope> => {
  const sessions = new Set<http2.ServerHttp2Session>()
  server.on("session", (session) => void sessions.add(session))
  return Effect.acquireRelease(
    Effect.callback<string>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(`127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`))
      })
    }),
    () =>
      Effect.sync(() => {
        for (const session of sessions) session.destroy()
        server.close()
      })
  )
}

/** Serves over a socket, and calls over it. */
export const serve = ({ readMaxBytes }: { readonly readMaxBytes: number }): NonNullable<Mutation["call"]> =>
  Effect.fnUntraced(function*(routes: Routes) {
    const adapter = connectNodeAdapter({
      routes: (router) => {
        routes(router)
      },
      readMaxBytes,
      grpcWeb: false,
      connect: false
    })
    const address = yield* listen(http2.createServer(adapter))
    return createGrpcTransport({ baseUrl: `http://${address}`, readMaxBytes: 64 << 20 })
  })
