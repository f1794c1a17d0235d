/** What is stored on a channel: the headers of a range of messages, and single messages. */
import { createInbox } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ChannelName } from "../../Channel.ts"
import type { TransportError } from "../../TransportError.ts"
import * as delivery from "./delivery.ts"
import * as headers from "./headers.ts"
import { type Headers, type Incoming, OfClient } from "./Incoming.ts"
import * as Session from "./Session.ts"
import type { StreamState } from "./streams.ts"

export interface Entry {
  readonly sequence: number
  readonly id: string | undefined
  readonly position: string | undefined
  readonly epoch: number | undefined
}

type Failure = TransportError | Session.SessionOver

const idleNanos = 5_000_000_000
/** So many are asked for at once. */
const batch = 5000
const millis = 10_000

/**
 * The headers of the messages from one sequence up to another, in order. What was removed from the stream is not among
 * them; where messages go when they are handled, nothing is.
 */
export const range = Effect.fnUntraced(function*(
  session: Session.Session,
  channel: ChannelName,
  stream: StreamState,
  from: number,
  to: number
): Effect.fn.Return<ReadonlyArray<Entry>, Failure> {
  const first = Math.max(from, stream.firstSequence, 1)
  if (first > to || !stream.keeps) return []
  const operation = `read back stream "${stream.name}"`
  const consumer = yield* Session.told(session.call(channel, operation, (api) =>
    api.consumers.add(stream.name, {
      ack_policy: "none",
      deliver_policy: "by_start_sequence",
      opt_start_seq: first,
      headers_only: true,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: idleNanos
    })))
  const entries: Array<Entry> = []
  const read = pull(session, stream.name, consumer.name, to, entries).pipe(
    Effect.timeoutOrElse({
      duration: `${millis} millis`,
      orElse: () => Effect.fail(Session.refused(channel, operation, 0, `no more messages within ${millis} ms`))
    }),
    Effect.raceFirst(Effect.andThen(session.whenOver, Effect.fail(new Session.SessionOver())))
  )
  yield* Effect.ensuring(
    read,
    Effect.ignore(session.call(channel, operation, (api) => api.consumers.delete(stream.name, consumer.name)))
  )
  return entries
})

/** Succeeds when the last one is there, or the stream has no more. */
const pull = (
  session: Session.Session,
  stream: string,
  consumer: string,
  to: number,
  entries: Array<Entry>
): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const inbox = createInbox()
    let asked = 0
    const ask = () => {
      asked = batch
      session.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, JSON.stringify({ batch, no_wait: true }), {
        reply: inbox
      })
    }
    const subscription = session.client.subscribe(inbox, {
      callback: (error, message) => {
        const entry = error === null ? entryOf(new OfClient(message)) : undefined
        if (entry !== undefined && entry.sequence <= to) entries.push(entry)
        // a status: there are no more
        if (entry === undefined || entry.sequence >= to) return resume(Effect.void)
        if (--asked === 0) ask()
      }
    })
    ask()
    return Effect.sync(() => subscription.unsubscribe())
  })

const entryOf = (message: Incoming): Entry | undefined => {
  const meta = delivery.metaOf(message.reply)
  return meta === undefined ? undefined : entry(meta.sequence, message.headers)
}

const entry = (sequence: number, all: Headers): Entry => ({
  sequence,
  id: headers.valueOf(all, headers.messageId),
  position: headers.valueOf(all, headers.position),
  epoch: headers.epochOf(all)
})

/** The last message, if there is one. */
export const last = (
  session: Session.Session,
  channel: ChannelName,
  stream: string
): Effect.Effect<Option.Option<Entry>, Failure> =>
  session.call(
    channel,
    `read the last message of stream "${stream}"`,
    (api) => api.streams.getMessage(stream, { last_by_subj: channel })
  ).pipe(
    Effect.catchIf(
      (error) => error instanceof Session.ApiError && error.code === Session.noMessageFound,
      () => Effect.succeed(null)
    ),
    Effect.map((message) =>
      message === null ? Option.none() : Option.some(
        entry(message.seq, Array.from(message.header, ([name, [value = ""]]) => [name, value] as const))
      )
    ),
    Session.told
  )
