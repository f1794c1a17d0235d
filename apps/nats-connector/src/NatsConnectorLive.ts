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

const ingress = Effect.fnUntraced(function*(
  stream: Opened
): Effect.fn.Return<Delivery.Source<BrokerError>, BrokerError, Brokers | Events.Events | Scope.Scope> {
  const { broker, credentials, queue, subject } = stream.parameters
  const outside = yield* (yield* Brokers).get(broker, credentials)
  const subscription = yield* outside.subscribe(subject, { queue })
  yield* reportDrops({ streamId: stream.id, subject, subscription })
  yield* Effect.logDebug("subscribed outside")
  return Delivery.lossy(subscription.payloads, { drain: subscription.drain })
}, annotated)

const egress = Effect.fnUntraced(function*(
  stream: Opened
): Effect.fn.Return<Delivery.Sink<BrokerError>, BrokerError, Brokers | Scope.Scope> {
  const { broker, credentials, queue, subject } = stream.parameters
  if (/(?:^|\.)[*>](?:\.|$)/.test(subject)) {
    return yield* new NotForEgress({ parameter: "subject", value: subject, problem: "want one without wildcards" })
  }
  if (subject.startsWith("$")) {
    return yield* new NotForEgress({ parameter: "subject", value: subject, problem: "\"$\" is the broker's own" })
  }
  if (queue !== undefined) {
    return yield* new NotForEgress({ parameter: "queue", value: queue, problem: "only subscribers have queue groups" })
  }
  const outside = yield* (yield* Brokers).get(broker, credentials)
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
export const layer: Layer.Layer<
  Connector.Implemented<"natsconnector">,
  never,
  Brokers | LogLevels | Events.Events
> = NatsConnector.toLayer(Effect.gen(function*() {
  const config = yield* NatsConnector.Config
  const levels = yield* LogLevels
  yield* config.changes.pipe(
    Stream.runForEach(({ log_level }) => levels.set(log_level)),
    Effect.forkScoped
  )
  return { ingress, egress }
}))
