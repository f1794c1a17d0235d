import { create } from "@bufbuild/protobuf"
import { createClient, createRouterTransport } from "@connectrpc/connect"
import {
  ConnectorService,
  type GetEventsRequest,
  type GetEventsResponse,
  type GetPayloadRequest,
  type GetPayloadResponse,
  HealthV1,
  type Payload,
  PayloadKind,
  ResponseCode,
  ResponseStatusSchema,
  type SetPayloadRequest,
  type SetPayloadResponse,
  type Stream
} from "@kps/idl"
import type { Routes } from "../support/MemorySubject.ts"

/** The calls of the contract, as a proxy passes them on. */
export interface Calls {
  readonly getPayload: (request: GetPayloadRequest) => Promise<GetPayloadResponse>
  readonly setPayload: (request: SetPayloadRequest) => Promise<SetPayloadResponse>
  readonly getEvents: (request: GetEventsRequest) => Promise<GetEventsResponse>
}

/** Puts a proxy before a connector that does some calls in another way. */
export const proxy = (change: (next: Calls) => Partial<Calls>) => (routes: Routes): Routes => {
  const transport = createRouterTransport((router) => {
    routes(router)
  })
  const client = createClient(ConnectorService, transport)
  const health = createClient(HealthV1.Health, transport)
  const next: Calls = {
    getPayload: (request) => client.getPayload(request),
    setPayload: (request) => client.setPayload(request),
    getEvents: (request) => client.getEvents(request)
  }
  const changed: Calls = { ...next, ...change(next) }
  return (router) =>
    router
      .service(ConnectorService, {
        getPayload: (request) => changed.getPayload(request),
        setPayload: (request) => changed.setPayload(request),
        getEvents: (request) => changed.getEvents(request)
      })
      .service(HealthV1.Health, { check: (request) => health.check(request) })
}

/** The replies of GetPayload for streams, changed. */
export const listed = (change: (streams: ReadonlyArray<Stream>) => ReadonlyArray<Stream>) =>
  proxy(({ getPayload }) => ({
    getPayload: async (request) => {
      const reply = await getPayload(request)
      if (request.kind !== PayloadKind.STREAM || !isOk(reply)) return reply
      return { ...reply, payloads: change(streamsOf(reply.payloads)).map(payloadOf) }
    }
  }))

export const streamsOf = (payloads: ReadonlyArray<Payload>): ReadonlyArray<Stream> =>
  payloads.flatMap(({ object }) => object.case === "stream" ? [object.value] : [])

export const payloadOf = (value: Stream): Payload => ({
  $typeName: "connector.v1.Payload",
  object: { case: "stream", value }
})

export const hasStreams = ({ payloads }: SetPayloadRequest): boolean => streamsOf(payloads).length > 0

export const isOk = ({ status }: { readonly status?: { readonly code: ResponseCode } | undefined }): boolean =>
  status?.code === ResponseCode.OK

export const ok = create(ResponseStatusSchema, { code: ResponseCode.OK })

export const refusal = create(ResponseStatusSchema, { code: ResponseCode.INVALID_ARGUMENT, message: "no" })
