import { create } from "@bufbuild/protobuf"
import { Code, ConnectError } from "@connectrpc/connect"
import { assert, describe, expectTypeOf, it, vi } from "@effect/vitest"
import { type ClientError, ConnectorClient } from "@kps/client"
import {
  EventPayloadSchema,
  type GetEventsRequest,
  type GetPayloadRequest,
  PayloadKind,
  ResponseCode,
  type SetPayloadRequest,
  StreamDirection
} from "@kps/idl"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { doors, fields, type Handlers, routes } from "./TestConnector.ts"

const { ConnectorClient: Client } = ConnectorClient
// the types allow numbers of later versions only as they were read
const unknownEnum = (number: number) => number as StreamDirection
const status = { code: ResponseCode.OK }

for (const door of doors) {
  describe(`ConnectorClient ${door.name}`, () => {
    const calling = <A, E>(
      handlers: Handlers,
      call: (client: ConnectorClient.ConnectorClient["Service"]) => Effect.Effect<A, E>
    ) => Client.use(call).pipe(Effect.provide(door.layer(routes(handlers))))

    it.effect("names the connector and the kind in every call", () =>
      Effect.gen(function*() {
        const requests: Array<GetPayloadRequest | SetPayloadRequest | GetEventsRequest> = []
        const record = (request: GetPayloadRequest | SetPayloadRequest | GetEventsRequest) => {
          requests.push(request)
          return { status }
        }
        yield* calling({ getPayload: record, setPayload: record, getEvents: record }, (client) =>
          Effect.all([
            client.getPayload(PayloadKind.STREAM),
            client.getStreams,
            client.getConfig,
            client.setPayload([{ object: { case: "config", value: {} } }]),
            client.setStreams([{ id: "a", direction: StreamDirection.EGRESS }]),
            client.setConfig({ level: "info" }),
            client.getEvents
          ]))

        assert.deepStrictEqual(requests.map(({ connectorId }) => connectorId), requests.map(() => "c-1"))
        assert.deepStrictEqual(
          requests.map((request) =>
            "kind" in request
              ? request.kind
              : "payloads" in request
              ? request.payloads.map(({ object }) => object.case)
              : "events"
          ),
          [PayloadKind.STREAM, PayloadKind.STREAM, PayloadKind.CONFIG, ["config"], ["stream"], ["config"], "events"]
        )
      }))

    it.effect("brings streams, leaving out what is none", () =>
      Effect.gen(function*() {
        const streams = yield* calling({
          getPayload: () => ({
            status,
            payloads: [
              { object: { case: "stream", value: { id: "a", subscribed: true, metadata: { n: 1, none: null } } } },
              {},
              { object: { case: "config", value: {} } },
              { object: { case: "stream", value: { id: "b" } } }
            ]
          })
        }, (client) => client.getStreams)

        assert.deepStrictEqual(streams.map(({ id, metadata, subscribed }) => ({ id, metadata, subscribed })), [
          { id: "a", metadata: { n: 1, none: null }, subscribed: true },
          { id: "b", metadata: undefined, subscribed: false }
        ])
      }))

    it.effect("merges the config payloads in order, with any key, into an empty config", () =>
      Effect.gen(function*() {
        const config = (...values: ReadonlyArray<string | undefined>) =>
          calling({
            getPayload: () => ({
              status,
              payloads: values.map((json) => ({
                object: { case: "config", value: json === undefined ? {} : { metadata: JSON.parse(json) } }
              }))
            })
          }, (client) => client.getConfig)

        assert.deepStrictEqual(yield* config(), {})
        assert.deepStrictEqual(yield* config(undefined), {})
        assert.deepStrictEqual(yield* config("{\"a\":1,\"b\":{\"c\":1}}", "{\"b\":{\"d\":2}}"), { a: 1, b: { d: 2 } })
        assert.strictEqual(JSON.stringify(yield* config("{\"__proto__\":{\"x\":1}}")), "{\"__proto__\":{\"x\":1}}")
      }))

    it.effect("brings events, of kinds it does not know too", () =>
      Effect.gen(function*() {
        const alert = { case: "alert", value: { id: "transportPublishFailed", streamId: "a" } } as const
        const events = yield* calling(
          { getEvents: () => ({ status, eventPayloads: [{ object: alert }, {}] }) },
          (client) => client.getEvents
        )

        assert.deepStrictEqual(events, [create(EventPayloadSchema, { object: alert }), create(EventPayloadSchema, {})])
      }))

    it.effect("fails, and does not die, with a payload that cannot be written", () =>
      Effect.gen(function*() {
        const error = yield* calling(
          { setPayload: () => ({ status }) },
          (client) => Effect.flip(client.setStreams([{ direction: unknownEnum(1.5) }]))
        )

        assert.deepInclude(fields(error), { _tag: "Rejected", code: "INTERNAL" })
        assert.include(error.message, "connector.v1.Stream.direction")
      }))

    it.effect("cancels an interrupted call at the connector", () =>
      Effect.gen(function*() {
        const started = yield* Deferred.make<void>()
        const cancelled = yield* Deferred.make<void>()
        const handlers: Handlers = {
          setPayload: (_, { signal }) => {
            signal.addEventListener("abort", () => Deferred.doneUnsafe(cancelled, Effect.void))
            Deferred.doneUnsafe(started, Effect.void)
            return new Promise(() => {})
          }
        }
        yield* calling(handlers, (client) =>
          Effect.gen(function*() {
            const fiber = yield* Effect.forkChild(client.setPayload([]))
            yield* Deferred.await(started)
            yield* Fiber.interrupt(fiber)
            yield* Deferred.await(cancelled)
          }))
      }))
  })
}

describe("ConnectorClient in process", () => {
  it.effect("starts no timer: a call waits for ever under the test clock", () =>
    Effect.gen(function*() {
      const timers = vi.spyOn(globalThis, "setTimeout")
      const started = yield* Deferred.make<void>()
      yield* Client.use((client) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(client.getEvents)
          yield* Deferred.await(started)

          assert.deepStrictEqual(timers.mock.calls.filter(([, millis]) => (millis ?? 0) > 0), [])
          yield* TestClock.adjust("10 days")
          assert.isUndefined(fiber.pollUnsafe())
          yield* Fiber.interrupt(fiber)
        })
      ).pipe(
        Effect.ensuring(Effect.sync(() => timers.mockRestore())),
        Effect.provide(ConnectorClient.layerRoutes({
          connectorId: "c-1",
          routes: routes({
            getEvents: () => {
              Deferred.doneUnsafe(started, Effect.void)
              return new Promise(() => {})
            }
          })
        }))
      )
    }))

  it.effect("keeps a deadline that is asked for, and tells the connector", () =>
    Effect.gen(function*() {
      let told: number | undefined
      const error = yield* Client.use((client) => Effect.flip(client.getEvents)).pipe(
        Effect.provide(ConnectorClient.layerRoutes({
          connectorId: "c-1",
          deadline: "50 millis",
          routes: routes({
            getEvents: (_, context) => {
              told = context.timeoutMs()
              return new Promise(() => {})
            }
          })
        }))
      )

      assert.strictEqual(error._tag, "DeadlineExceeded")
      assert.isTrue(told !== undefined && told <= 50)
    }))
})

describe("a client on a transport of the caller's", () => {
  const failing = (cause: unknown) =>
    Effect.flip(
      ConnectorClient.make({
        connectorId: "c-1",
        endpoint: "localhost:1",
        transport: { unary: () => Promise.reject(cause), stream: () => Promise.reject(cause) }
      }).getEvents
    )

  it.effect("names the error of each address of a host with several", () =>
    Effect.gen(function*() {
      const cause = new AggregateError([
        new Error("connect ECONNREFUSED ::1:1"),
        new Error("connect EPERM 127.0.0.1:1")
      ])
      const error = yield* failing(new ConnectError("", Code.Unavailable, undefined, undefined, cause))

      assert.strictEqual(error._tag, "Unreachable")
      assert.strictEqual(
        error.message,
        "cannot reach a connector at localhost:1: Error: connect ECONNREFUSED ::1:1, Error: connect EPERM 127.0.0.1:1"
      )
    }))

  it.effect("takes what a network says for unreachable, and anything else for a failure of the call", () =>
    Effect.gen(function*() {
      const system = (code: string) => Object.assign(new Error(code), { code })
      const internal = (cause: Error) => new ConnectError(cause.message, Code.Internal, undefined, undefined, cause)

      assert.strictEqual((yield* failing(internal(system("EHOSTUNREACH"))))._tag, "Unreachable")
      assert.strictEqual((yield* failing(internal(system("ERR_HTTP2_SESSION_ERROR"))))._tag, "Unreachable")
      assert.strictEqual((yield* failing(new ConnectError("gone", Code.Aborted)))._tag, "Unreachable")
      assert.strictEqual((yield* failing(internal(system("ERR_BUFFER_TOO_LARGE"))))._tag, "Rejected")
      const bug = yield* failing(new TypeError("x is not a function"))
      assert.deepInclude(fields(bug), { _tag: "Rejected", code: "UNKNOWN", text: "x is not a function" })
    }))
})

describe("the types", () => {
  it("give each method its own union of errors", () => {
    type Service = ConnectorClient.ConnectorClient["Service"]
    type ErrorOf<T> = T extends Effect.Effect<infer _A, infer E> ? E : never
    expectTypeOf<ErrorOf<Service["getEvents"]>>().toEqualTypeOf<ClientError.GetEventsError>()
    expectTypeOf<ErrorOf<ReturnType<Service["getPayload"]>>>().toEqualTypeOf<ClientError.GetPayloadError>()
    expectTypeOf<ErrorOf<ReturnType<Service["setPayload"]>>>().toEqualTypeOf<ClientError.SetPayloadError>()
    expectTypeOf<ErrorOf<ReturnType<Service["health"]>>>().toEqualTypeOf<ClientError.HealthError>()
    expectTypeOf<ClientError.SetPayloadError["_tag"]>().toEqualTypeOf<
      "InvalidRequest" | "StreamsFailed" | "Unreachable" | "CertificateRefused" | "DeadlineExceeded" | "Rejected"
    >()
    expectTypeOf<Exclude<ClientError.SetPayloadError, ClientError.GetPayloadError>>().toEqualTypeOf<
      ClientError.StreamsFailed
    >()
  })
})
