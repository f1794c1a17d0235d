/**
 * The platform's side of a channel: what pipelines read and write.
 *
 * @since 0.1.0
 */
import { Channel, type Transport } from "@kps/transport"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { BedFailed } from "./Outcome.ts"
import type { Collected } from "./Subject.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Pipeline {
  /** Puts payloads on a channel, each a message of its own, and waits until the broker has them. */
  readonly publish: (channel: string, payloads: ReadonlyArray<string>) => Effect.Effect<void, BedFailed>
  /** Puts frames on a channel that are no `TransportMessage`, and waits until the broker has them. */
  readonly inject: (channel: string, count: number) => Effect.Effect<void, BedFailed>
  /** The payloads that come on a channel from now on. */
  readonly collect: (channel: string) => Effect.Effect<Collected, BedFailed, Scope.Scope>
}

/** A length-delimited payload that claims 16 bytes and brings none. */
const malformed = Uint8Array.of(0x1a, 0x10)

/** So that other work gets its turn between. */
const slice = 20_000

/**
 * Makes the platform's side. `frame` puts bytes on a channel as they are.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  transport: Transport.Transport["Service"],
  frame: (channel: Channel.ChannelName, frame: Uint8Array, times: number) => Effect.Effect<void, BedFailed>
): Pipeline => {
  const encoder = new TextEncoder()
  const decoder = new TextDecoder()
  const nameOf = (channel: string) => Channel.ChannelName.make(channel)
  const orBed = Effect.mapError((error: { readonly message: string }) =>
    new BedFailed({ problem: `the suite's own connection to the platform's broker: ${error.message}` })
  )
  return {
    publish: (channel, payloads) =>
      Effect.andThen(
        transport.publishAll(
          nameOf(channel),
          payloads.map((text) => ({ timestampNanos: 0n, payloads: [encoder.encode(text)] }))
        ),
        transport.flush
      ).pipe(orBed),
    inject: Effect.fnUntraced(function*(channel, count) {
      for (let left = count; left > 0; left -= slice) {
        yield* frame(nameOf(channel), malformed, Math.min(left, slice))
        yield* orBed(transport.flush)
      }
    }),
    collect: Effect.fnUntraced(function*(channel): Effect.fn.Return<Collected, BedFailed, Scope.Scope> {
      const texts: Array<string> = []
      const messages = yield* orBed(transport.subscription(nameOf(channel)))
      yield* Effect.forkScoped(Stream.runForEachArray(messages, (array) =>
        Effect.sync(() => {
          for (const { payloads } of array) for (const payload of payloads) texts.push(decoder.decode(payload))
        })))
      return { texts: () => texts }
    })
  }
}
