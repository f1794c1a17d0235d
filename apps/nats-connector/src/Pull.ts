/**
 * Messages of a JetStream consumer, as they are asked for: a bounded number and size of them is here unread.
 *
 * Ends at the first irregularity, and leaves it to whoever opens the stream again to look where it stands: the client's
 * own consumers go on by themselves, also over messages that are gone.
 */
import type { Msg, Subscription } from "@nats-io/transport-node"
import type * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { BrokerLost, JetStreamFailed } from "./BrokerError.ts"
import type { Connection } from "./Client.ts"

/** Most messages that are asked for and not read. */
export const most = 1_000
/** And bytes of them: the broker counts subjects and headers too. */
const mostBytes = 8 << 20

const requestMillis = 30_000
const heartbeatMillis = 3_000

/** What the broker says of a message in the subject that it is acknowledged on. */
export interface Pulled {
  readonly data: Uint8Array
  /** Where it is acknowledged. */
  readonly reply: string
  /** How often it was delivered: 1 for the first time. */
  readonly count: number
  /** In the stream. */
  readonly sequence: number
  /** When it was stored: milliseconds since the Unix epoch. */
  readonly storedMillis: number
}

export type PullError = BrokerLost | JetStreamFailed

type Taken = Effect.Effect<Arr.NonEmptyReadonlyArray<Pulled>, PullError>

export interface Pull {
  /** What has come since it was last asked, at least one. */
  readonly next: Taken
  /** Nothing is delivered here any more; takes what was not read away. */
  readonly stop: () => ReadonlyArray<Pulled>
}

export interface Options {
  readonly broker: string
  readonly connection: Connection
  readonly stream: string
  readonly consumer: string
  /** Whether each message has to be the one that the consumer delivers after the last. */
  readonly isOnly: boolean
}

/** `$JS.ACK.<stream>.<consumer>.<count>.<sequence>.<delivery>.<nanoseconds>.<pending>`, or more tokens with a domain. */
const tokensOf = (reply: string) => {
  const tokens = reply.split(".")
  const from = tokens.length >= 11 ? 6 : 4
  return {
    count: Number(tokens[from]),
    sequence: Number(tokens[from + 1]),
    delivery: Number(tokens[from + 2]),
    storedMillis: Math.floor(Number(tokens[from + 3]) / 1_000_000)
  }
}

/** Asks for messages as long as the scope is open. */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Pull, never, Scope.Scope> {
  const { broker, connection, consumer, isOnly, stream } = options
  const { client } = connection
  const subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`
  const inbox = `_INBOX.${crypto.randomUUID()}`
  // any message has to fit in half of it
  const limit = Math.max(mostBytes, 2 * (Math.min(connection.maxPayloadBytes(), 64 << 20) + 65_536))
  let unread: Array<Pulled> = []
  let unreadBytes = 0
  let asked = 0
  let askedBytes = 0
  let lastDelivery: number | undefined
  let failure: PullError | undefined
  let reader: ((taken: Taken) => void) | undefined
  let stopped = false
  let heard = performance.now()

  const take = (): Taken | undefined => {
    if (unread.length === 0) return failure === undefined ? undefined : Effect.fail(failure)
    // one cast: it was looked at
    const taken = unread as unknown as Arr.NonEmptyReadonlyArray<Pulled>
    unread = []
    unreadBytes = 0
    ask()
    return Effect.succeed(taken)
  }

  const wake = () => {
    const resume = reader
    if (resume === undefined) return
    const taken = take()
    if (taken === undefined) return
    reader = undefined
    resume(taken)
  }
  const fail = (error: PullError) => {
    failure ??= error
    wake()
  }
  const failed = (problem: string) =>
    fail(new JetStreamFailed({ broker, operation: `read consumer "${consumer}" of stream "${stream}"`, problem }))

  const ask = () => {
    if (stopped || failure !== undefined || client.isClosed()) return
    const batch = most - asked - unread.length
    const bytes = limit - askedBytes - unreadBytes
    // in halves: a request for each message read would be as many requests as messages
    if (batch < most / 2 || bytes < limit / 2) return
    asked += batch
    askedBytes += bytes
    heard = performance.now()
    const body = {
      batch,
      max_bytes: bytes,
      expires: requestMillis * 1_000_000,
      idle_heartbeat: heartbeatMillis * 1_000_000
    }
    client.publish(subject, JSON.stringify(body), { reply: inbox })
  }

  /** The broker says something of a request, such as that it is over. */
  const onStatus = (message: Msg) => {
    const code = message.headers?.code ?? 0
    const text = message.headers?.description ?? ""
    if (code === 100) return
    if (code === 503) return failed("it is not there any more, or has no leader now")
    if (code !== 404 && code !== 408 && !(code === 409 && /max\s?bytes/i.test(text))) return failed(`${text} (${code})`)
    const left = (name: string) => Number(message.headers?.get(name) ?? "0") || 0
    asked -= left("Nats-Pending-Messages")
    askedBytes -= left("Nats-Pending-Bytes")
    if (asked <= 0) asked = askedBytes = 0
    ask()
  }

  const onMessage = (message: Msg) => {
    heard = performance.now()
    const { reply } = message
    if (reply === undefined || !reply.startsWith("$JS.ACK.")) return onStatus(message)
    const { count, delivery, sequence, storedMillis } = tokensOf(reply)
    if (isOnly && lastDelivery !== undefined && delivery !== lastDelivery + 1) {
      return failed(`a message is missing before ${sequence}`)
    }
    lastDelivery = delivery
    const byteLength = message.data.byteLength + message.subject.length + reply.length
    asked--
    askedBytes -= byteLength
    // the broker counts headers as well
    if (asked <= 0) asked = askedBytes = 0
    unread.push({ data: message.data, reply, count, sequence, storedMillis })
    unreadBytes += byteLength
    // all messages of one read of the socket come in one turn: the reader gets them as one array
    if (unread.length === 1) queueMicrotask(wake)
  }

  const unsubscribe = (subscription: Subscription | undefined) => {
    stopped = true
    if (subscription !== undefined && !subscription.isClosed() && !client.isClosed()) subscription.unsubscribe()
  }
  const subscription = yield* Effect.acquireRelease(
    Effect.sync(() =>
      client.isClosed() ? undefined : client.subscribe(inbox, {
        callback: (error, message) => error === null ? onMessage(message) : failed(error.message)
      })
    ),
    (subscription) => Effect.sync(() => unsubscribe(subscription))
  )
  if (subscription === undefined) fail(new BrokerLost({ broker, cause: "closed" }))
  yield* Effect.acquireRelease(Effect.sync(() => connection.onLost(fail)), (forget) => Effect.sync(forget))
  // a consumer that is gone says nothing, and requests to it are lost
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(
    Effect.sleep(heartbeatMillis),
    Effect.sync(() => {
      if (performance.now() - heard > 3 * heartbeatMillis && unread.length === 0) failed("it gives no sign of life")
    })
  )))
  ask()

  return {
    next: Effect.callback((resume) => {
      const taken = take()
      if (taken !== undefined) return resume(taken)
      reader = resume
      return Effect.sync(() => {
        reader = undefined
      })
    }),
    stop: () => {
      unsubscribe(subscription)
      const rest = unread
      unread = []
      return rest
    }
  }
})
