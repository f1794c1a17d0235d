import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf"
import { assert, type Vitest } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import {
  PayloadKind,
  type PayloadSchema,
  ResponseCodes,
  Severity,
  State,
  StreamDirection,
  StreamSchema
} from "@kps/idl"
import { Context, Effect, Layer, Schema } from "effect"
import * as Peer from "./Peer.ts"

const { ConnectorClient: Client } = ConnectorClient

type Form = "original" | "inBand" | "grpc"

const id = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"

/** A Go connector whose errors travel in this form, and clients of ours for it. */
const connector = Effect.fnUntraced(function*(form: Form) {
  const peer = yield* Peer.Peer
  const process = yield* peer.start(["serve", "-id", id, "-errors", form])
  const { address } = yield* process.next("listening", Schema.Struct({ address: Schema.String }))
  const client = (options: Partial<ConnectorClient.Options> = {}) =>
    Layer.build(ConnectorClient.layer({ endpoint: address, connectorId: id, ...options })).pipe(
      Effect.map((services) => Context.get(services, Client))
    )
  return { process, client }
})

const stream = (id: string, metadata: JsonObject = {}) => ({
  id,
  direction: StreamDirection.INGRESS,
  transportChannel: `pipeline.${id}`,
  metadata
})

const refusing = (code: string, about = "") => stream("s-1", { refuse: { code, message: `said ${code}`, about } })

/** What an error says, without its place and cause. */
const told = (error: object) => {
  const { cause: _cause, details: _details, endpoint: _endpoint, ...own } = {
    cause: 0,
    details: 0,
    endpoint: 0,
    ...error
  }
  return own
}

const failures = ResponseCodes.names.filter((name) => name !== "OK")

/** Registers what our client makes of connectors built on the Go SDK. */
export const suite = (it: Vitest.MethodsNonLive<Peer.Peer>): void => {
  it.effect("reads the bare errors of the original: a gRPC UNKNOWN with a text", () =>
    Effect.gen(function*() {
      const { client } = yield* connector("original")
      const ours = yield* client()
      const stranger = yield* client({ connectorId: "other" })
      const wrongId = { _tag: "InvalidRequest", text: "wrong Connector id" }
      const violations = [{ field: "connector_id", description: "wrong Connector id" }]

      const getPayload = yield* Effect.flip(stranger.getPayload(PayloadKind.STREAM))
      const setPayload = yield* Effect.flip(stranger.setStreams([]))
      assert.deepStrictEqual(told(getPayload), { ...wrongId, rpc: "GetPayload", violations })
      assert.deepStrictEqual(told(setPayload), { ...wrongId, rpc: "SetPayload", violations })
      assert.deepStrictEqual(yield* stranger.getEvents, [])

      const kind = yield* Effect.flip(ours.getPayload(PayloadKind.UNSPECIFIED))
      assert.deepInclude(told(kind), {
        _tag: "InvalidRequest",
        violations: [{ field: "kind", description: "unknown payload kind" }]
      })

      // whatever code the connector meant is lost on the way
      const refused = yield* Effect.flip(ours.setStreams([refusing("UNAVAILABLE")]))
      assert.deepStrictEqual(told(refused), {
        _tag: "Rejected",
        rpc: "SetPayload",
        code: "UNKNOWN",
        text: "said UNAVAILABLE"
      })
    }))

  for (const form of ["inBand", "grpc"] as const) {
    it.effect(`reads each of the 16 failures by name, ${form}`, () =>
      Effect.gen(function*() {
        const { client } = yield* connector(form)
        const ours = yield* client()
        for (const code of failures) {
          const error = yield* Effect.flip(ours.setStreams([refusing(code)]))

          const said = { rpc: "SetPayload", text: `said ${code}`, reason: "Refused" }
          assert.deepStrictEqual(
            told(error),
            code === "INVALID_ARGUMENT"
              ? { _tag: "InvalidRequest", ...said, violations: [] }
              : { _tag: "Rejected", code, ...said, retryAfterMillis: 1500 }
          )
        }
        assert.strictEqual(failures.length, 16)
      }))

    it.effect(`reads the details that Go packs, ${form}`, () =>
      Effect.gen(function*() {
        const { client } = yield* connector(form)
        const ours = yield* client()
        const request = yield* Effect.flip(ours.setStreams([refusing("INVALID_ARGUMENT", "request")]))
        const failed = yield* Effect.flip(ours.setStreams([refusing("UNAVAILABLE", "stream")]))
        const other = yield* Effect.flip(ours.setStreams([refusing("ABORTED")]))

        assert.deepStrictEqual(told(request), {
          _tag: "InvalidRequest",
          rpc: "SetPayload",
          text: "said INVALID_ARGUMENT",
          reason: "Refused",
          violations: [{ field: "payloads[0].stream.metadata.refuse", description: "said INVALID_ARGUMENT" }]
        })
        assert.deepStrictEqual(told(failed), {
          _tag: "StreamsFailed",
          rpc: "SetPayload",
          code: "UNAVAILABLE",
          text: "said UNAVAILABLE",
          failures: [{
            streamId: "s-1",
            reason: "Refused",
            code: "UNAVAILABLE",
            message: "said UNAVAILABLE",
            retryAfterMillis: 250
          }]
        })
        assert.deepStrictEqual(other._tag === "Rejected" ? other.details.map(({ typeUrl }) => typeUrl) : other, [
          "type.googleapis.com/google.rpc.ErrorInfo",
          "type.googleapis.com/google.rpc.RetryInfo"
        ])
      }))
  }

  it.effect("sets streams and config, and reads them back whole", () =>
    Effect.gen(function*() {
      const { client } = yield* connector("original")
      const ours = yield* client()
      const metadata: JsonObject = {
        subject: "plant.>",
        limits: [1, -0.5, 2 ** 53, null, true, ["x", {}], { deep: { er: "é😀" } }],
        ["__proto__"]: "a key like any other"
      }
      const streams = [
        { ...stream("in", metadata), subscribed: true, discovered: true },
        { ...stream("out"), direction: StreamDirection.EGRESS, subscribed: false, discovered: false }
      ]
      yield* ours.setPayload([
        ...streams.map((value): MessageInitShape<typeof PayloadSchema> => ({ object: { case: "stream", value } })),
        { object: { case: "config", value: { metadata: { log_level: "debug", gone: 1 } } } }
      ])
      const read = yield* ours.getStreams

      assert.deepStrictEqual(read, streams.map((stream) => create(StreamSchema, stream)))
      assert.isTrue(Object.hasOwn(read[0]?.metadata ?? {}, "__proto__"))
      assert.deepStrictEqual(yield* ours.getConfig, { log_level: "debug", gone: 1 })
      yield* ours.setConfig({ gone: null })
      assert.deepStrictEqual(yield* ours.getConfig, { log_level: "debug", gone: null })
      // what docs/contract.md does otherwise: in the original a request without streams stops them all
      assert.deepStrictEqual(yield* ours.getStreams, [])
    }))

  it.effect("reads the events of the SDK's registry, which are never stamped", () =>
    Effect.gen(function*() {
      const { client } = yield* connector("original")
      const ours = yield* client()
      yield* ours.setStreams([stream("good")])
      yield* Effect.flip(ours.setStreams([refusing("UNAVAILABLE")]))
      // the registry keeps no order
      const events = (yield* ours.getEvents).map(({ object }) => object).toSorted((a) => a.case === "alert" ? -1 : 1)

      assert.deepStrictEqual(events, [
        {
          case: "alert",
          value: {
            $typeName: "connector.v1.Alert",
            id: "transportSubscribeFailed",
            streamId: "s-1",
            message: "failed to subscribe to transport",
            severity: Severity.CRITICAL,
            state: State.FAILED,
            metadata: { ErrorMessage: "said UNAVAILABLE", StreamID: "s-1", ExtraMessage: {} }
          }
        },
        {
          case: "status",
          value: {
            $typeName: "connector.v1.Status",
            id: "streamStarted",
            streamId: "good",
            message: "stream has successfully started",
            state: State.PROVISIONED
          }
        }
      ])
    }))

  it.effect("tells a Go connector its deadline", () =>
    Effect.gen(function*() {
      const { client, process } = yield* connector("original")
      const ours = yield* client({ deadline: "1 second" })
      // connected before the clock counts
      yield* ours.getEvents
      const error = yield* Effect.flip(ours.setStreams([stream("slow", { waitMs: 60_000 })]))
      const { stream: slow } = yield* process.next("gaveUp", Schema.Struct({ stream: Schema.String }))

      assert.strictEqual(error._tag, "DeadlineExceeded")
      assert.strictEqual(slow, "slow")
    }))

  it.effect("says that a Go connector has no health service, and that it is away when it has ended", () =>
    Effect.gen(function*() {
      const { client, process } = yield* connector("original")
      const ours = yield* client()
      const health = yield* Effect.flip(ours.health())
      yield* process.endInput
      yield* process.ended
      const gone = yield* Effect.flip(ours.getEvents)

      assert.deepInclude(told(health), { _tag: "Rejected", code: "UNIMPLEMENTED" })
      assert.strictEqual(gone._tag, "Unreachable")
    }))
}
