import { create } from "@bufbuild/protobuf"
import { anyPack, anyUnpack } from "@bufbuild/protobuf/wkt"
import { Code, ConnectError } from "@connectrpc/connect"
import {
  ErrorDetails,
  type ResponseCode,
  ResponseCodes,
  type ResponseStatus,
  ResponseStatusSchema,
  StreamDirection
} from "@kps/idl"
import { serve } from "../support/Serve.ts"
import type { Mutant } from "./Mutant.ts"
import { isOk, payloadOf, proxy, streamsOf } from "./Proxy.ts"

/** The refusals of SetPayload, changed. */
const refusing = (change: (status: ResponseStatus) => ResponseStatus) =>
  proxy(({ setPayload }) => ({
    setPayload: async (request) => {
      const reply = await setPayload(request)
      return isOk(reply) || reply.status === undefined ? reply : { ...reply, status: change(reply.status) }
    }
  }))

const firstViolation = (status: ResponseStatus): ResponseStatus => ({
  ...status,
  details: status.details.map((detail) => {
    const request = anyUnpack(detail, ErrorDetails.BadRequestSchema)
    if (request === undefined) return detail
    const fieldViolations = request.fieldViolations.slice(0, 1)
    return anyPack(
      ErrorDetails.BadRequestSchema,
      create(ErrorDetails.BadRequestSchema, { fieldViolations })
    )
  })
})

export const mutants: ReadonlyArray<Mutant> = [
  {
    breaks: "C11",
    what: "runs the first of two streams with one id, as the original does",
    mutation: () => ({
      routes: proxy(({ setPayload }) => ({
        setPayload: (request) => {
          const streams = streamsOf(request.payloads)
          const firsts = streams.filter(({ id }, n) => streams.findIndex((other) => other.id === id) === n)
          return setPayload(streams.length === 0 ? request : { ...request, payloads: firsts.map(payloadOf) })
        }
      }))
    })
  },
  {
    breaks: "C11",
    what: "refuses two streams with one id after it has stopped what ran",
    mutation: () => ({
      routes: proxy(({ setPayload }) => ({
        setPayload: async (request) => {
          const reply = await setPayload(request)
          if (!isOk(reply)) await setPayload({ ...request, payloads: [] })
          return reply
        }
      }))
    })
  },
  {
    breaks: "C12",
    what: "takes a stream without a direction and never starts it, as the original does",
    mutation: () => ({
      routes: proxy(({ setPayload }) => ({
        setPayload: (request) =>
          setPayload({
            ...request,
            payloads: request.payloads.filter(({ object }) =>
              object.case !== "stream" || object.value.direction !== StreamDirection.UNSPECIFIED
            )
          })
      }))
    })
  },
  {
    breaks: "C12",
    what: "does not say where a request is wrong",
    mutation: () => ({ routes: refusing((status) => ({ ...status, details: [] })) })
  },
  {
    breaks: "C13",
    what: "names the first violation alone",
    mutation: () => ({ routes: refusing(firstViolation) })
  },
  {
    breaks: "C13",
    what: "applies the streams that fit",
    mutation: () => ({
      routes: proxy(({ setPayload }) => ({
        setPayload: async (request) => {
          const reply = await setPayload(request)
          if (!isOk(reply)) await setPayload({ ...request, payloads: request.payloads.slice(0, 1) })
          return reply
        }
      }))
    })
  },
  {
    breaks: "C20",
    what: "has no limit for requests",
    mutation: () => ({ call: serve({ readMaxBytes: 16 << 20 }) })
  },
  {
    breaks: "C20",
    what: "refuses a request at the limit",
    mutation: () => ({ call: serve({ readMaxBytes: (4 << 20) - 1 }) })
  },
  {
    breaks: "C22",
    what: "takes a direction that it does not know for ingress",
    mutation: () => ({
      routes: proxy(({ setPayload }) => ({
        setPayload: (request) => {
          for (const stream of streamsOf(request.payloads)) {
            if (stream.direction !== StreamDirection.EGRESS) stream.direction = StreamDirection.INGRESS
          }
          return setPayload(request)
        }
      }))
    })
  },
  {
    breaks: "C22",
    what: "ignores a payload with nothing in it, as the original does",
    mutation: () => ({
      routes: proxy(({ setPayload }) => ({
        setPayload: (request) =>
          setPayload({ ...request, payloads: request.payloads.filter(({ object }) => object.case !== undefined) })
      }))
    })
  },
  {
    breaks: "C22",
    what: "refuses fields that it does not know",
    mutation: () => ({
      routes: proxy(({ setPayload }) => ({
        setPayload: (request) =>
          request.$unknown === undefined
            ? setPayload(request)
            : Promise.reject(new ConnectError("unknown field", Code.InvalidArgument))
      }))
    })
  },
  {
    breaks: "C23",
    what: "puts gRPC's numbers into the reply",
    mutation: () => ({
      routes: refusing((status) => ({
        ...status,
        // One cast: the wrong number is what it is about.
        code: ResponseCodes.toGrpc(ResponseCodes.fromCode(status.code)) as ResponseCode
      }))
    })
  },
  {
    breaks: "C23",
    what: "tells some errors in band and some as a gRPC status",
    mutation: () => ({
      routes: proxy(({ getPayload }) => ({
        getPayload: async (request) => {
          const reply = await getPayload(request)
          const { status } = reply
          if (status === undefined || isOk(reply)) return reply
          throw new ConnectError(status.message, Code.InvalidArgument, undefined, [
            { desc: ResponseStatusSchema, value: status }
          ])
        }
      }))
    })
  }
]
