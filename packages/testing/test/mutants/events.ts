import { create } from "@bufbuild/protobuf"
import { type EventPayload, EventPayloadSchema, type GetEventsResponse, Severity, State } from "@kps/idl"
import { Effect } from "effect"
import type { Mutant } from "./Mutant.ts"
import { isOk, proxy } from "./Proxy.ts"

/** The replies of GetEvents, changed. */
const told = (change: (events: ReadonlyArray<EventPayload>) => ReadonlyArray<EventPayload>) =>
  proxy(({ getEvents }) => ({
    getEvents: async (request): Promise<GetEventsResponse> => {
      const reply = await getEvents(request)
      return isOk(reply) ? { ...reply, eventPayloads: [...change(reply.eventPayloads)] } : reply
    }
  }))

export const mutants: ReadonlyArray<Mutant> = [
  {
    breaks: "E25",
    what: "never clears an alert, as the original does",
    mutation: () => ({ events: (events) => ({ ...events, clear: () => Effect.void }) })
  },
  {
    breaks: "E25",
    what: "tells of removed streams for ever, as the original does",
    mutation: () => {
      const known = new Map<string, EventPayload>()
      return {
        routes: told((events) => {
          for (const event of events) {
            known.set(JSON.stringify([event.object.case, event.object.value?.id, event.object.value?.streamId]), event)
          }
          return [...known.values()]
        })
      }
    }
  },
  {
    breaks: "E25",
    what: "raises no alert when a stream fails",
    mutation: () => ({ events: (events) => ({ ...events, raise: () => Effect.void }) })
  },
  {
    breaks: "E26",
    what: "does not say when an event came, as the original does",
    mutation: () => ({
      routes: told((events) => {
        for (const { object } of events) delete object.value?.createdAt
        return events
      })
    })
  },
  {
    breaks: "E26",
    what: "lets created_at go backwards",
    mutation: () => {
      let back = 0n
      return {
        routes: told((events) => {
          back += 3n
          for (const { object } of events) {
            if (object.value?.createdAt !== undefined) object.value.createdAt.seconds -= back
          }
          return events
        })
      }
    }
  },
  {
    breaks: "E28",
    what: "raises an alert for each failure",
    mutation: () => {
      let failures: Effect.Effect<number> = Effect.succeed(0)
      const alerts = (count: number) =>
        Array.from({ length: count }, (_, n) =>
          create(EventPayloadSchema, {
            object: {
              case: "alert",
              value: { id: "frame", streamId: `${n}`, severity: Severity.WARNING, state: State.UNHEALTHY }
            }
          }))
      return {
        transport: (transport) => {
          failures = Effect.map(transport.stats, ({ malformed }) => malformed)
          return transport
        },
        routes: proxy(({ getEvents }) => ({
          getEvents: async (request) => {
            const reply = await getEvents(request)
            return { ...reply, eventPayloads: [...reply.eventPayloads, ...alerts(await Effect.runPromise(failures))] }
          }
        }))
      }
    }
  },
  {
    breaks: "E29",
    what: "tells each event once",
    mutation: () => {
      const seen = new Set<string>()
      return {
        routes: told((events) =>
          events.filter(({ object }) => {
            const key =
              `${object.case} ${object.value?.id} ${object.value?.streamId} ${object.value?.createdAt?.seconds}`
            if (seen.has(key)) return false
            seen.add(key)
            return true
          })
        )
      }
    }
  }
]
