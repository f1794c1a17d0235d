import { assert, describe, it, vi } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import { ResponseCode } from "@kps/idl"
import { Config, ConfigProvider, Deferred, type Duration, Effect, Exit, Fiber, Layer, Scope } from "effect"
import * as http from "node:http"
import * as http2 from "node:http2"
import * as net from "node:net"
import { fields, type Handlers, listen, routes, serve } from "./TestConnector.ts"

const { ConnectorClient: Client } = ConnectorClient
const status = { code: ResponseCode.OK }

/** The error of one call, after which the client is closed at once. */
const failing = (
  endpoint: string,
  options: { readonly deadline?: Duration.Input; readonly readMaxBytes?: number } = {}
) =>
  Client.use((client) => Effect.flip(client.getEvents)).pipe(
    Effect.provide(ConnectorClient.layer({ endpoint, connectorId: "c-1", ...options }))
  )

/** The deadline that a handler is told. */
const toldDeadline = (deadline: { readonly deadline?: Duration.Input }) =>
  Effect.gen(function*() {
    let told: number | undefined
    const { endpoint } = yield* serve(routes({
      getEvents: (_, context) => {
        told = context.timeoutMs()
        return { status }
      }
    }))
    yield* Client.use((client) => client.getEvents).pipe(
      Effect.provide(ConnectorClient.layer({ endpoint, connectorId: "c-1", ...deadline }))
    )
    return told
  })

const socket = (onSocket: (socket: net.Socket) => void) =>
  Effect.map(
    listen(net.createServer((socket) => {
      // the other side hangs up; that is no event of this test
      socket.on("error", () => {})
      onSocket(socket)
    })),
    (port) => `127.0.0.1:${port}`
  )

describe("the gRPC client", () => {
  it.effect("gives up at the deadline, and says which", () =>
    Effect.gen(function*() {
      const { endpoint } = yield* serve(routes({ getEvents: () => new Promise(() => {}) }))
      const error = yield* failing(endpoint, { deadline: "100 millis" })

      assert.deepInclude(fields(error), { _tag: "DeadlineExceeded", endpoint, rpc: "GetEvents" })
      assert.isTrue(error.isRetryable)
      assert.strictEqual(error.message, `no answer to GetEvents from ${endpoint} within 100ms`)
    }))

  it.effect("tells the connector a deadline of 10 seconds when none is given", () =>
    Effect.gen(function*() {
      const told = (yield* toldDeadline({})) ?? assert.fail("no deadline")

      assert.isAtMost(told, 10_000)
      assert.isAbove(told, 5_000)
    }))

  it.effect("takes deadlines that are endless, very long, zero, or no whole number of milliseconds", () =>
    Effect.gen(function*() {
      assert.isUndefined(yield* toldDeadline({ deadline: Infinity }))
      assert.isAbove((yield* toldDeadline({ deadline: "60 days" })) ?? 0, 27 * 3_600_000)
      assert.isAbove((yield* toldDeadline({ deadline: 20_000.5 })) ?? 0, 5_000)
      const { endpoint } = yield* serve(routes({ getEvents: () => new Promise(() => {}) }))
      assert.strictEqual((yield* failing(endpoint, { deadline: 0 }))._tag, "DeadlineExceeded")
    }))

  it.effect("says that nobody listens, and where", () =>
    Effect.gen(function*() {
      const port = yield* Effect.scoped(listen(net.createServer()))
      const error = yield* failing(`127.0.0.1:${port}`)

      assert.deepInclude(fields(error), { _tag: "Unreachable", rpc: "GetEvents" })
      assert.isTrue(error.isRetryable)
      assert.strictEqual(
        error.message,
        `cannot reach a connector at 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`
      )
    }))

  const strangers = {
    "a server for HTTP/1": Effect.map(
      listen(http.createServer((_, response) => response.end("hello"))),
      (port) => `127.0.0.1:${port}`
    ),
    "a server of another protocol": socket((socket) => socket.write("SSH-2.0-OpenSSH_9.2\r\n")),
    "a port that hangs up": socket((socket) => socket.end()),
    "a port that hangs up after the request": socket((socket) => socket.once("data", () => socket.destroy())),
    "a port that resets": socket((socket) => socket.resetAndDestroy())
  }
  for (const [name, start] of Object.entries(strangers)) {
    it.effect(`cannot reach a connector at ${name}, and lives`, () =>
      Effect.gen(function*() {
        const uncaught: Array<unknown> = []
        const collect = (error: unknown) => uncaught.push(error)
        process.on("uncaughtExceptionMonitor", collect)
        yield* Effect.addFinalizer(() => Effect.sync(() => process.off("uncaughtExceptionMonitor", collect)))
        const endpoint = yield* start
        const error = yield* failing(endpoint)
        // a session that fails after its client was closed would take down the process within the next turns
        yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 50)))

        assert.strictEqual(error._tag, "Unreachable")
        assert.match(error.message, /^cannot reach a connector at 127\.0\.0\.1:\d+: .+$/)
        assert.deepStrictEqual(uncaught, [])
      }))
  }

  it.effect("gives up at the deadline on a port that says nothing", () =>
    Effect.gen(function*() {
      const error = yield* failing(yield* socket(() => {}), { deadline: "100 millis" })

      assert.strictEqual(error._tag, "DeadlineExceeded")
    }))

  it.effect("is rejected by a server for HTTP/2 that is none for gRPC", () =>
    Effect.gen(function*() {
      const port = yield* listen(http2.createServer((_, response) => {
        response.writeHead(404)
        response.end()
      }))
      const error = yield* failing(`127.0.0.1:${port}`)

      assert.deepInclude(fields(error), { _tag: "Rejected", code: "UNIMPLEMENTED", text: "HTTP 404" })
    }))

  it.effect("is rejected by a reply that is no protobuf", () =>
    Effect.gen(function*() {
      const server = http2.createServer()
      server.on("stream", (stream) => {
        stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }))
        stream.end(Uint8Array.of(0, 0, 0, 0, 2, 10, 255))
      })
      const error = yield* failing(`127.0.0.1:${yield* listen(server)}`)

      assert.deepInclude(fields(error), { _tag: "Rejected", code: "INTERNAL", text: "parse binary: premature EOF" })
    }))

  it.effect("reads replies up to its limit, and names both sizes of a larger one", () =>
    Effect.gen(function*() {
      const sized = (bytes: number): Handlers => ({
        getEvents: () => ({
          status,
          eventPayloads: [{ object: { case: "alert", value: { message: "x".repeat(bytes) } } }]
        })
      })
      // the server's library prints that this side hung up
      const printed = vi.spyOn(console, "error").mockImplementation(() => {})
      yield* Effect.addFinalizer(() => Effect.sync(() => printed.mockRestore()))
      const small = yield* serve(routes(sized(4_000_000)))
      const large = yield* serve(routes(sized(4_200_000)))
      const tiny = yield* failing(small.endpoint, { readMaxBytes: 1_000 })
      const error = yield* failing(large.endpoint)
      const events = yield* Client.use((client) => client.getEvents).pipe(
        Effect.provide(ConnectorClient.layer({ endpoint: small.endpoint, connectorId: "c-1" }))
      )

      assert.lengthOf(events, 1)
      assert.deepInclude(fields(error), { _tag: "Rejected", code: "RESOURCE_EXHAUSTED" })
      assert.isFalse(error.isRetryable)
      assert.match(error.message, /message size 42000\d\d is larger than configured readMaxBytes 4194304$/)
      assert.match(tiny.message, /message size 40000\d\d is larger than configured readMaxBytes 1000$/)
    }))

  it.effect("fails the call when the connection breaks, and connects again with the next", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const scope = yield* Scope.make()
      const first = yield* serve(routes({
        getEvents: () => {
          Deferred.doneUnsafe(started, Effect.void)
          return new Promise(() => {})
        }
      })).pipe(Scope.provide(scope))

      yield* Client.use((client) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(Effect.flip(client.getEvents))
          yield* Deferred.await(started)
          first.sessions.forEach((session) => session.destroy())
          const broken = yield* Fiber.join(fiber)
          yield* Scope.close(scope, Exit.void)
          const away = yield* Effect.flip(client.getEvents)
          yield* serve(routes({ getEvents: () => ({ status }) }), first.port)
          const events = yield* client.getEvents

          assert.strictEqual(broken._tag, "Unreachable")
          assert.strictEqual(away._tag, "Unreachable")
          assert.deepStrictEqual(events, [])
        })
      ).pipe(Effect.provide(ConnectorClient.layer({ endpoint: first.endpoint, connectorId: "c-1" })))
    }))

  it.effect("closes its one connection with the layer", () =>
    Effect.gen(function*() {
      const closed = yield* Deferred.make<void>()
      const { endpoint, sessions } = yield* serve(routes({ getEvents: () => ({ status }) }))
      yield* Client.use((client) =>
        Effect.gen(function*() {
          yield* Effect.all([client.getEvents, client.getEvents, client.getEvents], { concurrency: 3 })

          assert.strictEqual(sessions.size, 1)
          sessions.forEach((session) => session.on("close", () => Deferred.doneUnsafe(closed, Effect.void)))
        })
      ).pipe(Effect.provide(ConnectorClient.layer({ endpoint, connectorId: "c-1" })))
      yield* Deferred.await(closed)
    }))

  it.effect("takes its options from the configuration", () =>
    Effect.gen(function*() {
      const ids: Array<string> = []
      const { endpoint } = yield* serve(routes({
        getEvents: ({ connectorId }) => {
          ids.push(connectorId)
          return { status }
        }
      }))
      const layer = ConnectorClient.layerConfig({
        endpoint: Config.String("CONNECTOR_ENDPOINT"),
        connectorId: Config.String("CONNECTOR_INSTANCE_ID"),
        deadline: Config.Duration("DEADLINE").pipe(Config.withDefault("5 seconds"))
      })
      const run = (env: Record<string, string>) =>
        Client.use((client) => client.getEvents).pipe(
          Effect.provide(Layer.provide(layer, ConfigProvider.layer(ConfigProvider.fromEnvRecord(env))))
        )
      yield* run({ CONNECTOR_ENDPOINT: endpoint, CONNECTOR_INSTANCE_ID: "c-2" })
      const missing = yield* Effect.flip(run({ CONNECTOR_ENDPOINT: endpoint }))
      const invalid = yield* Effect.flip(run({ CONNECTOR_ENDPOINT: "nats://a:1", CONNECTOR_INSTANCE_ID: "c-2" }))

      assert.deepStrictEqual(ids, ["c-2"])
      assert.strictEqual(missing._tag, "ConfigError")
      assert.strictEqual(invalid._tag, "InvalidEndpoint")
    }))
})
