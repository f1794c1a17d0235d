import { create } from "@bufbuild/protobuf"
import { type Payload, PayloadKind, PayloadSchema, type Stream } from "@kps/idl"
import type { Mutant } from "./Mutant.ts"
import { hasStreams, payloadOf, proxy, streamsOf } from "./Proxy.ts"

const config = (metadata: Record<string, null>): Payload =>
  create(PayloadSchema, { object: { case: "config", value: { metadata } } })

export const mutants: ReadonlyArray<Mutant> = [
  {
    breaks: "C05",
    what: "restarts every stream with each SetPayload",
    mutation: () => ({
      routes: proxy(({ setPayload }) => ({
        setPayload: async (request) => {
          if (hasStreams(request)) await setPayload({ ...request, payloads: [] })
          return setPayload(request)
        }
      }))
    })
  },
  {
    breaks: "C06",
    what: "stops every stream when config comes alone, as the original does",
    mutation: () => ({ options: { setPayload: "replaceAll" } })
  },
  {
    breaks: "C07",
    what: "forgets the config when streams come alone",
    mutation: () => ({
      routes: proxy(({ setPayload }) => ({
        setPayload: async (request) => {
          const isAlone = request.payloads.every(({ object }) => object.case === "stream")
          if (hasStreams(request) && isAlone) await setPayload({ ...request, payloads: [config({ level: null })] })
          return setPayload(request)
        }
      }))
    })
  },
  {
    breaks: "C08",
    what: "goes on with a stream that was left out, and does not list it",
    mutation: () => {
      const known = new Map<string, Stream>()
      let asked = new Set<string>()
      return {
        routes: proxy(({ getPayload, setPayload }) => ({
          setPayload: (request) => {
            const streams = streamsOf(request.payloads)
            asked = new Set(streams.map(({ id }) => id))
            if (streams.length === 0) known.clear()
            for (const stream of streams) known.set(stream.id, stream)
            return setPayload({ ...request, payloads: [...known.values()].map(payloadOf) })
          },
          getPayload: async (request) => {
            const reply = await getPayload(request)
            if (request.kind !== PayloadKind.STREAM) return reply
            const shown = streamsOf(reply.payloads).filter(({ discovered, id }) => discovered || asked.has(id))
            return { ...reply, payloads: shown.map(payloadOf) }
          }
        }))
      }
    }
  },
  {
    breaks: "C08",
    what: "takes an empty request for one that changes nothing",
    mutation: () => ({
      routes: proxy(({ getEvents, setPayload }) => ({
        setPayload: async (request) => {
          if (request.payloads.length > 0) return setPayload(request)
          const { status } = await getEvents({ $typeName: "connector.v1.GetEventsRequest", connectorId: "c-1" })
          return { $typeName: "connector.v1.SetPayloadResponse", ...(status === undefined ? {} : { status }) }
        }
      }))
    })
  },
  {
    breaks: "C09",
    what: "does not restart a stream that changed, and lists what was asked for, as the original does",
    mutation: () => {
      const first = new Map<string, Stream>()
      const last = new Map<string, Stream>()
      return {
        routes: proxy(({ getPayload, setPayload }) => ({
          setPayload: (request) => {
            const payloads = request.payloads.map((payload) => {
              if (payload.object.case !== "stream") return payload
              const { value } = payload.object
              last.set(value.id, value)
              if (!first.has(value.id)) first.set(value.id, value)
              return payloadOf(first.get(value.id) ?? value)
            })
            return setPayload({ ...request, payloads })
          },
          getPayload: async (request) => {
            const reply = await getPayload(request)
            for (const stream of streamsOf(reply.payloads)) {
              const asked = last.get(stream.id)
              if (asked === undefined) continue
              stream.transportChannel = asked.transportChannel
              if (asked.metadata !== undefined) stream.metadata = asked.metadata
            }
            return reply
          }
        }))
      }
    }
  },
  {
    breaks: "C16",
    what: "mixes requests that come at the same time",
    mutation: () => {
      let wanted: ReadonlyArray<Payload> = []
      let calls = 0
      return {
        routes: proxy(({ setPayload }) => ({
          setPayload: async (request) => {
            if (!hasStreams(request)) return setPayload(request)
            const [first, ...others] = streamsOf(request.payloads)
            if (first !== undefined) wanted = [payloadOf(first)]
            // as in code that awaits between two changes of what all requests share
            await new Promise((resolve) => setTimeout(resolve, 40 - 4 * (calls++ % 8)))
            wanted = [...wanted.slice(0, 1), ...others.map(payloadOf)]
            return setPayload({ ...request, payloads: [...wanted] })
          }
        }))
      }
    }
  }
]
