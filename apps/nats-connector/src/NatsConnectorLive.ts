/**
 * The implementation: an outside subject to a channel, a channel to an outside subject.
 */
import { type Connector, Delivery } from "@kps/connector"
import type { Events } from "@kps/events"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type BrokerError, NotForEgress } from "./BrokerError.ts"
import { Brokers } from "./Brokers.ts"
import { reportDrops } from "./Drops.ts"
import { LogLevels } from "./LogLevels.ts"
import { NatsConnector } from "./NatsConnector.ts"
import type * as Parameters from "./Parameters.ts"

type Opened = Connector.StreamOf<Parameters.Stream, Parameters.Config>

const annotated = <A, E, R>(effect: Effect.Effect<A, E, R>, { id, parameters }: Opened): Effect.Effect<A, E, R> =>
  Effect.annotateLogs(effect, { streamId: id, subject: parameters.subject, broker: parameters.broker })

/** What only streams with JetStream outside need. */
const overJetStream = Effect.promise(() => import("./OverJetStream.ts"))

const ingress = (instance: string) =>
  Effect.fnUntraced(function*(
    stream: Opened
  ): Effect.fn.Return<Delivery.Source<BrokerError>, BrokerError, Brokers | Events.Events | Scope.Scope> {
    const { broker, credentials, jetstream, queue, subject } = stream.parameters
    const outside = yield* (yield* Brokers).get(broker, credentials)
    if (jetstream !== undefined) {
      const { ingress } = yield* overJetStream
      return yield* ingress({ instance, streamId: stream.id, parameters: stream.parameters, jetstream, outside })
    }
    const subscription = yield* outside.subscribe(subject, { queue })
    yield* reportDrops({ streamId: stream.id, subject, subscription })
    yield* Effect.logDebug("subscribed outside")
    return Delivery.lossy(subscription.payloads, { drain: subscription.drain })
  }, annotated)

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

const egress = (instance: string) =>
  Effect.fnUntraced(function*(
    stream: Opened
  ): Effect.fn.Return<Delivery.Sink<BrokerError>, BrokerError, Brokers | Scope.Scope> {
    const unfit = notForEgress(stream.parameters)
    if (unfit !== undefined) return yield* unfit
    const { broker, credentials, jetstream, subject } = stream.parameters
    const outside = yield* (yield* Brokers).get(broker, credentials)
    if (jetstream !== undefined) {
      const { egress } = yield* overJetStream
      return yield* egress({ instance, streamId: stream.id, parameters: stream.parameters, jetstream, outside })
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
    return { ingress: ingress(options.instance), egress: egress(options.instance) }
  }))
