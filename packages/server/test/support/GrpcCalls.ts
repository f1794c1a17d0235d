/** Calls of the contract by @grpc/grpc-js, and what is of interest in their answers. */
import { type Payload, PayloadKind, SeveritySchema } from "@kps/idl"
import { Effect } from "effect"
import type { GrpcCaller } from "./GrpcCaller.ts"

export const connectorId = "c-1"

export const set = (caller: GrpcCaller, payloads: ReadonlyArray<Payload>, options?: { readonly deadline: number }) =>
  Effect.map(
    caller.call("SetPayload", { connectorId, payloads: [...payloads] }, options),
    ({ status }) => status
  )

export const streamsOf = (caller: GrpcCaller) =>
  Effect.map(
    caller.call("GetPayload", { connectorId, kind: PayloadKind.STREAM }),
    ({ payloads }) => payloads.flatMap(({ object }) => object.case === "stream" ? [object.value] : [])
  )

export const configOf = (caller: GrpcCaller) =>
  Effect.map(
    caller.call("GetPayload", { connectorId, kind: PayloadKind.CONFIG }),
    ({ payloads }) => payloads.map(({ object }) => object.case === "config" ? object.value.metadata : undefined)
  )

export const alertsOf = (caller: GrpcCaller) =>
  Effect.map(
    caller.call("GetEvents", { connectorId }),
    ({ eventPayloads }) =>
      eventPayloads.flatMap(({ object }) =>
        object.case === "alert" ? [`${object.value.id} ${SeveritySchema.value[object.value.severity]?.name}`] : []
      )
  )

export const running = (caller: GrpcCaller) =>
  Effect.map(streamsOf(caller), (streams) => streams.flatMap(({ id, subscribed }) => subscribed ? [id] : []))
