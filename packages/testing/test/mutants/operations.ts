import { HealthV1, PayloadKind, ReflectionV1 } from "@kps/idl"
import { Effect, Schema } from "effect"
import type { Mutation } from "../support/MemorySubject.ts"
import * as Shipped from "../support/Shipped.ts"
import type { Mutant } from "./Mutant.ts"
import { proxy, streamsOf } from "./Proxy.ts"

const { NOT_SERVING, SERVING } = HealthV1.HealthCheckResponse_ServingStatus

/** A health service that always says the same. */
const healthy = (
  status: HealthV1.HealthCheckResponse_ServingStatus
): NonNullable<Mutation["routes"]> =>
(routes) =>
(router) => routes(router).service(HealthV1.Health, { check: () => ({ status }) })

export const mutants: ReadonlyArray<Mutant> = [
  {
    breaks: "O52",
    what: "never says that it serves",
    mutation: () => ({ routes: healthy(NOT_SERVING) })
  },
  {
    breaks: "O52",
    what: "knows the health of every service that it is asked for",
    mutation: () => ({ routes: healthy(SERVING) })
  },
  {
    breaks: "O52",
    what: "has reflection without the contract",
    mutation: () => ({
      routes: (routes) => (router) =>
        routes(router).service(ReflectionV1.ServerReflection, {
          async *serverReflectionInfo() {
            yield { messageResponse: { case: "listServicesResponse" as const, value: { service: [] } } }
          }
        })
    })
  },
  {
    breaks: "O53",
    what: "does not count malformed frames",
    mutation: () => ({
      transport: (transport) => ({
        ...transport,
        subscription: (channel, { onMalformed: _, ...options } = {}) => transport.subscription(channel, options)
      })
    })
  },
  {
    breaks: "O54",
    what: "logs payloads, as the original does",
    mutation: () => ({
      hooks: (hooks) => ({
        ...hooks,
        egress: (stream) =>
          Effect.map(hooks.egress(stream), (sink) => ({
            ...sink,
            deliver: (batch) =>
              Effect.andThen(
                Effect.logInfo(batch.map(({ payload }) => new TextDecoder().decode(payload))),
                sink.deliver(batch)
              )
          }))
      })
    })
  },
  {
    breaks: "O54",
    what: "shows a stream's secret in GetPayload, as the original does",
    mutation: () => {
      const asked = new Map<string, string>()
      return {
        routes: proxy(({ getPayload, setPayload }) => ({
          setPayload: (request) => {
            for (const { id, metadata } of streamsOf(request.payloads)) {
              if (typeof metadata?.["token"] === "string") asked.set(id, metadata["token"])
            }
            return setPayload(request)
          },
          getPayload: async (request) => {
            const reply = await getPayload(request)
            for (const { id, metadata } of streamsOf(reply.payloads)) {
              const token = asked.get(id)
              if (metadata !== undefined && token !== undefined) metadata["token"] = token
            }
            return reply
          }
        }))
      }
    }
  },
  {
    breaks: "O54",
    what: "shows a secret of the config",
    mutation: () => {
      let password: string | undefined
      return {
        routes: proxy(({ getPayload, setPayload }) => ({
          setPayload: (request) => {
            for (const { object } of request.payloads) {
              const given = object.case === "config" ? object.value.metadata?.["password"] : undefined
              if (typeof given === "string") password = given
            }
            return setPayload(request)
          },
          getPayload: async (request) => {
            const reply = await getPayload(request)
            if (request.kind !== PayloadKind.CONFIG) return reply
            for (const { object } of reply.payloads) {
              if (object.case === "config" && object.value.metadata !== undefined && password !== undefined) {
                object.value.metadata["password"] = password
              }
            }
            return reply
          }
        }))
      }
    }
  },
  {
    breaks: "O58",
    what: "has a class document of an earlier version",
    mutation: () => ({
      shipped: (shipped) => ({ ...shipped, document: shipped.document.replace("\"hangs\"", "\"waits\"") })
    })
  },
  {
    breaks: "O58",
    what: "has a property that nobody has described",
    mutation: () => ({
      shipped: ({ connector, ...shipped }) => ({
        ...shipped,
        connector: {
          ...connector,
          definition: { ...connector.definition, stream: Schema.Struct({ subject: Schema.String }) }
        }
      })
    })
  },
  {
    breaks: "O58",
    what: "has a class that refuses what it takes",
    mutation: () => ({
      shipped: ({ connector: { definition, name } }) =>
        Shipped.made({
          name,
          definition: {
            ...definition,
            stream: Schema.Struct({ subject: Schema.Literal("other").annotate({ description: "The only subject." }) })
          }
        })
    })
  }
]
