/**
 * The implementation of streams with JetStream outside. Loaded when the first of them is opened.
 */
import type { Delivery } from "@kps/connector"
import type { Events } from "@kps/events"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createHash } from "node:crypto"
import type { Broker } from "./Broker.ts"
import type { BrokerError, ConnectError, JetStreamFailed } from "./BrokerError.ts"
import * as JetStreamEgress from "./JetStreamEgress.ts"
import * as JetStreamIngress from "./JetStreamIngress.ts"
import * as JetStreamSession from "./JetStreamSession.ts"
import type { JetStream, Stream } from "./Parameters.ts"

export interface Options {
  /** The id of the connector instance. */
  readonly instance: string
  readonly streamId: string
  readonly parameters: Stream
  readonly jetstream: JetStream
  readonly outside: Broker
}

/** JetStream on the connection of the moment. */
const sessionOf = ({
  outside,
  parameters: { broker }
}: Options): Effect.Effect<JetStreamSession.Session, ConnectError | JetStreamFailed> => {
  let session: JetStreamSession.Session | undefined
  return Effect.flatMap(outside.connection, (connection) =>
    session?.connection === connection
      ? Effect.succeed(session)
      : Effect.tap(JetStreamSession.open(broker, connection), (opened) => {
        session = opened
        return Effect.void
      }))
}

/** Opens a source as `read` says. */
export const ingress = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Delivery.Source<BrokerError>, BrokerError, Events.Events | Scope.Scope> {
  const { instance, jetstream, parameters: { subject }, streamId } = options
  const session = yield* sessionOf(options)
  const read = jetstream.read === "resumable" ? JetStreamIngress.resumable : JetStreamIngress.acknowledged
  return yield* read({ session, subject, parameters: jetstream, streamId, durable: durableName(instance, streamId) })
})

/** Opens a sink; fails while nothing stores the subject. */
export const egress = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Delivery.Sink<BrokerError>, BrokerError> {
  const { jetstream: { stream }, parameters: { subject } } = options
  const session = sessionOf(options)
  const opened = yield* session
  const { config } = yield* JetStreamSession.infoOf(opened, yield* JetStreamSession.streamOf(opened, subject, stream))
  return JetStreamEgress.make({ session, subject, stream, duplicateWindowMillis: config.duplicate_window / 1_000_000 })
})

/** One for all replicas of an instance, and no other's: `kps-<instance>+<stream>`. */
const durableName = (instance: string, streamId: string): string => {
  const name = `kps-${token(instance)}+${token(streamId)}`
  return name.length > 128 ? `kps-${createHash("sha256").update(name).digest("hex")}` : name
}

/** What is no letter, digit, `-` or `_` is `=` and its bytes in hexadecimal. */
const token = (text: string): string =>
  text.replaceAll(/[^-\w]/gu, (char) =>
    Array.from(
      new TextEncoder().encode(char),
      (byte) => `=${byte.toString(16).toUpperCase().padStart(2, "0")}`
    ).join(""))
