import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node"
import { Effect } from "effect"
import * as http2 from "node:http2"
import type { Mutation, Routes } from "./MemorySubject.ts"

/** Serves over a socket of this machine, and calls over it. */
export const serve = ({ readMaxBytes }: { readonly readMaxBytes: number }): NonNullable<Mutation["call"]> =>
  Effect.fnUntraced(function*(routes: Routes) {
    const server = http2.createServer(
      connectNodeAdapter({
        routes: (router) => {
          routes(router)
        },
        readMaxBytes,
        grpcWeb: false,
        connect: false
      })
    )
    const sessions = new Set<http2.ServerHttp2Session>()
    server.on("session", (session) => void sessions.add(session))
    const port = yield* Effect.acquireRelease(
      Effect.callback<number>((resume) => {
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
        })
      }),
      () =>
        Effect.sync(() => {
          for (const session of sessions) session.destroy()
          server.close()
        })
    )
    return createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}`, readMaxBytes: 64 << 20 })
  })
