/** A broker in this process, and the transport on it. */
import { TransportCodec } from "@kps/idl"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { ChannelName, Message } from "../Channel.ts"
import type { ConnectionStatus, Transport } from "../Transport.ts"
import { Closed, ConnectionFailed, MessageTooLarge, NotConnected, TransportError } from "../TransportError.ts"
import { refused } from "./channel.ts"
import * as Counters from "./Counters.ts"
import type { Inbox } from "./Inbox.ts"
import * as Router from "./Router.ts"
import * as subscription from "./subscription.ts"
import { encodedLength, halvesOf } from "./timestamp.ts"

export const maxPayloadBytes = 1_048_576

const server = "memory"

const limits = {
  highPayloads: Infinity,
  highBytes: Infinity,
  maxPayloads: 65_536,
  maxBytes: 8_388_608
}

/** After this many messages, of one call or of many, the subscribers get their turn. */
const turnLength = 1024

export interface Memory {
  readonly transport: Transport["Service"]
  readonly setConnected: (connected: boolean) => Effect.Effect<void>
  readonly deliver: (channel: ChannelName, frame: Uint8Array) => Effect.Effect<void>
}

export const make: Effect.Effect<Memory, never, Scope.Scope> = Effect.gen(function*() {
  const router = Router.make()
  const counters = Counters.make()
  const inboxes = new Set<Inbox>()
  let turn = 0
  const connected = Effect.map(Clock.currentTimeMillis, (since): ConnectionStatus => ({
    _tag: "Connected",
    server,
    since,
    maxPayloadBytes,
    dataPath: "memory"
  }))
  const status = yield* SubscriptionRef.make<ConnectionStatus>(yield* connected)

  const away = (handedOver: number): TransportError | undefined => {
    const now = SubscriptionRef.getUnsafe(status)
    if (now._tag === "Connected") return undefined
    return new TransportError({
      reason: now._tag === "Closed"
        ? new Closed({})
        : new NotConnected({ servers: [server], handedOver, cause: now.cause.reason })
    })
  }

  /** `count` messages could not be handed over. */
  const failed = (error: TransportError, count: number): Effect.Effect<never, TransportError> => {
    counters.publishErrors += count
    return Effect.fail(error)
  }

  const publishAll = Effect.fnUntraced(function*(channel: ChannelName, messages: ReadonlyArray<Message>) {
    const problem = refused(channel) ?? away(0)
    if (problem !== undefined) return yield* failed(problem, messages.length)
    for (const message of messages) {
      const byteLength = encodedLength(message)
      if (byteLength > maxPayloadBytes) {
        const reason = new MessageTooLarge({ channel, byteLength, limit: maxPayloadBytes })
        return yield* failed(new TransportError({ reason }), messages.length)
      }
    }
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!
      counters.published++
      router.route(channel, TransportCodec.encodeHalves(halvesOf(message), message.payloads))
      if (++turn % turnLength > 0) continue
      yield* Effect.yieldNow
      const problem = i + 1 === messages.length ? undefined : away(i + 1)
      if (problem !== undefined) return yield* failed(problem, messages.length - i - 1)
    }
  })

  const subscribeTo = subscription.make({
    counters,
    limits,
    onPressure: () => undefined,
    attach: (inbox, queue) =>
      Effect.gen(function*() {
        const problem = away(0)
        if (problem !== undefined) return yield* problem
        const remove = Effect.sync(router.add(inbox, queue))
        inboxes.add(inbox)
        yield* Effect.addFinalizer(() => Effect.andThen(remove, Effect.sync(() => inboxes.delete(inbox))))
        return { drain: Effect.andThen(remove, Effect.sync(() => inbox.end())) }
      })
  })

  yield* Effect.addFinalizer(() =>
    Effect.andThen(
      SubscriptionRef.set(status, { _tag: "Closed" }),
      Effect.sync(() => {
        for (const inbox of inboxes) inbox.end(new TransportError({ reason: new Closed({}) }))
      })
    )
  )

  const check = Effect.suspend(() => {
    const problem = away(0)
    return problem === undefined ? Effect.void : Effect.fail(problem)
  })

  return {
    transport: {
      publish: (channel, message) => publishAll(channel, [message]),
      publishAll,
      publishConfirmed: publishAll,
      sink: (channel) => Sink.forEachArray((messages) => publishAll(channel, messages)),
      subscription: subscribeTo,
      subscribe: (channel, options) => Stream.unwrap(subscribeTo(channel, options)),
      flush: check,
      status: SubscriptionRef.get(status),
      statusChanges: SubscriptionRef.changes(status),
      stats: Effect.sync(() => ({ ...counters }))
    },
    setConnected: Effect.fnUntraced(function*(next: boolean) {
      const now = SubscriptionRef.getUnsafe(status)
      if (now._tag === "Closed" || (now._tag === "Connected") === next) return
      if (next) return yield* SubscriptionRef.set(status, yield* connected)
      counters.disconnects++
      const since = yield* Clock.currentTimeMillis
      const cause = new ConnectionFailed({ servers: [server], cause: new Error("the test took it away") })
      yield* SubscriptionRef.set(status, { _tag: "Disconnected", since, cause: new TransportError({ reason: cause }) })
    }),
    deliver: (channel, frame) => Effect.sync(() => router.route(channel, frame))
  }
})
