import { create, type MessageInitShape } from "@bufbuild/protobuf"
import { Code, ConnectError } from "@connectrpc/connect"
import { assert, describe, it } from "@effect/vitest"
import { type ClientError, ConnectorClient } from "@kps/client"
import { ErrorDetails, PayloadKind, ResponseCode, ResponseCodes, ResponseStatusSchema } from "@kps/idl"
import { Effect } from "effect"
import { errorCases } from "./ErrorCases.ts"
import { asGrpc, badRequest, codeOf, doors, type Handlers, routes } from "./TestConnector.ts"

const { ConnectorClient: Client } = ConnectorClient

/** What the error says, without where it happened. */
const told = (error: ClientError.SetPayloadError): object => {
  const elsewhere = new Set(["endpoint", "rpc"])
  const own = Object.entries(error).filter(([name]) => !elsewhere.has(name))
  return Object.fromEntries([...own, ["isRetryable", error.isRetryable]])
}

/** Refuses all three methods in the same way. */
const refusing = (refuse: () => { readonly status?: MessageInitShape<typeof ResponseStatusSchema> }): Handlers => ({
  getPayload: refuse,
  setPayload: refuse,
  getEvents: refuse
})
const throwing = (make: () => ConnectError): Handlers =>
  refusing(() => {
    throw make()
  })

for (const door of doors) {
  describe(`ClientError ${door.name}`, () => {
    const failing = (handlers: Handlers) =>
      Effect.gen(function*() {
        const client = yield* Client
        return {
          setPayload: yield* Effect.flip(client.setPayload([])),
          getPayload: yield* Effect.flip(client.getPayload(PayloadKind.STREAM)),
          getEvents: yield* Effect.flip(client.getEvents)
        }
      }).pipe(Effect.provide(door.layer(routes(handlers))))

    for (const { name, others, setPayload, status } of errorCases) {
      it.effect(`reads the same in a reply and in a gRPC status: ${name}`, () =>
        Effect.gen(function*() {
          const inBand = yield* failing(refusing(() => ({ status })))
          const grpc = yield* failing(throwing(() => asGrpc(create(ResponseStatusSchema, status))))

          for (const errors of [inBand, grpc]) {
            assert.deepStrictEqual(told(errors.setPayload), setPayload)
            assert.deepStrictEqual(told(errors.getPayload), others)
            assert.deepStrictEqual(told(errors.getEvents), others)
            for (const [method, error] of Object.entries(errors)) {
              assert.match(error.endpoint, door.endpoint)
              assert.strictEqual(error.rpc.toLowerCase(), method.toLowerCase())
            }
          }
        }))
    }

    it.effect("takes a reply without a status for a failure", () =>
      Effect.gen(function*() {
        const errors = yield* failing(refusing(() => ({})))

        for (const error of Object.values(errors)) {
          assert.deepInclude(told(error), { _tag: "Rejected", code: "UNKNOWN", text: "the reply has no status" })
        }
      }))

    for (const [text, field] of [["wrong Connector id", "connector_id"], ["unknown payload kind", "kind"]] as const) {
      it.effect(`knows the original's bare "${text}"`, () =>
        Effect.gen(function*() {
          const errors = yield* failing(throwing(() => new ConnectError(text, Code.Unknown)))

          for (const error of Object.values(errors)) {
            assert.deepStrictEqual(told(error), {
              _tag: "InvalidRequest",
              text,
              violations: [{ field, description: text }],
              isRetryable: false
            })
          }
        }))
    }

    it.effect("takes other bare texts, and those texts with other codes, as they are", () =>
      Effect.gen(function*() {
        for (
          const [text, code, name] of [
            ["nats: no servers available for connection", Code.Unknown, "UNKNOWN"],
            ["toString", Code.Unknown, "UNKNOWN"],
            ["wrong Connector id", Code.NotFound, "NOT_FOUND"]
          ] as const
        ) {
          const { getPayload } = yield* failing(throwing(() => new ConnectError(text, code)))

          assert.deepInclude(told(getPayload), { _tag: "Rejected", code: name, text, details: [] })
        }
      }))

    it.effect("maps every bare gRPC status by name", () =>
      Effect.gen(function*() {
        const special: Record<string, string> = {
          INVALID_ARGUMENT: "InvalidRequest",
          DEADLINE_EXCEEDED: "DeadlineExceeded"
        }
        for (const name of ResponseCodes.names.filter((name) => name !== "OK")) {
          const { getPayload } = yield* failing(throwing(() => new ConnectError("m", codeOf(name))))

          assert.strictEqual(getPayload._tag, special[name] ?? "Rejected")
          assert.strictEqual(getPayload.code, name)
        }
      }))

    it.effect("reads google.rpc details that stand in a gRPC status by themselves", () =>
      Effect.gen(function*() {
        const { getPayload } = yield* failing(throwing(() =>
          new ConnectError("m", Code.InvalidArgument, undefined, [
            { desc: ErrorDetails.BadRequestSchema, value: { fieldViolations: [{ field: "f", description: "d" }] } },
            { desc: ErrorDetails.ErrorInfoSchema, value: { reason: "R" } }
          ])
        ))

        assert.deepStrictEqual(told(getPayload), {
          _tag: "InvalidRequest",
          text: "m",
          reason: "R",
          violations: [{ field: "f", description: "d" }],
          isRetryable: false
        })
      }))

    it.effect("believes the gRPC status when the ResponseStatus in it says OK", () =>
      Effect.gen(function*() {
        const { getPayload } = yield* failing(throwing(() =>
          new ConnectError("m", Code.Internal, undefined, [
            { desc: ResponseStatusSchema, value: { code: ResponseCode.OK } }
          ])
        ))

        assert.deepInclude(told(getPayload), { _tag: "Rejected", code: "INTERNAL", text: "m" })
      }))

    it.effect("says UNIMPLEMENTED for a method that is not there", () =>
      Effect.gen(function*() {
        for (const error of Object.values(yield* failing({}))) {
          assert.deepInclude(told(error), { _tag: "Rejected", code: "UNIMPLEMENTED" })
        }
      }))

    it.effect("cuts the connector's texts in messages and keeps them in fields", () =>
      Effect.gen(function*() {
        const long = `first\nsecond ${"x".repeat(10_000)}`
        const violations = Array.from({ length: 7 }, (_, i) => ({ field: `f${i}`, description: long }))
        const rejected = yield* failing(refusing(() => ({ status: { code: ResponseCode.INTERNAL, message: long } })))
        const invalid = yield* failing(
          refusing(() => ({ status: { code: ResponseCode.INVALID_ARGUMENT, details: [badRequest(...violations)] } }))
        )

        assert.deepInclude(told(rejected.getEvents), { text: long })
        assert.isTrue(rejected.getEvents.message.endsWith(`INTERNAL: first second ${"x".repeat(187)}…`))
        assert.deepInclude(told(invalid.getEvents), { violations })
        assert.match(
          invalid.getEvents.message,
          /^GetEvents refused by .*: (f\d: first second x{187}…; ){5}and 2 more$/
        )
      }))

    it.effect("names the streams that do not run", () =>
      Effect.gen(function*() {
        const status = errorCases.find(({ name }) => name === "streams that failed")?.status ?? assert.fail("no case")
        const { setPayload } = yield* failing(refusing(() => ({ status })))

        assert.strictEqual(
          setPayload.message,
          `SetPayload of ${setPayload.endpoint}: these streams do not run: ` +
            "\"a\": UNAVAILABLE: cannot connect to a:1; \"b\": PERMISSION_DENIED: no"
        )
      }))
  })
}
