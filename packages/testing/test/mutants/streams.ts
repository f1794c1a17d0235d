import { create } from "@bufbuild/protobuf"
import { EventPayloadSchema, ResponseCode, State } from "@kps/idl"
import type { Mutant } from "./Mutant.ts"
import { isOk, listed, ok, proxy, streamsOf } from "./Proxy.ts"

export const mutants: ReadonlyArray<Mutant> = [
  {
    breaks: "C14",
    what: "starts none when one of them fails",
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
    breaks: "C14",
    what: "lists what was asked for as subscribed",
    mutation: () => ({
      routes: listed((streams) =>
        streams.map((stream) => {
          stream.subscribed ||= stream.transportChannel !== ""
          return stream
        })
      )
    })
  },
  {
    breaks: "C14",
    what: "says OK though a stream does not run",
    mutation: () => ({
      routes: proxy(({ setPayload }) => ({
        setPayload: async (request) => {
          const reply = await setPayload(request)
          return reply.status?.code === ResponseCode.UNAVAILABLE ? { ...reply, status: ok } : reply
        }
      }))
    })
  },
  {
    breaks: "C14",
    what: "leaves the first status of a stream beside the later one, as the original does",
    mutation: () => ({
      routes: proxy(({ getEvents }) => ({
        getEvents: async (request) => {
          const reply = await getEvents(request)
          const ids = new Set(reply.eventPayloads.map(({ object }) => object.value?.streamId ?? ""))
          const started = [...ids].map((streamId) =>
            create(EventPayloadSchema, {
              object: { case: "status", value: { id: "streamRequested", streamId, state: State.PROVISIONING } }
            })
          )
          return { ...reply, eventPayloads: [...reply.eventPayloads, ...started] }
        }
      }))
    })
  },
  {
    breaks: "C15",
    what: "lists a stream that is on offer and asked for twice",
    mutation: () => ({
      routes: listed((streams) =>
        streams.flatMap((stream) =>
          stream.discovered && stream.subscribed
            ? [{ ...stream, discovered: false }, { ...stream, subscribed: false }]
            : [stream]
        )
      )
    })
  },
  {
    breaks: "C15",
    what: "offers what it offered no more once it was asked for",
    mutation: () => {
      const taken = new Set<string>()
      return {
        routes: proxy(({ getPayload, setPayload }) => ({
          setPayload: (request) => {
            for (const { id } of streamsOf(request.payloads)) taken.add(id)
            return setPayload(request)
          },
          getPayload: async (request) => {
            const reply = await getPayload(request)
            for (const stream of streamsOf(reply.payloads)) stream.discovered &&= !taken.has(stream.id)
            return reply
          }
        }))
      }
    }
  },
  {
    breaks: "C19",
    what: "waits for a stream as long as it takes",
    mutation: () => ({ options: { startTimeout: "1 minute" } })
  },
  {
    breaks: "C19",
    what: "waits for what is on offer as long as it takes",
    mutation: () => ({ options: { discoverTimeout: "1 minute" } })
  },
  {
    breaks: "C19",
    what: "gives up every stream when one hangs",
    mutation: () => ({
      routes: proxy(({ setPayload }) => ({
        setPayload: async (request) => {
          const reply = await setPayload(request)
          if (reply.status?.code === ResponseCode.DEADLINE_EXCEEDED) await setPayload({ ...request, payloads: [] })
          return reply
        }
      }))
    })
  }
]
