/**
 * Calls of the contract as a case makes them: any request, also a wrong one, and the answer as it came.
 *
 * @since 0.1.0
 */
import {
  create,
  type DescMessage,
  type JsonValue,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toJson
} from "@bufbuild/protobuf"
import { WireType } from "@bufbuild/protobuf/wire"
import { type CallOptions, ConnectError, createClient, type Transport } from "@connectrpc/connect"
import {
  ConnectorService,
  EventPayloadSchema,
  GetEventsRequestSchema,
  type GetEventsResponse,
  GetPayloadRequestSchema,
  type GetPayloadResponse,
  HealthV1,
  type PayloadKind,
  PayloadSchema,
  ReflectionV1,
  ResponseCodes,
  SetPayloadRequestSchema,
  type SetPayloadResponse
} from "@kps/idl"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { cut } from "./Outcome.ts"
import * as Reply from "./Reply.ts"
import type { Collected } from "./Subject.ts"

/**
 * What was called and what came, in order: how a failure is reproduced.
 *
 * @category models
 * @since 0.1.0
 */
export interface Step {
  readonly call: string
  readonly request: JsonValue
  readonly reply: string
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How the connector is reached. */
  readonly transport: Transport
  /** Named by each call that does not name another. */
  readonly connectorId: string
  /** How long each call may take. */
  readonly deadlineMillis: number
  /** Takes each step. */
  readonly record: (step: Step) => void
}

/**
 * Fields that no version of the contract has.
 *
 * @category models
 * @since 0.1.0
 */
export type Unknown = NonNullable<Message["$unknown"]>

/**
 * The calls.
 *
 * @category models
 * @since 0.1.0
 */
export interface Wire {
  readonly getPayload: (
    request: { readonly connectorId?: string; readonly kind: number },
    unknown?: Unknown
  ) => Effect.Effect<Reply.Reply<GetPayloadResponse>>
  readonly setPayload: (
    request: { readonly connectorId?: string; readonly payloads: Array<MessageInitShape<typeof PayloadSchema>> },
    unknown?: Unknown
  ) => Effect.Effect<Reply.Reply<SetPayloadResponse>>
  readonly getEvents: (
    request?: { readonly connectorId?: string },
    unknown?: Unknown
  ) => Effect.Effect<Reply.Reply<GetEventsResponse>>
  /** What grpc.health.v1 says of a service: a status's name, or the gRPC code of the refusal. */
  readonly health: (service: string) => Effect.Effect<string>
  /** What grpc.health.v1 says of the server from now on, each change. */
  readonly watchHealth: Effect.Effect<Collected, never, Scope.Scope>
  /** The services that grpc.reflection.v1 lists; a text says why it does not. */
  readonly reflected: Effect.Effect<ReadonlyArray<string> | string>
}

/** A number that no field of the contract has. */
const unknownField = 1000

const varint = (value: number): ReadonlyArray<number> =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]

/**
 * A field that no version of the contract has, of this many bytes on the wire.
 *
 * @category constructors
 * @since 0.1.0
 */
export const unknown = (bytes: number): Unknown => {
  // two bytes of tag; the length takes one to four, and a length that ends between two sizes cannot be met exactly
  const lengthBytes = [1, 2, 3, 4].find((size) => varint(Math.max(0, bytes - 2 - size)).length === size) ?? 4
  const length = Math.max(0, bytes - 2 - lengthBytes)
  const data = new Uint8Array(lengthBytes + length)
  data.set(varint(length))
  return [{ no: unknownField, wireType: WireType.LengthDelimited, data }]
}

const statusName = (status: HealthV1.HealthCheckResponse_ServingStatus): string =>
  HealthV1.HealthCheckResponse_ServingStatusSchema.value[status]?.localName ?? `status ${status}`

const refusalText = ({ code, rawMessage }: ConnectError): string =>
  `gRPC ${ResponseCodes.fromGrpc(code)}: ${cut(rawMessage, 200)}`

const listServices = async function*() {
  yield { messageRequest: { case: "listServices" as const, value: "" } }
}

const failed = (cause: unknown): ConnectError => ConnectError.from(cause)

/**
 * Makes the calls on a transport.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = ({ connectorId, deadlineMillis, record, transport }: Options): Wire => {
  const client = createClient(ConnectorService, transport)
  const health = createClient(HealthV1.Health, transport)
  const reflection = createClient(ReflectionV1.ServerReflection, transport)
  const timed = (signal: AbortSignal): CallOptions => ({ signal, timeoutMs: deadlineMillis })

  const call = <S extends DescMessage, A extends Parameters<typeof Reply.ofMessage>[0]>(
    name: string,
    schema: S,
    init: MessageInitShape<S>,
    unknown: Unknown | undefined,
    run: (request: MessageShape<S>, options: CallOptions) => Promise<A>,
    content: (reply: A) => ReadonlyArray<JsonValue>
  ): Effect.Effect<Reply.Reply<A>> => {
    const request = create(schema, init)
    if (unknown !== undefined) request.$unknown = unknown
    return Effect.tryPromise({ try: (signal) => run(request, timed(signal)), catch: failed }).pipe(
      Effect.match({
        onSuccess: (value): Reply.Reply<A> => Reply.ofMessage(value),
        onFailure: Reply.ofError
      }),
      Effect.tap((reply) =>
        Effect.sync(() => {
          const { value } = reply
          // a time that is none, for one, has no JSON
          const came = value === undefined ? [] : Result.getOrElse(Result.try(() => content(value)), () => [])
          const shown = came.length === 0 ? "" : ` ${cut(JSON.stringify(came), 1_000)}`
          record({ call: name, request: toJson(schema, request), reply: `${Reply.text(reply)}${shown}` })
        })
      )
    )
  }

  return {
    getPayload: (request, unknown) => {
      // One cast: a number that is no kind is what a case may be about.
      const kind = request.kind as PayloadKind
      return call(
        "GetPayload",
        GetPayloadRequestSchema,
        { connectorId, ...request, kind },
        unknown,
        client.getPayload,
        ({ payloads }) => payloads.map((payload) => toJson(PayloadSchema, payload))
      )
    },
    setPayload: (request, unknown) =>
      call("SetPayload", SetPayloadRequestSchema, { connectorId, ...request }, unknown, client.setPayload, () => []),
    getEvents: (request, unknown) =>
      call(
        "GetEvents",
        GetEventsRequestSchema,
        { connectorId, ...request },
        unknown,
        client.getEvents,
        (reply) => reply.eventPayloads.slice(0, 20).map((event) => toJson(EventPayloadSchema, event))
      ),
    health: (service) =>
      Effect.tryPromise({
        try: (signal) => health.check({ service }, timed(signal)),
        catch: failed
      }).pipe(Effect.match({
        onSuccess: ({ status }) => statusName(status),
        onFailure: refusalText
      })),
    watchHealth: Effect.gen(function*() {
      const texts: Array<string> = []
      const { signal } = yield* Effect.acquireRelease(
        Effect.sync(() => new AbortController()),
        // to leave the loop over the replies does not end the call
        (controller) => Effect.sync(() => controller.abort())
      )
      yield* Stream.fromAsyncIterable(health.watch({ service: "" }, { signal }), failed).pipe(
        Stream.runForEach(({ status }) => Effect.sync(() => texts.push(statusName(status)))),
        // how it ends is of no matter
        Effect.ignore,
        Effect.forkScoped
      )
      return { texts: () => texts }
    }),
    reflected: Effect.tryPromise({
      try: async (signal) => {
        for await (const { messageResponse } of reflection.serverReflectionInfo(listServices(), timed(signal))) {
          if (messageResponse.case !== "listServicesResponse") break
          return messageResponse.value.service.map(({ name }) => name)
        }
        return "no list"
      },
      catch: failed
    }).pipe(Effect.catch((error) => Effect.succeed(refusalText(error))))
  }
}
