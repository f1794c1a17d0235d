import { Delivery } from "@kps/connector"
import { Effect } from "effect"
import type { Mutant } from "./Mutant.ts"

const text = (payload: Uint8Array) => new TextDecoder().decode(payload)

export const mutants: ReadonlyArray<Mutant> = [
  {
    breaks: "G42",
    what: "drops what the outside never takes without a word",
    mutation: () => ({
      hooks: (hooks) => ({
        ...hooks,
        egress: (stream) =>
          Effect.map(hooks.egress(stream), (sink) => ({
            ...sink,
            deliver: (batch) => {
              const [first, ...rest] = batch.filter(({ payload }) => text(payload) !== stream.parameters.refuses)
              return first === undefined ? Effect.succeed(Delivery.delivered) : sink.deliver([first, ...rest])
            }
          }))
      })
    })
  },
  {
    breaks: "G42",
    what: "tries it for ever, and holds what is behind it",
    mutation: () => ({ options: { delivery: { all: { horizon: "1 hour" } } } })
  },
  {
    breaks: "G43",
    what: "says that there were malformed frames, and keeps none",
    mutation: () => ({
      events: (events) => ({
        ...events,
        raise: (alert, occurrence) =>
          alert.name === "messageDeadLettered" ? Effect.void : events.raise(alert, occurrence)
      })
    })
  },
  {
    breaks: "G43",
    what: "drops malformed frames without a word, as the original does",
    mutation: () => ({
      transport: (transport) => ({
        ...transport,
        subscription: (channel, { onMalformed: _, ...options } = {}) => transport.subscription(channel, options)
      })
    })
  },
  {
    breaks: "G43",
    what: "says that there were malformed frames and not how many",
    mutation: () => ({
      events: (events) => ({
        ...events,
        raise: (alert, { metadata: _, ...occurrence } = {}) => events.raise(alert, occurrence)
      })
    })
  },
  {
    breaks: "G44",
    what: "stops every stream when the code of one throws",
    mutation: () => {
      let thrown = false
      return {
        hooks: (hooks) => ({
          ...hooks,
          egress: (stream) =>
            Effect.map(hooks.egress(stream), (sink) => ({
              ...sink,
              deliver: (batch) => {
                thrown ||= stream.parameters.throws === true
                return thrown && stream.parameters.throws !== true ? Effect.never : sink.deliver(batch)
              }
            }))
        })
      }
    }
  },
  {
    breaks: "G44",
    what: "goes on as if nothing were when code throws",
    mutation: () => ({
      hooks: (hooks) => ({
        ...hooks,
        egress: (stream) =>
          Effect.map(hooks.egress(stream), (sink) => ({
            ...sink,
            deliver: (batch) =>
              stream.parameters.throws === true ? Effect.succeed(Delivery.delivered) : sink.deliver(batch)
          }))
      })
    })
  },
  {
    breaks: "G49",
    what: "delivers what waited the other way round",
    mutation: () => ({
      hooks: (hooks, world) => ({
        ...hooks,
        egress: (stream) =>
          Effect.map(hooks.egress(stream), (sink) => {
            const waiting: Array<string> = []
            return {
              ...sink,
              deliver: (batch) => {
                waiting.push(...batch.map(({ payload }) => text(payload)))
                const next = Effect.suspend(() => world.write(stream.parameters.subject, waiting.splice(-1)))
                const all = Effect.repeat(next, { until: () => waiting.length === 0 })
                return Effect.as(
                  Effect.forkDetach(Effect.andThen(world.write(stream.parameters.subject, []), all)),
                  Delivery.delivered
                )
              }
            }
          })
      })
    })
  },
  {
    breaks: "G49",
    what: "does not go on after a pause",
    mutation: () => ({
      hooks: (hooks, world) => ({
        ...hooks,
        egress: (stream) =>
          Effect.map(hooks.egress(stream), (sink) => ({
            ...sink,
            deliver: (batch) => world.isHeld ? Effect.never : sink.deliver(batch)
          }))
      })
    })
  }
]
