import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf"
import { assert, describe, it } from "@effect/vitest"
import { PayloadKind, ResponseCodes } from "@kps/idl"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import {
  Conflict,
  StateError,
  type StateErrorReason,
  Unavailable,
  Unreadable,
  ValueTooLarge
} from "../src/StateError.ts"
import { deepStruct } from "./support/Bytes.ts"
import { type Row, rows } from "./support/ContractDoc.ts"
import { FakeStreams } from "./support/FakeStreams.ts"
import { infosOf, messages, type Raw, type Rpc, statusOf, typesOf, unpackStatus } from "./support/GrpcCaller.ts"
import { hoard, partBytes } from "./support/Hoard.ts"
import { stream } from "./support/SampleConnector.ts"
import { serve, type TestOptions } from "./support/TestServer.ts"

type Mode = "inBand" | "grpc"

const requests: { readonly [R in Rpc]: MessageInitShape<typeof messages[R][0]> } = {
  GetPayload: { connectorId: "c-1", kind: PayloadKind.STREAM },
  SetPayload: { connectorId: "c-1", payloads: [stream()] },
  GetEvents: { connectorId: "c-1" }
}

const encode = (rpc: Rpc) => toBinary(messages[rpc][0], create(messages[rpc][0], requests[rpc] as {}))

/** A server whose every call does what `effect` does. */
const doing = (effect: Effect.Effect<never>): TestOptions => {
  const fake = new FakeStreams()
  Object.assign(fake.service, { list: effect, apply: () => effect })
  return { fake, events: { snapshot: effect }, gracePeriod: "200 millis" }
}

const place = { bucket: "kps-desired", key: "desired.c-1" }

const stateErrors: { readonly [Code in ResponseCodes.Name]?: StateErrorReason } = {
  UNAVAILABLE: new Unavailable({ ...place, operation: "write", cause: new Error("no answer in time") }),
  ABORTED: new Conflict({ ...place, expected: 0 }),
  FAILED_PRECONDITION: new Unreadable({ ...place, revision: 1, problem: "it is no JSON text" }),
  RESOURCE_EXHAUSTED: new ValueTooLarge({ ...place, byteLength: 2, maxBytes: 1 })
}

/** How each error of the document is brought about, for one of its methods and codes. */
const provoke: Record<
  string,
  (mode: Mode, rpc: Rpc, code: ResponseCodes.Name) => Effect.Effect<Raw, never, Scope.Scope>
> = {
  WrongConnectorId: Effect.fnUntraced(function*(errors, rpc) {
    const { caller } = yield* serve({ errors })
    return yield* caller.encoded(rpc, { ...requests[rpc], connectorId: "c-2" })
  }),
  UnknownPayloadKind: Effect.fnUntraced(function*(errors) {
    const { caller } = yield* serve({ errors })
    return yield* caller.encoded("GetPayload", { connectorId: "c-1", kind: 7 as PayloadKind })
  }),
  InvalidPayloads: Effect.fnUntraced(function*(errors) {
    const { caller } = yield* serve({ errors })
    return yield* caller.encoded("SetPayload", { connectorId: "c-1", payloads: [stream({ id: "" })] })
  }),
  StreamsFailed: Effect.fnUntraced(function*(errors, _, code) {
    const { caller } = yield* serve({ errors })
    return yield* caller.encoded("SetPayload", {
      connectorId: "c-1",
      payloads: [
        stream({ id: "runs" }),
        stream({ id: "first", metadata: { subject: "a", fails: code } }),
        // The gravest code counts, not the first.
        stream({ id: "second", metadata: { subject: "a", fails: code === "DATA_LOSS" ? "DATA_LOSS" : "NOT_FOUND" } })
      ].slice(0, code === "DATA_LOSS" ? 2 : 3)
    })
  }),
  StateFailed: Effect.fnUntraced(function*(errors, _, code) {
    const reason = stateErrors[code]
    assert(reason !== undefined)
    const failing = Effect.fail(new StateError({ reason }))
    const { caller } = yield* serve({
      errors,
      desired: {
        get: () => reason._tag === "Unreadable" ? failing : Effect.succeedNone,
        set: () => failing,
        changes: () => Stream.never
      }
    })
    return yield* caller.encoded("SetPayload", requests.SetPayload)
  }),
  ShuttingDown: Effect.fnUntraced(function*(errors) {
    const { caller, service } = yield* serve({ errors })
    yield* service.drain
    return yield* caller.encoded("SetPayload", requests.SetPayload)
  }),
  InternalError: Effect.fnUntraced(function*(errors, rpc) {
    const { caller } = yield* serve({ errors, ...doing(Effect.die(new Error("canary-defect"))) })
    const raw = yield* caller.encoded(rpc, requests[rpc])
    assert.notInclude(`${raw.text} ${Buffer.from(raw.reply).toString("latin1")}`, "canary-defect")
    return raw
  }),
  UnknownMethod: Effect.fnUntraced(function*(errors, rpc) {
    const { caller } = yield* serve({ errors })
    return yield* caller.raw(`/connector.v1.ConnectorService/${rpc}s`, encode(rpc))
  }),
  MessageTooLarge: Effect.fnUntraced(function*(errors, rpc) {
    const { caller } = yield* serve({ errors })
    return yield* caller.rawRpc(rpc, new Uint8Array(5 << 20))
  }),
  ServerBusy: Effect.fnUntraced(function*(errors, rpc) {
    const { caller, port } = yield* serve({ errors })
    yield* hoard(port)
    return yield* caller.rawRpc(rpc, new Uint8Array(partBytes))
  }),
  MalformedMessage: Effect.fnUntraced(function*(errors, rpc) {
    const { caller } = yield* serve({ errors })
    return yield* caller.rawRpc(rpc, Uint8Array.of(10, 200, 1, 2))
  }),
  NestingTooDeep: Effect.fnUntraced(function*(errors) {
    const { caller } = yield* serve({ errors })
    return yield* caller.rawRpc("SetPayload", deepStruct("c-1", 10_000))
  }),
  DeadlineExceeded: Effect.fnUntraced(function*(errors, rpc) {
    const { caller } = yield* serve({ errors, ...doing(Effect.never) })
    return yield* caller.encoded(rpc, requests[rpc], { deadline: Date.now() + 150 })
  }),
  Cancelled: Effect.fnUntraced(function*(errors, rpc) {
    const { caller } = yield* serve({ errors, ...doing(Effect.never) })
    return yield* caller.cancelled(rpc, encode(rpc))
  }),
  Stopped: Effect.fnUntraced(function*(errors, rpc) {
    const scope = yield* Scope.make()
    const { caller } = yield* Effect.provideService(serve({ errors, ...doing(Effect.never) }), Scope.Scope, scope)
    // Not the caller's scope: it outlives the server.
    const call = yield* Effect.forkChild(caller.encoded(rpc, requests[rpc]), { startImmediately: true })
    yield* Effect.sleep("100 millis")
    yield* Effect.forkChild(Scope.close(scope, Exit.void))
    return yield* Fiber.join(call)
  })
}

const check = (row: Row, mode: Mode, rpc: Rpc, code: ResponseCodes.Name, raw: Raw) => {
  if (!row.inBand) {
    assert.strictEqual(ResponseCodes.fromGrpc(raw.code), code)
    assert.deepStrictEqual(raw.details, [])
    return
  }
  assert.strictEqual(raw.code, mode === "inBand" ? 0 : ResponseCodes.toGrpc(code))
  const [first, ...repeated] = raw.details
  const status = mode === "inBand" ? statusOf(rpc, raw.reply) : first === undefined ? undefined : unpackStatus(first)
  assert(status !== undefined)
  assert.strictEqual(status.code, ResponseCodes.toCode(code))
  assert.isNotEmpty(status.message)
  if (mode === "grpc") assert.deepStrictEqual(repeated, status.details)

  const infos = infosOf(status.details)
  assert(infos.every(({ domain }) => domain === "kps.connector"))
  if (row.error === "StreamsFailed") {
    assert.deepStrictEqual(infos[0]?.metadata["stream_id"], "first")
    assert.deepStrictEqual(infos[0]?.metadata["code"], code)
    assert.deepStrictEqual(infos[0]?.reason, code)
    const retried = infos.some(({ metadata }) => metadata["retry_in_millis"] !== undefined)
    assert.deepStrictEqual(typesOf(status.details), retried ? row.details : ["ErrorInfo"])
  } else {
    assert.deepStrictEqual(infos.map(({ reason }) => reason), [row.error])
    assert.deepStrictEqual(typesOf(status.details), row.details)
  }
}

describe("every row of docs/contract.md reaches @grpc/grpc-js as it says", () => {
  it("brings about each error of the document, and no other", () => {
    assert.deepStrictEqual(Object.keys(provoke), rows().map(({ error }) => error))
  })

  for (const row of rows()) {
    for (const mode of ["inBand", "grpc"] as const) {
      it.live(`${row.error}, ${mode}`, () =>
        Effect.gen(function*() {
          for (const rpc of row.rpcs as ReadonlyArray<Rpc>) {
            for (const code of row.codes) {
              const raw = yield* Effect.scoped(provoke[row.error]!(mode, rpc, code))
              check(row, mode, rpc, code, raw)
            }
          }
        }), 20_000)
    }
  }
})
