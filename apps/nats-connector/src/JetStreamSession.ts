/**
 * JetStream on one connection to an outside broker: questions with typed errors, and the stream that is meant.
 *
 * The library is loaded when the first stream asks for it.
 */
import type { JetStreamClient, JetStreamManager, StreamInfo } from "@nats-io/jetstream"
import * as Effect from "effect/Effect"
import { BrokerLost, JetStreamFailed, StreamUnfit } from "./BrokerError.ts"
import type { JetStreamError } from "./BrokerError.ts"
import type { Connection } from "./Client.ts"

const library = Effect.promise(() => import("@nats-io/jetstream"))

/** How long JetStream has to answer. Shorter than SetPayload waits for a stream to start. */
const timeout = 3_000

/** There is no stream, consumer or message of that name or number. */
export const codes = { streamNotFound: 10059, consumerNotFound: 10014, noMessage: 10037 } as const

export interface Session {
  readonly broker: string
  readonly connection: Connection
  readonly jetStream: JetStreamClient
  /** Asks JetStream something; undefined for an error of one of these codes. */
  readonly ask: <A>(
    operation: string,
    question: (manager: JetStreamManager) => Promise<A>,
    absent?: ReadonlyArray<number>
  ) => Effect.Effect<A | undefined, JetStreamError>
}

/** Opens JetStream on a connection; asks nothing yet. */
export const open = Effect.fnUntraced(function*(
  broker: string,
  connection: Connection
): Effect.fn.Return<Session, JetStreamFailed> {
  const { JetStreamApiError, jetstreamManager } = yield* library
  const failed = (operation: string, problem: string) => new JetStreamFailed({ broker, operation, problem })
  const manager = yield* Effect.tryPromise({
    try: () => jetstreamManager(connection.client, { checkAPI: false, timeout }),
    catch: (cause) => failed("be opened", problemOf(cause))
  })
  return {
    broker,
    connection,
    jetStream: manager.jetstream(),
    ask: (operation, question, absent = []) =>
      Effect.tryPromise({ try: () => question(manager), catch: (cause) => ({ cause }) }).pipe(
        Effect.catch(({ cause }): Effect.Effect<undefined, JetStreamError> => {
          if (connection.client.isClosed()) return Effect.fail(new BrokerLost({ broker, cause }))
          if (cause instanceof JetStreamApiError && absent.includes(cause.code)) return Effect.undefined
          return Effect.fail(failed(operation, problemOf(cause)))
        })
      )
  }
})

/** What went wrong, as JetStream or the client says it. */
export const problemOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause)
  if (isUnanswered(cause)) return "it is not enabled there, or has no leader now"
  return cause.name === "TimeoutError" ? `no answer within ${timeout / 1_000} seconds` : cause.message
}

/** Whether nobody is there to answer. */
export const isUnanswered = (cause: unknown): boolean =>
  cause instanceof Error && (cause.name === "JetStreamNotEnabled" || /no responders/i.test(cause.message))

/** The stream that was named, or the only one that stores the subject. */
export const streamOf = Effect.fnUntraced(function*(
  { ask, broker }: Session,
  subject: string,
  name: string | undefined
): Effect.fn.Return<string, JetStreamError> {
  const look = `look for the stream of "${subject}"`
  if (name !== undefined) {
    const info = yield* ask(look, (manager) => manager.streams.info(name), [codes.streamNotFound])
    return info === undefined
      ? yield* new StreamUnfit({ broker, problem: `there is no stream "${name}"` })
      : name
  }
  const names = (yield* ask(look, (manager) => manager.streams.names(subject).next())) ?? []
  const [only] = names
  if (only === undefined) return yield* new StreamUnfit({ broker, problem: `no stream stores "${subject}"` })
  if (names.length === 1) return only
  const several = names.map((one) => `"${one}"`).join(", ")
  const problem = `several streams store "${subject}", say which by jetstream.stream: ${several}`
  return yield* new StreamUnfit({ broker, problem })
})

/** What the broker knows of a stream. */
export const infoOf = Effect.fnUntraced(function*(
  { ask, broker }: Session,
  stream: string
): Effect.fn.Return<StreamInfo, JetStreamError> {
  const info = yield* ask(`look at stream "${stream}"`, (manager) => manager.streams.info(stream), [
    codes.streamNotFound
  ])
  return info ?? (yield* new StreamUnfit({ broker, problem: `there is no stream "${stream}" any more` }))
})
