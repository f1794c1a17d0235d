import { Code, ConnectError } from "@connectrpc/connect"
import { PayloadKind, ResponseCode } from "@kps/idl"
import type { Mutant } from "./Mutant.ts"
import { isOk, ok, proxy, streamsOf } from "./Proxy.ts"

export const mutants: ReadonlyArray<Mutant> = [
  {
    breaks: "C01",
    what: "takes any connector id for GetEvents, as the original does",
    mutation: () => ({
      routes: proxy(({ getEvents }) => ({ getEvents: (request) => getEvents({ ...request, connectorId: "c-1" }) }))
    })
  },
  {
    breaks: "C01",
    what: "says the wrong id with a gRPC UNKNOWN, as the original does",
    mutation: () => ({
      routes: proxy(({ getPayload }) => ({
        getPayload: (request) =>
          request.connectorId === "c-1"
            ? getPayload(request)
            : Promise.reject(new ConnectError("wrong Connector id", Code.Unknown))
      }))
    })
  },
  {
    breaks: "C01",
    what: "refuses a wrong id and applies the request all the same",
    mutation: () => ({
      routes: proxy(({ setPayload }) => ({
        setPayload: async (request) => {
          const reply = await setPayload(request)
          if (request.connectorId !== "c-1") await setPayload({ ...request, connectorId: "c-1" })
          return reply
        }
      }))
    })
  },
  {
    breaks: "C02",
    what: "takes an unspecified kind for streams",
    mutation: () => ({
      routes: proxy(({ getPayload }) => ({
        getPayload: (request) => getPayload({ ...request, kind: request.kind || PayloadKind.STREAM })
      }))
    })
  },
  {
    breaks: "C02",
    what: "answers OK and nothing for a kind that it does not know",
    mutation: () => ({
      routes: proxy(({ getPayload }) => ({
        getPayload: async (request) => {
          const reply = await getPayload(request)
          const known: ReadonlyArray<number> = Object.values(PayloadKind)
          return known.includes(request.kind) ? reply : { ...reply, status: ok }
        }
      }))
    })
  },
  {
    breaks: "C03",
    what: "has no config before one was set",
    mutation: () => {
      let isSet = false
      return {
        routes: proxy(({ getPayload, setPayload }) => ({
          setPayload: (request) => {
            isSet ||= request.payloads.some(({ object }) => object.case === "config")
            return setPayload(request)
          },
          getPayload: async (request) => {
            const reply = await getPayload(request)
            return request.kind === PayloadKind.CONFIG && !isSet ? { ...reply, payloads: [] } : reply
          }
        }))
      }
    }
  },
  {
    breaks: "C03",
    what: "shows a config without its defaults",
    mutation: () => ({
      routes: proxy(({ getPayload }) => ({
        getPayload: async (request) => {
          const reply = await getPayload(request)
          for (const { object } of reply.payloads) if (object.case === "config") object.value.metadata = {}
          return reply
        }
      }))
    })
  },
  {
    breaks: "C04",
    what: "says NOT_FOUND when there are no streams",
    mutation: () => ({
      routes: proxy(({ getPayload }) => ({
        getPayload: async (request) => {
          const reply = await getPayload(request)
          const isEmpty = request.kind === PayloadKind.STREAM &&
            streamsOf(reply.payloads).every(({ subscribed }) => !subscribed)
          return isOk(reply) && isEmpty ? { ...reply, status: { ...ok, code: ResponseCode.NOT_FOUND } } : reply
        }
      }))
    })
  },
  {
    breaks: "C04",
    what: "answers with a status that has no code",
    mutation: () => ({
      routes: proxy(({ getPayload }) => ({
        getPayload: async (request) => {
          const reply = await getPayload(request)
          return request.kind === PayloadKind.STREAM
            ? { ...reply, status: { ...ok, code: ResponseCode.UNSPECIFIED } }
            : reply
        }
      }))
    })
  }
]
