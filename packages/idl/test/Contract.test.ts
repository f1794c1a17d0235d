import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { anyPack, anyUnpack } from "@bufbuild/protobuf/wkt"
import { assert, describe, it } from "@effect/vitest"
import {
  ConnectorService,
  ErrorDetails,
  HealthV1,
  PayloadSchema,
  ResponseCode,
  ResponseStatusSchema,
  StreamDirection
} from "@kps/idl"

describe("the generated contract", () => {
  it("names the three methods as the original does", () => {
    assert.deepStrictEqual(
      ConnectorService.methods.map((method) => `/${method.parent.typeName}/${method.name}`),
      [
        "/connector.v1.ConnectorService/GetPayload",
        "/connector.v1.ConnectorService/SetPayload",
        "/connector.v1.ConnectorService/GetEvents"
      ]
    )
    assert.strictEqual(HealthV1.Health.typeName, "grpc.health.v1.Health")
  })

  it("writes a stream as the original does, its metadata unmangled", () => {
    const payload = create(PayloadSchema, {
      object: {
        case: "stream",
        value: {
          id: "s",
          direction: StreamDirection.EGRESS,
          transportChannel: "c",
          metadata: JSON.parse("{\"__proto__\":null}")
        }
      }
    })
    const bytes = toBinary(PayloadSchema, payload)

    assert.strictEqual(
      Buffer.from(bytes).toString("hex"),
      // payload{stream=2}: id=1, direction=4, transport_channel=5, metadata=6 {fields=1 {key=1, value=2 {null_value=1}}}
      "121b 0a0173 2002 2a0163 3211 0a0f 0a095f5f70726f746f5f5f 12020800".replaceAll(" ", "")
    )
    assert.deepStrictEqual(fromBinary(PayloadSchema, bytes), payload)
  })

  it("carries error details in a status", () => {
    const status = create(ResponseStatusSchema, {
      code: ResponseCode.INVALID_ARGUMENT,
      message: "m",
      details: [anyPack(ErrorDetails.ErrorInfoSchema, create(ErrorDetails.ErrorInfoSchema, { reason: "R" }))]
    })
    const read = fromBinary(ResponseStatusSchema, toBinary(ResponseStatusSchema, status))

    assert.deepStrictEqual(read.details.map((any) => any.typeUrl), ["type.googleapis.com/google.rpc.ErrorInfo"])
    assert.deepStrictEqual(read.details.map((any) => anyUnpack(any, ErrorDetails.ErrorInfoSchema)?.reason), ["R"])
  })
})
