/** Messages that tell tests what they are. */
import type { Vitest } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ChannelName, type Message } from "../../Channel.ts"
import { type SubscribeOptions, Transport } from "../../Transport.ts"
import type { TransportError } from "../../TransportError.ts"
import { onSystemClock } from "../broker.ts"

export type It = Vitest.MethodsNonLive<Transport>

let made = 0

/** A channel that no other case uses. */
export const freshChannel = (): ChannelName => ChannelName.make(`conformance.${++made}`)

export const text = (...values: ReadonlyArray<string>): Message => ({
  timestampNanos: 0n,
  payloads: values.map((value) => new TextEncoder().encode(value))
})

/** Messages that say their numbers, from 0 on. */
export const numbered = (count: number): ReadonlyArray<Message> =>
  Array.from({ length: count }, (_, index) => text(`${index}`))

export const read = ({ payloads }: Message): string => payloads.map((bytes) => new TextDecoder().decode(bytes)).join()

/** A subscriber that is there before anybody publishes: joining it gives the first `count` messages as text. */
export const reader = Effect.fnUntraced(function*(
  channel: ChannelName,
  count: number,
  options?: SubscribeOptions
): Effect.fn.Return<Fiber.Fiber<ReadonlyArray<string>, TransportError>, TransportError, Transport | Scope.Scope> {
  const transport = yield* Transport
  const stream = yield* transport.subscription(channel, options)
  return yield* stream.pipe(
    Stream.take(count),
    Stream.runCollect,
    Effect.map((messages) => messages.map(read)),
    Effect.forkScoped
  )
})

export const joinAll = <A, E>(fibers: ReadonlyArray<Fiber.Fiber<A, E>>) => Effect.forEach(fibers, Fiber.join)

/** Looks again and again, in real time, until something is so, for at most 15 seconds; says whether it is. */
export const soon = <E, R>(condition: Effect.Effect<boolean, E, R>): Effect.Effect<boolean, E, R> =>
  condition.pipe(
    Effect.repeat({ until: (so) => so, schedule: Schedule.spaced("2 millis") }),
    Effect.timeoutOption("15 seconds"),
    Effect.map(Option.isSome),
    onSystemClock
  )
