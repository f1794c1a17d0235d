/**
 * The implementation: an outside subject to a channel, a channel to an outside subject.
 */
import { type Connector, Delivery } from "@kps/connector"
import type { Events } from "@kps/events"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Broker } from "./Broker.ts"
import { type BrokerError, type ConnectError, type JetStreamFailed, NotForEgress } from "./BrokerError.ts"
import { Brokers } from "./Brokers.ts"
import { reportDrops } from "./Drops.ts"
import * as JetStreamEgress from "./JetStreamEgress.ts"
import * as JetStreamIngress from "./JetStreamIngress.ts"
import * as JetStreamSession from "./JetStreamSession.ts"
import { LogLevels } from "./LogLevels.ts"
import { NatsConnector } from "./NatsConnector.ts"
import type * as Parameters from "./Parameters.ts"

type Opened = Connector.StreamOf<Parameters.Stream, Parameters.Config>

const annotated = <A, E, R>(effect: Effect.Effect<A, E, R>, { id, parameters }: Opened): Effect.Effect<A, E, R> =>
  Effect.annotateLogs(effect, { streamId: id, subject: parameters.subject, broker: parameters.broker })

/** JetStream on the connection of the moment. */
const sessionOf = (
  broker: string,
  outside: Broker
): Effect.Effect<JetStreamSession.Session, ConnectError | JetStreamFailed> => {
  let session: JetStreamSession.Session | undefined
  return Effect.flatMap(outside.connection, (connection) =>
    session?.connection === connection
      ? Effect.succeed(session)
      : Effect.tap(JetStreamSession.open(broker, connection), (opened) => {
        session = opened
        return Effect.void
      }))
}

const ingress = (instance: string) =>
  Effect.fnUntraced(function*(
    stream: Opened
  ): Effect.fn.Return<Delivery.Source<BrokerError>, BrokerError, Brokers | Events.Events | Scope.Scope> {
    const { broker, credentials, jetstream, queue, subject } = stream.parameters
    const outside = yield* (yield* Brokers).get(broker, credentials)
    if (jetstream !== undefined) {
      const session = yield* sessionOf(broker, outside)
      const read = jetstream.read === "resumable" ? JetStreamIngress.resumable : JetStreamIngress.acknowledged
      return yield* read({
        session,
        subject,
        parameters: jetstream,
        streamId: stream.id,
        durable: durableName(instance, stream.id)
      })
    }
    const subscription = yield* outside.subscribe(subject, { queue })
    yield* reportDrops({ streamId: stream.id, subject, subscription })
    yield* Effect.logDebug("subscribed outside")
    return Delivery.lossy(subscription.payloads, { drain: subscription.drain })
  }, annotated)

/** One for all replicas of an instance. What is no letter, digit, `-` or `_` is `=` and its bytes in hexadecimal. */
const durableName = (instance: string, streamId: string): string => `kps-${[instance, streamId].map(token).join("-")}`

const token = (text: string): string =>
  text.replaceAll(
    /[^-\w]/gu,
    (char) =>
      Array.from(new TextEncoder().encode(char), (byte) => `=${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(
        ""
      )
  )

/** What only an ingress stream may have, and this one was given. */
const notForEgress = ({ jetstream, queue, subject }: Parameters.Stream): NotForEgress | undefined => {
  if (/(?:^|\.)[*>](?:\.|$)/.test(subject)) {
    return new NotForEgress({ parameter: "subject", value: subject, problem: "want one without wildcards" })
  }
  if (subject.startsWith("$")) {
    return new NotForEgress({ parameter: "subject", value: subject, problem: "\"$\" is the broker's own" })
  }
  if (queue !== undefined) {
    return new NotForEgress({ parameter: "queue", value: queue, problem: "only subscribers have queue groups" })
  }
  const { durable, read = "acknowledged", start = "first" } = jetstream ?? {}
  if (read !== "acknowledged") {
    return new NotForEgress({ parameter: "jetstream.read", value: read, problem: "nothing is read outside" })
  }
  if (durable !== undefined) {
    return new NotForEgress({ parameter: "jetstream.durable", value: durable, problem: "nothing is read outside" })
  }
  return start === "first"
    ? undefined
    : new NotForEgress({ parameter: "jetstream.start", value: start, problem: "nothing is read outside" })
}

const egress = Effect.fnUntraced(function*(
  stream: Opened
): Effect.fn.Return<Delivery.Sink<BrokerError>, BrokerError, Brokers | Scope.Scope> {
  const unfit = notForEgress(stream.parameters)
  if (unfit !== undefined) return yield* unfit
  const { broker, credentials, jetstream, subject } = stream.parameters
  const outside = yield* (yield* Brokers).get(broker, credentials)
  if (jetstream !== undefined) {
    const session = sessionOf(broker, outside)
    const opened = yield* session
    const stream = yield* JetStreamSession.streamOf(opened, subject, jetstream.stream)
    const { config } = yield* JetStreamSession.infoOf(opened, stream)
    return JetStreamEgress.make({
      session,
      subject,
      stream: jetstream.stream,
      duplicateWindowMillis: config.duplicate_window / 1_000_000
    })
  }
  yield* outside.connected
  yield* Effect.logDebug("ready to publish outside")
  return Delivery.sinkPartial<BrokerError, never>({
    // core NATS has no ids: what is delivered again arrives again
    idempotent: false,
    deliver: (batch) => Effect.map(outside.publish(subject, batch.map((item) => item.payload)), Delivery.failed),
    check: outside.connected
  })
}, annotated)

/** As a layer; the config's log level is in force as soon as it changes. */
export const layer = (options: {
  /** The id of the connector instance. */
  readonly instance: string
}): Layer.Layer<Connector.Implemented<"natsconnector">, never, Brokers | LogLevels | Events.Events> =>
  NatsConnector.toLayer(Effect.gen(function*() {
    const config = yield* NatsConnector.Config
    const levels = yield* LogLevels
    yield* config.changes.pipe(
      Stream.runForEach(({ log_level }) => levels.set(log_level)),
      Effect.forkScoped
    )
    return { ingress: ingress(options.instance), egress }
  }))
