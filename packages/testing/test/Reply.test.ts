import { create, toBinary } from "@bufbuild/protobuf"
import { anyPack } from "@bufbuild/protobuf/wkt"
import { ConnectError } from "@connectrpc/connect"
import { assert, describe, it } from "@effect/vitest"
import { ErrorDetails, GetEventsResponseSchema, type ResponseCode, ResponseCodes, ResponseStatusSchema } from "@kps/idl"
import * as Reply from "../src/Reply.ts"

const status = (code: number) =>
  create(ResponseStatusSchema, {
    // One cast: numbers that are no code are tried too.
    code: code as ResponseCode,
    message: "why",
    details: [
      anyPack(
        ErrorDetails.BadRequestSchema,
        create(ErrorDetails.BadRequestSchema, { fieldViolations: [{ field: "kind", description: "want 1 or 2" }] })
      ),
      anyPack(
        ErrorDetails.ErrorInfoSchema,
        create(ErrorDetails.ErrorInfoSchema, { reason: "Wrong", domain: "kps.connector" })
      ),
      {
        $typeName: "google.protobuf.Any",
        typeUrl: "type.googleapis.com/google.rpc.BadRequest",
        value: Uint8Array.of(1)
      }
    ]
  })

/** As it comes off the wire. */
const grpc = (code: number, held?: number, message = "why") => {
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- connect's codes are the numbers of gRPC
  const error = new ConnectError(message, code)
  if (held !== undefined) {
    error.details = [{ type: ResponseStatusSchema.typeName, value: toBinary(ResponseStatusSchema, status(held)) }]
  }
  return error
}

describe("Reply", () => {
  for (const name of ResponseCodes.names) {
    it(`reads ${name} by its name in band, and by gRPC's number of it`, () => {
      const code = ResponseCodes.toCode(name)
      const inBand = Reply.ofMessage(create(GetEventsResponseSchema, { status: status(code) }))
      const inStatus = Reply.ofError(grpc(ResponseCodes.toGrpc(name), code))
      const bare = Reply.ofError(grpc(ResponseCodes.toGrpc(name)))

      assert.deepStrictEqual([inBand.code, inStatus.code, bare.code], [name, name, name])
      assert.deepStrictEqual([inBand.form, inStatus.form, bare.form], ["in band", "gRPC status", "bare gRPC status"])
      assert.deepStrictEqual([inBand.contradiction, inStatus.contradiction], [undefined, undefined])
      for (const { infos, violations } of [inBand, inStatus]) {
        assert.deepStrictEqual(violations.map(({ field }) => field), ["kind"])
        assert.deepStrictEqual(infos.map(({ reason }) => reason), ["Wrong"])
      }
    })
  }

  it("takes neither a code that is not there nor one that does not exist for a code", () => {
    const codes = [
      Reply.ofMessage(create(GetEventsResponseSchema, {})),
      Reply.ofMessage(create(GetEventsResponseSchema, { status: status(0) })),
      Reply.ofMessage(create(GetEventsResponseSchema, { status: status(99) }))
    ].map(({ code }) => code)

    assert.deepStrictEqual(codes, ["UNSPECIFIED", "UNSPECIFIED", "UNSPECIFIED"])
  })

  it("sees a gRPC status that has the contract's number in place of gRPC's", () => {
    // 9 is UNAUTHENTICATED in the contract and FAILED_PRECONDITION in gRPC
    const reply = Reply.ofError(grpc(9, 9))

    assert.strictEqual(reply.code, "FAILED_PRECONDITION")
    assert.match(reply.contradiction ?? "", /FAILED_PRECONDITION.*UNAUTHENTICATED/)
    assert.isFalse(Reply.isStreamCode({ ...reply, isSaid: true }))
  })

  it("does not guess a code from the text of the original's errors", () => {
    const error = grpc(ResponseCodes.toGrpc("UNKNOWN"), undefined, "wrong Connector id")

    assert.strictEqual(Reply.ofError(error).code, "UNKNOWN")
  })
})
