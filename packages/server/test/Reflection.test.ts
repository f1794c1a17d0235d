/** Server reflection as clients of another make see it: @grpc/grpc-js, and a library that works from reflection alone. */
import {
  create,
  createFileRegistry,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  toBinary
} from "@bufbuild/protobuf"
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import { assert, describe, it } from "@effect/vitest"
import * as grpc from "@grpc/grpc-js"
import { ConnectorService, ReflectionV1, ReflectionV1Alpha } from "@kps/idl"
import { type Duration, Effect, Exit, Fiber, Queue, Scope } from "effect"
import { GrpcReflection } from "grpc-js-reflection-client"
import { FakeStreams } from "./support/FakeStreams.ts"
import { GrpcCaller } from "./support/GrpcCaller.ts"
import { serve } from "./support/TestServer.ts"

const versions = { v1: ReflectionV1, v1alpha: ReflectionV1Alpha } as const
type Version = keyof typeof versions
type Request = MessageInitShape<typeof ReflectionV1.ServerReflectionRequestSchema>
type Response = ReflectionV1.ServerReflectionResponse

/** A call that stays open: what it is asked, and what comes back. */
const open = Effect.fnUntraced(
  function*(
    { client }: GrpcCaller,
    version: Version
  ): Effect.fn.Return<
    { readonly ask: (request: Request) => Effect.Effect<Response>; readonly ended: Effect.Effect<number> },
    never,
    Scope.Scope
  > {
    const { ServerReflection, ServerReflectionRequestSchema, ServerReflectionResponseSchema } = versions[version]
    const answers = yield* Queue.unbounded<Response>()
    const statuses = yield* Queue.unbounded<number>()
    const call = yield* Effect.acquireRelease(
      Effect.sync(() =>
        client.makeBidiStreamRequest(
          `/${ServerReflection.typeName}/ServerReflectionInfo`,
          // The two versions differ in the names of their messages alone.
          (request: Request) =>
            Buffer.from(
              toBinary(
                ServerReflectionRequestSchema as DescMessage,
                create(ServerReflectionRequestSchema as DescMessage, request)
              )
            ),
          (bytes: Buffer) => fromBinary(ServerReflectionResponseSchema, bytes) as Response
        )
      ),
      (call) => Effect.sync(() => call.cancel())
    )
    call.on("data", (response: Response) => Queue.offerUnsafe(answers, response))
    call.on("status", ({ code }: grpc.StatusObject) => Queue.offerUnsafe(statuses, code))
    call.on("error", () => {})
    return {
      ask: (request) => Effect.andThen(Effect.sync(() => call.write(request)), Queue.take(answers)),
      ended: Queue.take(statuses)
    }
  }
)

const filesOf = ({ messageResponse }: Response): ReadonlyArray<FileDescriptorProto> => {
  assert(messageResponse.case === "fileDescriptorResponse", JSON.stringify(messageResponse.value))
  return messageResponse.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes))
}

const errorOf = ({ messageResponse }: Response): readonly [number, string] => {
  assert(messageResponse.case === "errorResponse")
  return [messageResponse.value.errorCode, messageResponse.value.errorMessage]
}

const names = [
  "connector.v1.ConnectorService",
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection"
]

const served = (options: { readonly reflection?: boolean; readonly gracePeriod?: Duration.Input } = {}) =>
  serve({ fake: new FakeStreams(), ...options })

const bounded = Effect.timeoutOrElse({
  duration: "10 seconds",
  orElse: () => Effect.die(new Error("not within 10 seconds"))
})

describe.each(["v1", "v1alpha"] as const)("Reflection %s", (version) => {
  it.live("lists the services that are served", () =>
    Effect.gen(function*() {
      const { ask } = yield* open((yield* served()).caller, version)
      const { messageResponse, originalRequest, validHost } = yield* ask({
        host: "h",
        messageRequest: { case: "listServices", value: "*" }
      })
      assert(messageResponse.case === "listServicesResponse")
      assert.deepStrictEqual(messageResponse.value.service.map(({ name }) => name), names)
      assert.strictEqual(validHost, "h")
      assert.deepStrictEqual(originalRequest?.messageRequest, { case: "listServices", value: "*" })
    }).pipe(bounded, Effect.scoped))

  it.live("gives a file with all that it imports, from which the contract can be built", () =>
    Effect.gen(function*() {
      const { ask } = yield* open((yield* served()).caller, version)
      const file = filesOf(
        yield* ask({ messageRequest: { case: "fileByFilename", value: "connector/v1/connector.proto" } })
      )

      assert.deepStrictEqual(file.map(({ name }) => name), [
        "connector/v1/connector.proto",
        "google/protobuf/any.proto",
        "google/protobuf/struct.proto",
        "google/protobuf/timestamp.proto"
      ])
      const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: file.toReversed() }))
      const service = registry.getService(ConnectorService.typeName)
      assert.deepStrictEqual(
        service?.methods.map((method) => [method.name, method.input.typeName, method.output.typeName]),
        ConnectorService.methods.map((method) => [method.name, method.input.typeName, method.output.typeName])
      )
    }).pipe(bounded, Effect.scoped))

  it.live("finds the file of a service, method, message, field, enum and value by full name", () =>
    Effect.gen(function*() {
      const { ask } = yield* open((yield* served()).caller, version)
      for (
        const [symbol, name] of [
          ["connector.v1.ConnectorService", "connector/v1/connector.proto"],
          ["connector.v1.ConnectorService.SetPayload", "connector/v1/connector.proto"],
          ["connector.v1.Payload", "connector/v1/connector.proto"],
          ["connector.v1.Payload.stream", "connector/v1/connector.proto"],
          ["connector.v1.Payload.object", "connector/v1/connector.proto"],
          ["connector.v1.Severity", "connector/v1/connector.proto"],
          ["connector.v1.SEVERITY_INFO", "connector/v1/connector.proto"],
          ["grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc/health/v1/health.proto"],
          ["grpc.health.v1.HealthCheckResponse.SERVING", "grpc/health/v1/health.proto"],
          ["google.protobuf.Struct.fields", "google/protobuf/struct.proto"],
          [`grpc.reflection.${version}.ErrorResponse`, `grpc/reflection/${version}/reflection.proto`]
        ] as const
      ) {
        const [first] = filesOf(yield* ask({ messageRequest: { case: "fileContainingSymbol", value: symbol } }))
        assert.strictEqual(first?.name, name, symbol)
      }
    }).pipe(bounded, Effect.scoped))

  it.live("answers what it does not know by an error of that question, and goes on", () =>
    Effect.gen(function*() {
      const { ask } = yield* open((yield* served()).caller, version)
      const extension = { containingType: "connector.v1.Payload", extensionNumber: 7 }
      for (
        const [messageRequest, code, text] of [
          [{ case: "fileByFilename", value: "no.proto" }, 5, "no file \"no.proto\""],
          [{ case: "fileContainingSymbol", value: "no.Symbol" }, 5, "no symbol \"no.Symbol\""],
          [{ case: "fileContainingSymbol", value: "x".repeat(10_000) }, 5, `no symbol "${"x".repeat(200)}…"`],
          [{ case: "fileContainingExtension", value: extension }, 5, "no extension 7 of \"connector.v1.Payload\""],
          [{ case: "allExtensionNumbersOfType", value: "no.Type" }, 5, "no message \"no.Type\""],
          [
            { case: "allExtensionNumbersOfType", value: "connector.v1.Severity" },
            5,
            "no message \"connector.v1.Severity\""
          ],
          [{ case: undefined }, 3, "the request asks for nothing that is known here"]
        ] as const
      ) {
        const response = yield* ask({ messageRequest })
        assert.deepStrictEqual(errorOf(response), [code, text])
        if (messageRequest.case === "fileContainingExtension") {
          assert.deepInclude(response.originalRequest?.messageRequest.value, extension)
        }
      }
      const { messageResponse } = yield* ask({
        messageRequest: { case: "allExtensionNumbersOfType", value: "connector.v1.Payload" }
      })
      assert.deepInclude(messageResponse, { case: "allExtensionNumbersResponse" })
      assert.deepInclude(messageResponse.value, { baseTypeName: "connector.v1.Payload", extensionNumber: [] })
    }).pipe(bounded, Effect.scoped))

  it.live("ends a call that stays open when the server stops", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { port } = yield* Scope.provide(served({ gracePeriod: "1 minute" }), scope)
      const { ask, ended } = yield* open(yield* GrpcCaller.make(port), version)
      yield* ask({ messageRequest: { case: "listServices", value: "" } })
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      assert.strictEqual(yield* ended, grpc.status.OK)
      yield* Fiber.join(closing)
    }).pipe(bounded, Effect.scoped))

  it.live("is not there when it is switched off", () =>
    Effect.gen(function*() {
      const call = yield* open((yield* served({ reflection: false })).caller, version)
      yield* Effect.forkScoped(call.ask({ messageRequest: { case: "listServices", value: "" } }))
      assert.strictEqual(yield* call.ended, grpc.status.UNIMPLEMENTED)
    }).pipe(bounded, Effect.scoped))

  it.live("lets a client without any proto file call the contract", () =>
    Effect.gen(function*() {
      const { port } = yield* served()
      const credentials = grpc.credentials.createInsecure()
      const client = new GrpcReflection(`127.0.0.1:${port}`, credentials, {}, version)
      assert.deepStrictEqual(yield* Effect.promise(() => client.listServices()), names)
      const methods = yield* Effect.promise(() => client.listMethods(ConnectorService.typeName))
      assert.deepStrictEqual(methods.map(({ name }) => name).toSorted(), ["GetEvents", "GetPayload", "SetPayload"])

      const descriptor = yield* Effect.promise(() => client.getDescriptorBySymbol(ConnectorService.typeName))
      const [path, method] = Object.entries(descriptor.getPackageDefinition({ keepCase: true, enums: String }))
        .flatMap(([name, service]) => name === ConnectorService.typeName ? Object.values(service) : [])
        .flatMap((method) => method.path.endsWith("/GetPayload") ? [[method.path, method] as const] : [])[0]!
      const { client: caller } = yield* GrpcCaller.make(port)
      const reply = yield* Effect.callback<unknown>((resume) => {
        caller.makeUnaryRequest(
          path,
          method.requestSerialize,
          method.responseDeserialize,
          { connector_id: "c-1", kind: "PAYLOAD_KIND_STREAM" },
          (error, reply) => resume(Effect.succeed(error ?? reply))
        )
      })
      assert.deepNestedInclude(reply, { "status.code": "RESPONSE_CODE_OK" })
    }).pipe(bounded, Effect.scoped))
})
