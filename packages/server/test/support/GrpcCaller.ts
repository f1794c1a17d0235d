import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary
} from "@bufbuild/protobuf"
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt"
import * as grpc from "@grpc/grpc-js"
import {
  ErrorDetails,
  GetEventsRequestSchema,
  GetEventsResponseSchema,
  GetPayloadRequestSchema,
  GetPayloadResponseSchema,
  HealthV1,
  type ResponseStatus,
  ResponseStatusSchema,
  SetPayloadRequestSchema,
  SetPayloadResponseSchema
} from "@kps/idl"
import { Effect, Queue, Schema, type Scope } from "effect"

/** What a call of @grpc/grpc-js came to. */
export interface Raw {
  /** The gRPC status. */
  readonly code: number
  readonly text: string
  /** The reply's bytes; empty when there was none. */
  readonly reply: Uint8Array
  /** The `google.rpc.Status` of the trailers: its fields are those of a `ResponseStatus`. */
  readonly details: ReadonlyArray<Any>
  /** Bytes of all trailers, as the HTTP/2 specification counts them. */
  readonly trailerBytes: number
}

export class NotOk extends Schema.TaggedError<NotOk>()("NotOk", { code: Schema.Number, text: Schema.String }) {}

const service = "/connector.v1.ConnectorService"

export const messages = {
  GetPayload: [GetPayloadRequestSchema, GetPayloadResponseSchema],
  SetPayload: [SetPayloadRequestSchema, SetPayloadResponseSchema],
  GetEvents: [GetEventsRequestSchema, GetEventsResponseSchema]
} as const
export type Rpc = keyof typeof messages

const bytesOf = (metadata: grpc.Metadata): number =>
  Object.entries(metadata.toHttp2Headers()).reduce(
    (total, [name, values]) =>
      [values].flat().reduce((sum: number, value) => sum + name.length + String(value).length + 32, total),
    0
  )

/** A client of another make than the server: @grpc/grpc-js, with bytes in and out. */
export class GrpcCaller {
  readonly client: grpc.Client
  constructor(port: number) {
    this.client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
      // Every caller has a connection of its own, and large requests are the server's to refuse.
      "grpc.use_local_subchannel_pool": 1,
      "grpc.max_send_message_length": -1
    })
  }

  static readonly make = (port: number): Effect.Effect<GrpcCaller, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.sync(() => new GrpcCaller(port)),
      (caller) => Effect.sync(() => caller.client.close())
    )

  /** Any bytes to any path. Interrupting it cancels the call. */
  raw(path: string, request: Uint8Array, options: grpc.CallOptions = {}): Effect.Effect<Raw> {
    return Effect.callback((resume) => {
      const call = this.client.makeUnaryRequest(
        path,
        (bytes: Uint8Array) => Buffer.from(bytes),
        (bytes: Buffer) => new Uint8Array(bytes),
        request,
        { deadline: Date.now() + 10_000, ...options },
        (error, reply) => {
          const [encoded] = error?.metadata.get("grpc-status-details-bin") ?? []
          resume(Effect.succeed({
            code: error?.code ?? 0,
            text: error?.details ?? "",
            reply: reply ?? new Uint8Array(),
            details: encoded === undefined ? [] : fromBinary(ResponseStatusSchema, Buffer.from(encoded)).details,
            trailerBytes: error === null ? 0 : bytesOf(error.metadata) + encodeURIComponent(error.details).length
          }))
        }
      )
      return Effect.sync(() => call.cancel())
    })
  }

  /** A call that is cancelled when it is under way, and what the client makes of that. */
  cancelled(rpc: Rpc, request: Uint8Array): Effect.Effect<Raw> {
    return Effect.callback((resume) => {
      const call = this.client.makeUnaryRequest(
        `${service}/${rpc}`,
        (bytes: Uint8Array) => Buffer.from(bytes),
        (bytes: Buffer) => new Uint8Array(bytes),
        request,
        { deadline: Date.now() + 10_000 },
        (error, reply) =>
          resume(Effect.succeed({
            code: error?.code ?? 0,
            text: error?.details ?? "",
            reply: reply ?? new Uint8Array(),
            details: [],
            trailerBytes: 0
          }))
      )
      const timer = setTimeout(() => call.cancel(), 50)
      return Effect.sync(() => clearTimeout(timer))
    })
  }

  rawRpc(rpc: Rpc, request: Uint8Array, options?: grpc.CallOptions): Effect.Effect<Raw> {
    return this.raw(`${service}/${rpc}`, request, options)
  }

  encoded<R extends Rpc>(
    rpc: R,
    request: MessageInitShape<typeof messages[R][0]>,
    options?: grpc.CallOptions
  ): Effect.Effect<Raw> {
    const schema: DescMessage = messages[rpc][0]
    return this.rawRpc(rpc, toBinary(schema, create(schema, request)), options)
  }

  /** A call whose gRPC status must be OK. */
  call<R extends Rpc>(
    rpc: R,
    request: MessageInitShape<typeof messages[R][0]>,
    options?: grpc.CallOptions
  ): Effect.Effect<MessageShape<typeof messages[R][1]>, NotOk> {
    return Effect.flatMap(this.encoded(rpc, request, options), ({ code, reply, text }) =>
      code === 0
        ? Effect.succeed(fromBinary(messages[rpc][1] as DescMessage, reply) as MessageShape<typeof messages[R][1]>)
        : Effect.fail(new NotOk({ code, text })))
  }

  check(name = ""): Effect.Effect<number, NotOk> {
    const request = toBinary(
      HealthV1.HealthCheckRequestSchema,
      create(HealthV1.HealthCheckRequestSchema, { service: name })
    )
    return Effect.flatMap(this.raw("/grpc.health.v1.Health/Check", request), ({ code, reply, text }) =>
      code === 0
        ? Effect.succeed(fromBinary(HealthV1.HealthCheckResponseSchema, reply).status)
        : Effect.fail(new NotOk({ code, text })))
  }

  /** What a Watch sends, as it comes; ends when the server ends it, with the gRPC status after the last item. */
  watch(name = ""): Effect.Effect<Queue.Dequeue<string>, never, Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      const queue = yield* Queue.unbounded<string>()
      const request = create(HealthV1.HealthCheckRequestSchema, { service: name })
      const call = yield* Effect.acquireRelease(
        Effect.sync(() =>
          this.client.makeServerStreamRequest(
            "/grpc.health.v1.Health/Watch",
            (message: typeof request) => Buffer.from(toBinary(HealthV1.HealthCheckRequestSchema, message)),
            (bytes: Buffer) => fromBinary(HealthV1.HealthCheckResponseSchema, bytes),
            request
          )
        ),
        (call) => Effect.sync(() => call.cancel())
      )
      call.on(
        "data",
        (response: HealthV1.HealthCheckResponse) =>
          Queue.offerUnsafe(queue, HealthV1.HealthCheckResponse_ServingStatusSchema.value[response.status]?.name ?? "?")
      )
      call.on("status", ({ code }: grpc.StatusObject) => Queue.offerUnsafe(queue, `ended ${code}`))
      call.on("error", () => {})
      return queue
    })
  }
}

/** The names of the details' types, in their order, without repetitions. */
export const typesOf = (details: ReadonlyArray<Any>): ReadonlyArray<string> => [
  ...new Set(details.map(({ typeUrl }) => typeUrl.replace(/^.*\./, "")))
]

export const violationsOf = (details: ReadonlyArray<Any>): ReadonlyArray<string> =>
  details.flatMap((detail) =>
    (anyUnpack(detail, ErrorDetails.BadRequestSchema)?.fieldViolations ?? []).map(
      ({ description, field }) => `${field}: ${description}`
    )
  )

export const infosOf = (details: ReadonlyArray<Any>): ReadonlyArray<ErrorDetails.ErrorInfo> =>
  details.flatMap((detail) => anyUnpack(detail, ErrorDetails.ErrorInfoSchema) ?? [])

export const unpackStatus = (detail: Any): ResponseStatus | undefined => anyUnpack(detail, ResponseStatusSchema)

/** The status of a reply that has no more than a status. */
export const statusOf = (rpc: Rpc, reply: Uint8Array): ResponseStatus | undefined =>
  (fromBinary(messages[rpc][1] as DescMessage, reply) as { readonly status?: ResponseStatus }).status
