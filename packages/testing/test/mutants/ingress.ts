import { Delivery } from "@kps/connector"
import type { Channel, Transport } from "@kps/transport"
import { Effect, Option, Schedule, Schema, Stream } from "effect"
import * as MemoryConnector from "../support/MemoryConnector.ts"
import type { Mutation } from "../support/MemorySubject.ts"
import { Away } from "../support/World.ts"
import type { Mutant } from "./Mutant.ts"

type Service = Transport.Transport["Service"]

/** A transport that publishes what it is given in another way. */
const publishing = (
  change: (
    publish: Service["publishConfirmed"],
    channel: Channel.ChannelName,
    messages: ReadonlyArray<Channel.Message>
  ) => Effect.Effect<void>
) =>
(transport: Service): Service => ({
  ...transport,
  publishConfirmed: (channel, messages) => change(transport.publishConfirmed, channel, messages)
})

/** A source that goes on from whatever number it makes of its position; of one that it makes none of it cannot. */
const resuming = (numberOf: (at: Schema.Json, end: number) => number | undefined): Mutation => ({
  hooks: (hooks, world) => ({
    ...hooks,
    ingress: (stream) =>
      stream.parameters.resumes !== true ? hooks.ingress(stream) : Effect.succeed(Delivery.resumable({
        position: Schema.Json,
        from: (at) => {
          const end = world.at(stream.parameters.subject).log.length
          const next = Option.match(at, { onNone: () => 0, onSome: (position) => numberOf(position, end) })
          return next === undefined
            ? Stream.fail(new Away({ subject: stream.parameters.subject }))
            : MemoryConnector.log(world, stream.parameters.subject, next)
        }
      }))
  })
})

const isPosition = Schema.is(MemoryConnector.Position)
const unlessAhead = ({ next }: typeof MemoryConnector.Position.Type, end: number) => next > end ? undefined : next

export const mutants: ReadonlyArray<Mutant> = [
  {
    breaks: "I31",
    what: "acknowledges what it has only put aside",
    mutation: () => ({
      transport: publishing((publish, channel, messages) =>
        Effect.asVoid(Effect.forkDetach(Effect.ignore(publish(channel, messages))))
      )
    })
  },
  {
    breaks: "I34",
    what: "publishes what came together the other way round",
    mutation: () => ({
      transport: publishing((publish, channel, messages) => Effect.orDie(publish(channel, messages.toReversed())))
    })
  },
  {
    breaks: "I34",
    what: "goes on after a failure and publishes what failed later",
    mutation: () => ({
      transport: publishing((publish, channel, messages) =>
        publish(channel, messages).pipe(
          Effect.catch(() => {
            const later = Effect.retry(publish(channel, messages), Schedule.spaced("50 millis"))
            return Effect.asVoid(Effect.forkDetach(Effect.ignore(later)))
          })
        )
      )
    })
  },
  {
    breaks: "I35",
    what: "takes from the source whatever it gives, and keeps it",
    mutation: () => ({
      transport: publishing((publish, channel, messages) =>
        Effect.asVoid(Effect.forkDetach(Effect.ignore(publish(channel, messages))))
      )
    })
  },
  {
    breaks: "I36",
    what: "tries again at once, as the original does",
    mutation: () => ({
      hooks: (hooks) => ({
        ...hooks,
        ingress: (stream) => Effect.retry(hooks.ingress(stream), Schedule.spaced("20 millis"))
      })
    })
  },
  {
    breaks: "I36",
    what: "waits equally long for every stream",
    mutation: () => ({
      hooks: (hooks, world) => ({
        ...hooks,
        ingress: (stream) => {
          const { tries } = world.at(stream.parameters.subject)
          // as a clock without jitter would have it
          tries.push(...Array.from({ length: 8 }, (_, n) => n * 350))
          return Effect.never
        }
      })
    })
  },
  {
    breaks: "I36",
    what: "does not try again",
    mutation: () => ({
      hooks: (hooks) => ({
        ...hooks,
        ingress: (stream) => hooks.ingress(stream).pipe(Effect.catch(() => Effect.never))
      })
    })
  },
  {
    breaks: "I39",
    what: "acknowledges what it has read",
    mutation: () => ({
      hooks: (hooks, world) => ({
        ...hooks,
        ingress: (stream) =>
          Effect.map(hooks.ingress(stream), (source) =>
            source._tag !== "Acknowledged" ? source : {
              ...source,
              taken: Stream.tap(
                source.taken,
                ({ payloads }) => Effect.sync(() => world.acknowledge(stream.parameters.subject, payloads.length))
              )
            })
      })
    })
  },
  {
    breaks: "I39",
    what: "begins anew with everything",
    mutation: () => ({
      hooks: (hooks, world) => ({
        ...hooks,
        ingress: (stream) =>
          Effect.map(hooks.ingress(stream), (source) =>
            source._tag !== "Acknowledged" ? source : {
              ...source,
              taken: Stream.map(source.taken, ({ payloads }) => ({
                payloads,
                // it says that it does, and keeps it
                ack: Effect.sync(() => {
                  world.at(stream.parameters.subject).acknowledged += payloads.length
                })
              }))
            })
      })
    })
  },
  {
    breaks: "I40",
    what: "goes on with what comes next where its position is ahead",
    mutation: () => resuming((at) => isPosition(at) ? at.next : undefined)
  },
  {
    breaks: "I40",
    what: "begins anew where its position is corrupt",
    mutation: () => resuming((at, end) => isPosition(at) ? unlessAhead(at, end) : 0)
  },
  {
    breaks: "I40",
    what: "goes to the end where its position is corrupt",
    mutation: () => resuming((at, end) => isPosition(at) ? unlessAhead(at, end) : end)
  },
  {
    breaks: "I41",
    what: "leaves something open for each stream that was",
    mutation: () => ({
      hooks: (hooks, world) => ({
        ...hooks,
        ingress: (stream) =>
          Effect.tap(hooks.ingress(stream), () =>
            Effect.sync(() => {
              world.open++
            }))
      })
    })
  },
  {
    breaks: "I41",
    what: "stops a stream only when its read is over",
    mutation: () => ({
      options: { stopTimeout: "1 minute" },
      hooks: (hooks) => ({
        ...hooks,
        ingress: (stream) =>
          Effect.tap(hooks.ingress(stream), () => Effect.addFinalizer(() => Effect.sleep("3 seconds")))
      })
    })
  }
]
