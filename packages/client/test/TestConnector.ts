import { create } from "@bufbuild/protobuf"
import { anyPack } from "@bufbuild/protobuf/wkt"
import { Code, ConnectError, type ConnectRouter, type ServiceImpl } from "@connectrpc/connect"
import { connectNodeAdapter } from "@connectrpc/connect-node"
import { ConnectorClient } from "@kps/client"
import { ConnectorService, ErrorDetails, ResponseCodes, type ResponseStatus, ResponseStatusSchema } from "@kps/idl"
import { Effect, Layer } from "effect"
import * as http2 from "node:http2"
import type { AddressInfo, Server } from "node:net"

/** Handlers of the contract; those that are left out are not there. */
export type Handlers = Partial<ServiceImpl<typeof ConnectorService>>

export const routes = (handlers: Handlers) => (router: ConnectRouter): ConnectRouter =>
  router.service(ConnectorService, handlers)

/** Listens on a free port of this machine, or on the one given, and succeeds with the port. */
export const listen = (server: Server, port = 0) =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(port, "127.0.0.1", () => {
        // of a server that listens on TCP
        resume(Effect.succeed((server.address() as AddressInfo).port))
      })
    }),
    () => Effect.sync(() => server.close())
  )

/** Serves over h2c; sessions die with the scope. */
export const serve = (routes: (router: ConnectRouter) => ConnectRouter, port = 0) =>
  Effect.gen(function*() {
    const sessions = new Set<http2.ServerHttp2Session>()
    const server = http2.createServer(connectNodeAdapter({ routes, grpcWeb: false, connect: false }))
    server.on("session", (session) => {
      sessions.add(session)
      session.on("close", () => sessions.delete(session))
    })
    const bound = yield* listen(server, port)
    yield* Effect.addFinalizer(() => Effect.sync(() => sessions.forEach((session) => session.destroy())))
    return { endpoint: `127.0.0.1:${bound}`, port: bound, sessions }
  })

/** The ways to reach a connector, as layers. */
export const doors: ReadonlyArray<{
  readonly name: string
  readonly endpoint: RegExp
  readonly layer: (
    routes: (router: ConnectRouter) => ConnectRouter
  ) => Layer.Layer<ConnectorClient.ConnectorClient>
}> = [
  {
    name: "over gRPC",
    endpoint: /^127\.0\.0\.1:\d+$/,
    layer: (routes) =>
      Layer.unwrap(
        Effect.map(serve(routes), ({ endpoint }) => ConnectorClient.layer({ endpoint, connectorId: "c-1" }))
      ).pipe(Layer.orDie)
  },
  {
    name: "in process",
    endpoint: /^this process$/,
    layer: (routes) => ConnectorClient.layerRoutes({ routes, connectorId: "c-1" })
  }
]

export const badRequest = (
  ...fieldViolations: ReadonlyArray<{ readonly field: string; readonly description: string }>
) =>
  anyPack(
    ErrorDetails.BadRequestSchema,
    create(ErrorDetails.BadRequestSchema, { fieldViolations: [...fieldViolations] })
  )

export const errorInfo = (reason: string, metadata: Record<string, string> = {}) =>
  anyPack(
    ErrorDetails.ErrorInfoSchema,
    create(ErrorDetails.ErrorInfoSchema, { reason, domain: "kps.connector", metadata })
  )

export const retryInfo = (seconds: number, nanos: number) =>
  anyPack(
    ErrorDetails.RetryInfoSchema,
    create(ErrorDetails.RetryInfoSchema, { retryDelay: { seconds: BigInt(seconds), nanos } })
  )

/** The fields of an error, for comparison. */
export const fields = (error: object): object => Object.fromEntries(Object.entries(error))

export const codeOf = (name: Exclude<ResponseCodes.Name, "OK">): Code =>
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- connect's codes are the numbers of gRPC
  ResponseCodes.toGrpc(name)

/** A gRPC status as a connector sends it in gRPC mode: mapped by name, with the `ResponseStatus` as its detail. */
export const asGrpc = (status: ResponseStatus): ConnectError => {
  const name = ResponseCodes.fromCode(status.code)
  return new ConnectError(status.message, name === "OK" ? Code.Unknown : codeOf(name), undefined, [
    { desc: ResponseStatusSchema, value: status }
  ])
}
