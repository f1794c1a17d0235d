import { assert, describe, it } from "@effect/vitest"
import { ResponseCode, ResponseCodes, ResponseCodeSchema } from "@kps/idl"

// from the contract and from gRPC's own list of status codes
const expected: Record<ResponseCodes.Name, readonly [code: number, grpc: number, http: number]> = {
  OK: [1, 0, 200],
  CANCELLED: [2, 1, 499],
  UNKNOWN: [3, 2, 500],
  INVALID_ARGUMENT: [4, 3, 400],
  DEADLINE_EXCEEDED: [5, 4, 504],
  NOT_FOUND: [6, 5, 404],
  ALREADY_EXISTS: [7, 6, 409],
  PERMISSION_DENIED: [8, 7, 403],
  UNAUTHENTICATED: [9, 16, 401],
  RESOURCE_EXHAUSTED: [10, 8, 429],
  FAILED_PRECONDITION: [11, 9, 400],
  ABORTED: [12, 10, 409],
  OUT_OF_RANGE: [13, 11, 400],
  UNIMPLEMENTED: [14, 12, 501],
  INTERNAL: [15, 13, 500],
  UNAVAILABLE: [16, 14, 503],
  DATA_LOSS: [17, 15, 500]
}

describe("ResponseCodes", () => {
  it("has every code of the contract but UNSPECIFIED, in its order", () => {
    const contract = ResponseCodeSchema.values.map(({ name }) => name.replace("RESPONSE_CODE_", ""))

    assert.deepStrictEqual(["UNSPECIFIED", ...ResponseCodes.names], contract)
  })

  for (const [name, [code, grpc, http]] of Object.entries(expected)) {
    it(`maps ${name} both ways`, () => {
      assert.isTrue(ResponseCodes.isName(name))
      if (!ResponseCodes.isName(name)) return
      assert.strictEqual(ResponseCodes.toCode(name), code)
      assert.strictEqual(ResponseCodes.fromCode(code), name)
      assert.strictEqual(ResponseCodes.toGrpc(name), grpc)
      assert.strictEqual(ResponseCodes.fromGrpc(grpc), name)
      assert.strictEqual(ResponseCodes.toHttp(name), http)
    })
  }

  it("reads UNSPECIFIED and numbers of other versions as UNKNOWN", () => {
    for (const code of [ResponseCode.UNSPECIFIED, 18, -1, 2 ** 31, 1.5, Number.NaN]) {
      assert.strictEqual(ResponseCodes.fromCode(code), "UNKNOWN")
    }
    for (const status of [17, -1, 2 ** 31, Number.NaN]) {
      assert.strictEqual(ResponseCodes.fromGrpc(status), "UNKNOWN")
    }
  })

  it("tells names from other texts", () => {
    for (const text of ["", "ok", "UNSPECIFIED", "RESPONSE_CODE_OK", "toString", "__proto__"]) {
      assert.isFalse(ResponseCodes.isName(text), text)
    }
  })
})
