import type { StreamDirection } from "@kps/idl"
import { Effect } from "effect"
import type { Mutant } from "./Mutant.ts"
import { hasStreams, proxy, streamsOf } from "./Proxy.ts"

export const mutants: ReadonlyArray<Mutant> = [
  {
    breaks: "M61",
    what: "ignores the config of a request that has streams too",
    mutation: () => ({
      routes: proxy(({ setPayload }) => ({
        setPayload: (request) =>
          setPayload(
            hasStreams(request)
              ? { ...request, payloads: request.payloads.filter(({ object }) => object.case === "stream") }
              : request
          )
      }))
    })
  },
  {
    breaks: "M61",
    what: "lists streams in another order than they were asked for",
    mutation: () => ({
      routes: proxy(({ getPayload }) => ({
        getPayload: async (request) => {
          const reply = await getPayload(request)
          return { ...reply, payloads: reply.payloads.toReversed() }
        }
      }))
    })
  },
  {
    breaks: "M61",
    what: "keeps the direction that an id had first",
    mutation: () => {
      const first = new Map<string, StreamDirection>()
      return {
        routes: proxy(({ setPayload }) => ({
          setPayload: (request) => {
            for (const stream of streamsOf(request.payloads)) {
              const known = first.get(stream.id)
              if (known !== undefined) stream.direction = known
              else first.set(stream.id, stream.direction)
            }
            return setPayload(request)
          }
        }))
      }
    }
  },
  {
    breaks: "M62",
    what: "never starts a stream that was asked for while the outside was away",
    mutation: () => ({
      hooks: (hooks, world) => ({
        ingress: (stream) => world.away ? Effect.never : hooks.ingress(stream),
        egress: (stream) => world.away ? Effect.never : hooks.egress(stream)
      })
    })
  }
]
