/** What a subscription is on every transport: an inbox, its notices, and an end. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ChannelName, Message } from "../Channel.ts"
import type { SubscribeOptions } from "../Transport.ts"
import type { TransportError } from "../TransportError.ts"
import { validChannel, validQueue } from "./channel.ts"
import type { Counters } from "./Counters.ts"
import { Inbox, type Limits } from "./Inbox.ts"
import { Notices } from "./Notices.ts"
import type { Level } from "./SocketGate.ts"

/** What a transport does for one subscription. */
export interface Source {
  readonly counters: Counters
  readonly limits: Limits
  readonly onPressure: (inbox: Inbox, level: Level) => void
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
      onPressure: (level) => source.onPressure(inbox, level),
      onDropped: notices.onDropped,
      onMalformed: notices.onMalformed
    })
    // a scope of its own: what failed leaves nothing in the caller's, who may try again
    const scope = yield* Scope.fork(yield* Effect.scope)
    yield* open(source, inbox, notices, options).pipe(
      Scope.provide(scope),
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
    )
    return Stream.fromPull(inbox.pull)
  })

const open = Effect.fnUntraced(function*(
  source: Source,
  inbox: Inbox,
  notices: Notices,
  { drainWhen, onUnread, queue }: SubscribeOptions
): Effect.fn.Return<void, TransportError, Scope.Scope> {
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      const unread = inbox.discard()
      if (unread > 0) onUnread?.(unread)
    })
  )
  const { run } = notices
  if (run !== undefined) yield* Effect.forkScoped(run)
  const attached = yield* source.attach(inbox, queue)
  if (drainWhen !== undefined) yield* Effect.forkScoped(Effect.andThen(drainWhen, attached.drain))
})
