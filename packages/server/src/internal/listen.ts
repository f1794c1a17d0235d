/** Makes a server of Node listen, with an error that says why it cannot. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Server } from "node:net"

/**
 * No server could be started at this address.
 *
 * @category errors
 * @since 0.1.0
 */
export class ListenFailed extends Schema.TaggedError<ListenFailed>("@kps/server/GrpcServer/ListenFailed")(
  "ListenFailed",
  {
    host: Schema.String,
    port: Schema.Number,
    cause: Schema.Defect()
  }
) {
  override get message(): string {
    const code = this.cause instanceof Error && "code" in this.cause ? String(this.cause.code) : ""
    const why = reasons[code] ?? (this.cause instanceof Error ? this.cause.message : String(this.cause))
    return `cannot listen on ${this.host}:${this.port}: ${why}`
  }
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is in use",
  EADDRNOTAVAIL: "this machine has no such address",
  EACCES: "no permission to use the port",
  ENOTFOUND: "no such host",
  ERR_SOCKET_BAD_PORT: "a port is between 0 and 65535"
}

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
