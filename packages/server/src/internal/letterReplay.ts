/** Publishes a dead letter to its channel once more, through the client itself. */
import { TransportCodec } from "@kps/idl"
import { JetStreamApiError } from "@nats-io/jetstream"
import { createInbox, headers as makeHeaders, type MsgHdrs, type Payload } from "@nats-io/transport-node"
import type { DeadLetter, Replayed } from "../DeadLetters.ts"
import type { Session } from "./letterStream.ts"

/** No stream has the subject. */
const noStream = 10059

/** What the client itself has put there, and must not find twice. */
const reserved = /^nats-/i

/** Fails with what the broker said; `undefined`: there is neither a subscriber nor a stream. */
export const publish = (
  session: Session,
  letter: DeadLetter
): Promise<Replayed["outcome"] | undefined> => {
  const { bytes, channel, key, kind, replays, timestampNanos } = letter
  const frame = kind === "frame" ? bytes : TransportCodec.encode(timestampNanos, [bytes])
  const headers = headersOf(letter)
  return session.manager.streams.find(channel).then(
    () =>
      session.js.publish(channel, frame, {
        msgID: `kps-replay-${key}-${replays + 1}`,
        ...(headers === undefined ? {} : { headers })
      }).then(({ duplicate }) => duplicate ? "repeated" : "stored"),
    (cause: unknown) => isAbsent(cause) ? overCore(session, channel, frame, headers) : Promise.reject(cause)
  )
}

const isAbsent = (cause: unknown): boolean =>
  cause instanceof JetStreamApiError
    ? cause.code === noStream
    : cause instanceof Error && cause.message === "no stream matches subject"

/**
 * The broker answers a message that asks for a reply at once when nobody is there to take it: before it answers the
 * ping that follows.
 */
const overCore = (
  { client }: Session,
  channel: string,
  frame: Payload,
  headers: MsgHdrs | undefined
): Promise<"sent" | undefined> => {
  const reply = createInbox()
  let taken = true
  const answers = client.subscribe(reply, {
    callback: (_error, message) => {
      if (message.headers?.code === 503) taken = false
    }
  })
  client.publish(channel, frame, { reply, ...(headers === undefined ? {} : { headers }) })
  return client.flush().then(() => taken ? "sent" as const : undefined).finally(() => answers.unsubscribe())
}

const headersOf = ({ headers }: DeadLetter): MsgHdrs | undefined => {
  const kept = headers.filter(([name]) => !reserved.test(name))
  if (kept.length === 0) return undefined
  const made = makeHeaders()
  for (const [name, value] of kept) made.append(name, value)
  return made
}
