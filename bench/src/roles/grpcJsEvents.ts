/** GetEvents on @grpc/grpc-js, with the generated code that ours has too: the answer is encoded for each call. */
import { fromBinary, toBinary } from "@bufbuild/protobuf"
import * as grpc from "@grpc/grpc-js"
import {
  type GetEventsRequest,
  GetEventsRequestSchema,
  type GetEventsResponse,
  GetEventsResponseSchema
} from "@kps/idl"
import { Effect, Schema } from "effect"
import { readFileSync } from "node:fs"
import * as Role from "../engine/Role.ts"

const service: grpc.ServiceDefinition = {
  GetEvents: {
    path: "/connector.v1.ConnectorService/GetEvents",
    requestStream: false,
    responseStream: false,
    requestSerialize: (request: GetEventsRequest) => Buffer.from(toBinary(GetEventsRequestSchema, request)),
    requestDeserialize: (bytes) => fromBinary(GetEventsRequestSchema, bytes),
    responseSerialize: (response: GetEventsResponse) => Buffer.from(toBinary(GetEventsResponseSchema, response)),
    responseDeserialize: (bytes) => fromBinary(GetEventsResponseSchema, bytes)
  }
}

Role.main(
  Schema.Struct({ file: Schema.String }),
  Effect.fnUntraced(function*({ file }) {
    const response = fromBinary(GetEventsResponseSchema, readFileSync(file))
    const server = new grpc.Server()
    server.addService(service, {
      GetEvents: (_: unknown, reply: grpc.sendUnaryData<GetEventsResponse>) => reply(null, response)
    })
    const port = yield* Effect.callback<number, Error>((resume) =>
      server.bindAsync(
        "127.0.0.1:0",
        grpc.ServerCredentials.createInsecure(),
        (error, port) => resume(error === null ? Effect.succeed(port) : Effect.fail(error))
      )
    )
    yield* Effect.addFinalizer(() => Effect.sync(() => server.forceShutdown()))
    return { where: () => Effect.succeed({ port }) }
  })
)
