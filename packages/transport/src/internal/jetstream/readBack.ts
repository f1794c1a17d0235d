/** What is stored on a channel: the headers of a range of messages, and single messages. */
import { createInbox } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ChannelName } from "../../Channel.ts"
import type { TransportError } from "../../TransportError.ts"
import * as delivery from "./delivery.ts"
import * as headers from "./headers.ts"
import { type Headers, OfClient } from "./Incoming.ts"
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
/** So long a batch may take. */
const millis = 10_000

/**
 * Gives the headers of the messages from one sequence up to another, in order, as they come: however many there are, none
 * is kept. What was removed from the stream is not among them; where messages go when they are handled, nothing is.
 */
export const range = Effect.fnUntraced(function*(
  session: Session.Session,
  channel: ChannelName,
  stream: StreamState,
  from: number,
  to: number,
  take: (entry: Entry) => void
): Effect.fn.Return<void, Failure> {
  const first = Math.max(from, stream.firstSequence, 1)
  if (first > to || stream.retention !== "limits") return
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
  const name = consumer.name
  const next = pull(session, stream.name, name, to, take).pipe(
    Effect.mapError((stopped) => Session.refused(channel, operation, ...stopped)),
    // for each batch: however much there is, it goes on while it comes
    Effect.timeoutOrElse({
      duration: `${millis} millis`,
      orElse: () => Effect.fail(Session.refused(channel, operation, 0, `no more messages within ${millis} ms`))
    })
  )
  const read = Effect.raceFirst(
    Effect.repeat(next, { while: (isMore) => isMore }),
    Effect.andThen(session.whenOver, Effect.fail(new Session.SessionOver()))
  )
  yield* Effect.ensuring(
    read,
    Effect.ignore(session.call(channel, operation, (api) => api.consumers.delete(stream.name, name)))
  )
})

/** Why there is no more of a batch, though there may be more messages. */
type Stopped = readonly [code: number, problem: string]

/** No more messages, or not as many as were asked for. */
const isEnd = (code: number): boolean => code === 404 || code === 408

/**
 * Reads one batch, and says whether there is more. What is not read for another reason than that there is nothing more
 * may be stored: whoever took it for the end would store it a second time, or store behind a successor.
 */
const pull = (
  session: Session.Session,
  stream: string,
  consumer: string,
  to: number,
  take: (entry: Entry) => void
): Effect.Effect<boolean, Stopped> =>
  Effect.callback<boolean, Stopped>((resume) => {
    const inbox = createInbox()
    let left = batch
    // we are told in a later turn that the session is over
    if (session.client.isClosed()) return
    const done = (outcome: Effect.Effect<boolean, Stopped>) => {
      subscription.unsubscribe()
      resume(outcome)
    }
    const subscription = session.client.subscribe(inbox, {
      callback: (error, message) => {
        if (error !== null) return done(Effect.fail([0, error.message]))
        const incoming = new OfClient(message)
        const meta = delivery.metaOf(incoming.reply)
        if (meta === undefined) {
          const { code = 0, description = "" } = message.headers ?? {}
          return done(isEnd(code) ? Effect.succeed(false) : Effect.fail([code, description || "no answer"]))
        }
        if (meta.sequence <= to) take(entry(meta.sequence, incoming.headers))
        if (meta.sequence >= to) return done(Effect.succeed(false))
        // when the last ones were removed meanwhile there is no more of this batch: the next one says so
        if (--left === 0 || meta.pending === 0) done(Effect.succeed(true))
      }
    })
    session.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`, JSON.stringify({ batch, no_wait: true }), {
      reply: inbox
    })
    return Effect.sync(() => subscription.unsubscribe())
  })

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
