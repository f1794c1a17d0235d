/** What a subscription is on every transport: an inbox, its notices, and an end. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ChannelName, Message } from "../Channel.ts"
import type { SubscribeOptions } from "../Transport.ts"
import type { TransportError } from "../TransportError.ts"
import { validChannel, validQueue } from "./channel.ts"
import type { Counters } from "./Counters.ts"
import { Inbox, type Limits } from "./Inbox.ts"
import { Notices } from "./Notices.ts"

/** What a transport does for one subscription. */
export interface Source {
  readonly counters: Counters
  readonly limits: Limits
  readonly onPressure: (inbox: Inbox, high: boolean) => void
  /** Begins to feed the inbox; released when the subscription's scope ends. */
  readonly attach: (inbox: Inbox, queue: string | undefined) => Effect.Effect<Attached, TransportError, Scope.Scope>
}

export interface Attached {
  /** Ends the inbox after everything that the broker sent before. */
  readonly drain: Effect.Effect<void>
}

export const make = (source: Source) =>
  Effect.fnUntraced(function*(
    channel: ChannelName,
    options: SubscribeOptions = {}
  ): Effect.fn.Return<Stream.Stream<Message, TransportError>, TransportError, Scope.Scope> {
    yield* validChannel(channel)
    if (options.queue !== undefined) yield* validQueue(channel, options.queue)
    const notices = new Notices(options)
    const inbox: Inbox = new Inbox({
      channel,
      counters: source.counters,
      limits: source.limits,
      onPressure: (high) => source.onPressure(inbox, high),
      onDropped: notices.onDropped,
      onMalformed: notices.onMalformed
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => inbox.discard()))
    const { run } = notices
    if (run !== undefined) yield* Effect.forkScoped(run)
    const attached = yield* source.attach(inbox, options.queue)
    if (options.drainWhen !== undefined) {
      yield* Effect.forkScoped(Effect.andThen(options.drainWhen, attached.drain))
    }
    return Stream.fromPull(inbox.pull)
  })
