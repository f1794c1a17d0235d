import type { JsonObject, JsonValue } from "@bufbuild/protobuf"
import { assert, type Vitest } from "@effect/vitest"
import { ResponseCodes } from "@kps/idl"
import { Effect, Schema } from "effect"
import * as FakeConnector from "./FakeConnector.ts"
import { type Answer, id, serve, type Task } from "./GoCaller.ts"
import type * as Peer from "./Peer.ts"

const type = (name: string) => ({ "@type": `type.googleapis.com/google.rpc.${name}` })
const errorInfo = (reason: string, metadata?: JsonObject) => ({
  ...type("ErrorInfo"),
  reason,
  domain: "kps.connector",
  ...(metadata === undefined ? {} : { metadata })
})
const badRequest = (...violations: ReadonlyArray<readonly [field: string, description: string]>) => ({
  ...type("BadRequest"),
  fieldViolations: violations.map(([field, description]) => ({ field, description }))
})

const ok: JsonObject = { code: "RESPONSE_CODE_OK" }

const stream = (id: string, metadata: JsonObject = {}) => ({
  id,
  direction: "STREAM_DIRECTION_INGRESS",
  transportChannel: `pipeline.${id}`,
  metadata: { subject: "a", ...metadata }
})
const setting = (...payloads: Array<JsonObject>): Task => ({
  rpc: "SetPayload",
  request: { connectorId: id, payloads }
})
const reading = (kind: string): Task => ({ rpc: "GetPayload", request: { connectorId: id, kind } })

const field = (answer: Answer, name: string): JsonValue | undefined => {
  const { response } = answer
  return typeof response === "object" && response !== null && !Array.isArray(response) ? response[name] : undefined
}

/** The in-band status; its details, which have a field of their own, apart. */
const statusOf = (answer: Answer) => {
  assert.isUndefined(answer.grpc)
  const status = field(answer, "status")
  if (typeof status !== "object" || status === null || Array.isArray(status)) return assert.fail("no status")
  const { details = [], ...rest } = status
  return { status: rest, details: Array.isArray(details) ? details : assert.fail("details are no list") }
}

/** The gRPC name, as grpc-go writes it: "InvalidArgument". */
const goName = (code: ResponseCodes.Name) =>
  code.toLowerCase().replace(/(^|_)./g, (part) => part.slice(-1).toUpperCase())

/** Registers what a Go caller makes of our server. */
export const suite = (it: Vitest.MethodsNonLive<Peer.Peer>): void => {
  it.effect("lets a Go caller set streams and config, and read them back", () =>
    Effect.gen(function*() {
      const { call } = yield* serve()
      const before = yield* call(reading("PAYLOAD_KIND_CONFIG"))
      const none = yield* call(reading("PAYLOAD_KIND_STREAM"))
      const out = { ...stream("out"), direction: "STREAM_DIRECTION_EGRESS" }
      const set = yield* call(
        setting({ stream: stream("in") }, { config: { metadata: { log_level: "debug" } } }, { stream: out })
      )
      const streams = yield* call(reading("PAYLOAD_KIND_STREAM"))
      const config = yield* call(reading("PAYLOAD_KIND_CONFIG"))
      const configOnly = yield* call(setting({ config: { metadata: { log_level: null } } }))
      const still = yield* call(reading("PAYLOAD_KIND_STREAM"))
      const nothing = yield* call(setting())
      const gone = yield* call(reading("PAYLOAD_KIND_STREAM"))

      assert.deepStrictEqual(before, {
        response: { status: ok, payloads: [{ config: { metadata: { log_level: "info" } } }] }
      })
      assert.deepStrictEqual(none, { response: { status: ok } })
      for (const answer of [set, configOnly, nothing]) assert.deepStrictEqual(answer, { response: { status: ok } })
      const running = {
        response: {
          status: ok,
          payloads: [
            { stream: { ...stream("in", { count: 0 }), subscribed: true } },
            { stream: { ...out, metadata: { subject: "a", count: 0 }, subscribed: true } }
          ]
        }
      }
      assert.deepStrictEqual(streams, running)
      assert.deepStrictEqual(config, {
        response: { status: ok, payloads: [{ config: { metadata: { log_level: "debug" } } }] }
      })
      assert.deepStrictEqual(still, running)
      assert.deepStrictEqual(gone, { response: { status: ok } })
    }))

  it.effect("lets a Go caller read the code, the text and the details of each refusal", () =>
    Effect.gen(function*() {
      const { call } = yield* serve()
      const wrong = { connectorId: "other" }
      const text = "want connector_id \"c-1\", got \"other\""
      for (const rpc of ["GetPayload", "SetPayload", "GetEvents"]) {
        assert.deepStrictEqual(statusOf(yield* call({ rpc, request: wrong })), {
          status: { code: "RESPONSE_CODE_INVALID_ARGUMENT", message: text },
          details: [badRequest(["connector_id", text]), errorInfo("WrongConnectorId")]
        })
      }
      for (const [kind, got] of [["PAYLOAD_KIND_UNSPECIFIED", "PAYLOAD_KIND_UNSPECIFIED"], [77, "77"]] as const) {
        const message = `want kind PAYLOAD_KIND_STREAM or PAYLOAD_KIND_CONFIG, got ${got}`
        assert.deepStrictEqual(statusOf(yield* call({ rpc: "GetPayload", request: { connectorId: id, kind } })), {
          status: { code: "RESPONSE_CODE_INVALID_ARGUMENT", message },
          details: [badRequest(["kind", message]), errorInfo("UnknownPayloadKind")]
        })
      }

      const { details, status } = statusOf(
        yield* call(setting({ stream: { metadata: { subject: 5 } } }, { config: { metadata: { log_level: 1 } } }, {}))
      )
      assert.strictEqual(status["code"], "RESPONSE_CODE_INVALID_ARGUMENT")
      const [violations, info, ...others] = details
      assert.deepStrictEqual(info, errorInfo("InvalidPayloads"))
      assert.deepStrictEqual(others, [])
      const Violations = Schema.Struct({ fieldViolations: Schema.Array(Schema.Struct({ field: Schema.String })) })
      const { fieldViolations } = yield* Schema.decodeUnknownEffect(Violations)(violations)
      assert.sameMembers(fieldViolations.map(({ field }) => field), [
        "payloads[0].stream.id",
        "payloads[0].stream.direction",
        "payloads[0].stream.transport_channel",
        "payloads[0].stream.metadata.subject",
        "payloads[1].config.metadata.log_level",
        "payloads[2]"
      ])
    }))

  for (const form of ["inBand", "grpc"] as const) {
    it.effect(`lets a Go caller read every code that a stream can fail with, ${form}`, () =>
      Effect.gen(function*() {
        const { call } = yield* serve({ errors: form })
        for (const code of FakeConnector.codes) {
          const answer = yield* call(setting({ stream: stream("s", { refuse: code }) }))
          const { details, status } = form === "inBand" ? statusOf(answer) : statusInGrpc(answer, code)

          assert.deepStrictEqual(status, {
            code: `RESPONSE_CODE_${code}`,
            message: `1 of 1 stream does not run: "s": ${code}: refused: ${code}`
          })
          const failed = { stream_id: "s", code, message: `refused: ${code}` }
          if (FakeConnector.failures[code].action === "halt") {
            assert.deepStrictEqual(details, [errorInfo(code, failed)])
          } else {
            const [retry_in_millis, retryDelay] = yield* retryOf(details)
            assert.approximately(Number(retry_in_millis), 20_000, 4_000)
            assert.approximately(Number.parseFloat(retryDelay), Number(retry_in_millis) / 1000, 0.001)
            assert.deepStrictEqual(details, [
              errorInfo(code, { ...failed, retry_in_millis }),
              { ...type("RetryInfo"), retryDelay }
            ])
          }
        }
        assert.strictEqual(FakeConnector.codes.length, 10)
      }))
  }

  it.effect("tells a Go caller of a bug by its reference, and nothing else of it", () =>
    Effect.gen(function*() {
      const { call } = yield* serve()
      const answer = yield* call(setting({ stream: stream("s", { opening: "bug" }) }))

      const { status } = statusOf(answer)
      assert.strictEqual(status["code"], "RESPONSE_CODE_INTERNAL")
      assert.match(JSON.stringify(status["message"]), /: INTERNAL: internal error, reference [0-9a-f]{16}"$/)
      assert.notInclude(JSON.stringify(answer), FakeConnector.bug)
    }))

  it.effect("answers a Go caller before its deadline when a stream hangs", () =>
    Effect.gen(function*() {
      const { call } = yield* serve()
      const answer = yield* call({ ...setting({ stream: stream("s", { opening: "hangs" }) }), timeoutMs: 1_000 })

      assert.strictEqual(statusOf(answer).status["code"], "RESPONSE_CODE_DEADLINE_EXCEEDED")
    }))

  it.effect("gives a Go caller events with the time they began", () =>
    Effect.gen(function*() {
      const before = Date.now()
      const { call } = yield* serve()
      yield* call(setting({ stream: stream("good") }, { stream: stream("bad", { refuse: "NOT_FOUND" }) }))
      const answer = yield* call({ rpc: "GetEvents", request: { connectorId: id } })
      const after = Date.now()

      assert.deepStrictEqual(statusOf(answer), { status: ok, details: [] })
      const events = yield* Schema.decodeUnknownEffect(EventPayloads)(field(answer, "eventPayloads"))
      const of = (streamId: string) =>
        events.flatMap(({ alert, status }) => [alert ?? [], status ?? []].flat())
          .filter((event) => event.streamId === streamId)
          .map(({ id, state }) => [id, state])
      assert.deepStrictEqual(of("good"), [["streamStarted", "STATE_PROVISIONED"]])
      assert.deepStrictEqual(of("bad").map(([, state]) => state), ["STATE_FAILED", "STATE_FAILED"])
      for (const { alert, status } of events) {
        const { createdAt, metadata } = alert ?? status ?? assert.fail("neither alert nor status")
        const millis = Date.parse(createdAt)
        assert.isTrue(before <= millis && millis <= after, `created at ${createdAt}`)
        assert.hasAllKeys(metadata, ["ErrorMessage", "StreamID", "ExtraMessage"])
      }
    }))

  it.effect("answers what is not the contract's business with a gRPC status", () =>
    Effect.gen(function*() {
      const { call } = yield* serve()
      const codeOf = (task: Task) => Effect.map(call(task), ({ grpc }) => grpc?.code)
      const deep = (levels: number): JsonObject => levels === 0 ? {} : { in: deep(levels - 1) }

      assert.strictEqual(yield* codeOf({ rpc: "/connector.v1.ConnectorService/NoSuchMethod" }), "Unimplemented")
      assert.strictEqual(yield* codeOf({ rpc: "/no.such.Service/GetEvents" }), "Unimplemented")
      assert.strictEqual(yield* codeOf({ rpc: "GetEvents", hex: "0aff" }), "Internal")
      assert.strictEqual(yield* codeOf(setting({ config: { metadata: deep(80) } })), "Internal")
      assert.strictEqual(
        yield* codeOf({ rpc: "GetEvents", request: { connectorId: "x".repeat(5 << 20) } }),
        "ResourceExhausted"
      )
      // the server has not suffered
      assert.deepStrictEqual(statusOf(yield* call({ rpc: "GetEvents", request: { connectorId: id } })).status, ok)
    }))

  it.effect("takes a request with fields from the future", () =>
    Effect.gen(function*() {
      const { call } = yield* serve()
      // connector_id = 1, then field 100 as a varint and field 101 as bytes
      const answer = yield* call({ rpc: "GetEvents", hex: `0a03${Buffer.from(id).toString("hex")}a00601aa0603616263` })

      assert.deepStrictEqual(statusOf(answer), { status: ok, details: [] })
    }))
}

/** The status that a gRPC status carries as its first detail; what else it says must say the same. */
const statusInGrpc = (answer: Answer, code: ResponseCodes.Name) => {
  const { grpc, response } = answer
  assert.isUndefined(response)
  const [carried, ...more] = grpc?.details ?? []
  const { details, status: { "@type": typeUrl, ...status } } = statusOf({ response: { status: carried ?? null } })
  assert.strictEqual(typeUrl, "type.googleapis.com/connector.v1.ResponseStatus")
  assert.deepStrictEqual(more, details)
  assert.strictEqual(grpc?.code, goName(code))
  assert.strictEqual(grpc?.number, ResponseCodes.toGrpc(code))
  assert.strictEqual(grpc?.message, status["message"])
  return { status, details }
}

const Retry = Schema.Tuple([
  Schema.Struct({ metadata: Schema.Struct({ retry_in_millis: Schema.String }) }),
  Schema.Struct({ retryDelay: Schema.String })
])

const retryOf = (details: ReadonlyArray<JsonValue>) =>
  Effect.map(
    Schema.decodeUnknownEffect(Retry)(details),
    ([{ metadata }, { retryDelay }]) => [metadata.retry_in_millis, retryDelay] as const
  )

const Event = Schema.Struct({
  id: Schema.String,
  streamId: Schema.String,
  state: Schema.String,
  createdAt: Schema.String,
  metadata: Schema.Record(Schema.String, Schema.Json)
})

const EventPayloads = Schema.Array(
  Schema.Struct({ alert: Schema.optionalKey(Event), status: Schema.optionalKey(Event) })
)
