/**
 * Egress to a JetStream stream of an outside broker: confirmed, and stored once within its duplicate window.
 */
import { Delivery } from "@kps/connector"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import {
  type BrokerError,
  BrokerLost,
  MessageRefused,
  MessageTooLarge,
  StreamUnfit,
  SubjectDenied
} from "./BrokerError.ts"
import * as Session from "./JetStreamSession.ts"

export interface Options {
  readonly session: Effect.Effect<Session.Session, BrokerError>
  readonly subject: string
  /** What another stream would store is refused. */
  readonly stream: string | undefined
  /** For how long the stream knows the id of a message, in milliseconds; 0: it does not look at ids. */
  readonly duplicateWindowMillis: number
}

/** How long a message may go unanswered. */
const timeout = 5_000

const codes = {
  /** The message is larger than the stream takes. */
  tooLarge: 10054,
  /** Another stream than the one that was named. */
  otherStream: 10060
} as const

/**
 * Publishes each batch in order, with the id of each payload as `Nats-Msg-Id`; the stream's answers say what it stored.
 *
 * What the stream does not take of a batch is tried again, behind what it took.
 */
export const make = ({ duplicateWindowMillis, session, stream, subject }: Options): Delivery.Sink<BrokerError> => {
  const deliver = Effect.fnUntraced(function*(
    batch: ReadonlyArray<Delivery.Outgoing>
  ): Effect.fn.Return<Delivery.Outcome<BrokerError>, BrokerError> {
    const { broker, connection, jetStream } = yield* session
    const { client, maxPayloadBytes, refusals } = connection
    const refusedBefore = refusals(subject)
    // ids and what is expected are headers, and count
    const limit = maxPayloadBytes() - headerBytes
    const failed: Array<{ readonly index: number; readonly error: BrokerError }> = []
    const tooLarge = (byteLength: number, limit: number) => new MessageTooLarge({ broker, subject, byteLength, limit })
    const errorOf = (cause: unknown, byteLength: number): BrokerError => {
      const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined
      if (code === codes.tooLarge) return tooLarge(byteLength, limit)
      if (code === codes.otherStream) {
        return new StreamUnfit({ broker, problem: `another stream than "${stream}" stores "${subject}"` })
      }
      const problem = Session.isUnanswered(cause) ? "no stream stores the subject now" : Session.problemOf(cause)
      return new MessageRefused({ broker, subject, problem })
    }
    const answers: Array<Promise<unknown>> = []
    for (const [index, { id, payload }] of batch.entries()) {
      const { byteLength } = payload
      if (byteLength > limit) {
        failed.push({ index, error: tooLarge(byteLength, limit) })
        continue
      }
      const options = { msgID: id, timeout, ...stream === undefined ? {} : { expect: { streamName: stream } } }
      answers.push(
        jetStream.publish(subject, payload, options)
          .catch((cause: unknown) => failed.push({ index, error: errorOf(cause, byteLength) }))
      )
    }
    yield* Effect.promise(() => Promise.all(answers))
    if (failed.length === 0) return Delivery.delivered
    // none of those that were not confirmed is at fault then
    if (client.isClosed()) return yield* new BrokerLost({ broker, cause: "closed" })
    if (refusals(subject) > refusedBefore) {
      return yield* new SubjectDenied({ broker, subject, operation: "publish" })
    }
    return Delivery.failed(failed.toSorted((a, b) => a.index - b.index))
  })
  return Delivery.sinkPartial<BrokerError, never>({
    idempotent: duplicateWindowMillis > 0,
    ...duplicateWindowMillis > 0 ? { remembers: Duration.millis(duplicateWindowMillis) } : {},
    deliver,
    check: Effect.asVoid(session)
  })
}

/** For `Nats-Msg-Id` and `Nats-Expected-Stream` with their values. */
const headerBytes = 1_024
