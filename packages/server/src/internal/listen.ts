/** Makes a server of Node listen, with an error that says why it cannot. */
import * as Effect from "effect/Effect"
import type { Server } from "node:net"
import { ListenFailed } from "../GrpcServer.ts"

export { ListenFailed } from "../GrpcServer.ts"

export const listen = (
  server: Server,
  { host, port }: { readonly host: string; readonly port: number }
): Effect.Effect<void, ListenFailed> =>
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

/** The port in use, also where 0 was asked for. */
export const portOf = (server: Server, port: number): number => {
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : port
}
