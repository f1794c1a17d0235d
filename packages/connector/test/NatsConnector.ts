import { Context, Effect, Schema, Stream } from "effect"
import { Connector, Delivery, Failure } from "../src/index.ts"

/** A whole connector as an author writes it, for the tests to type-check and run. */

export class BrokerUnreachable
  extends Schema.TaggedError<BrokerUnreachable>()("BrokerUnreachable", { broker: Schema.String })
{}
export class SubjectDenied extends Schema.TaggedError<SubjectDenied>()("SubjectDenied", { subject: Schema.String }) {}

export interface Msg {
  readonly data: Uint8Array
  readonly seq: number
}

export class Brokers extends Context.Service<Brokers, {
  readonly messages: (broker: string, subject: string) => Stream.Stream<ReadonlyArray<Msg>, BrokerUnreachable>
  readonly ackUpTo: (seq: number) => Effect.Effect<void, BrokerUnreachable>
  readonly open: (broker: string) => Effect.Effect<void, BrokerUnreachable>
  readonly close: (broker: string) => Effect.Effect<void>
  readonly publish: (
    subject: string,
    id: string,
    data: Uint8Array
  ) => Effect.Effect<void, BrokerUnreachable | SubjectDenied>
}>()("@kps/connector/test/NatsConnector/Brokers") {}

const LogLevel = Schema.Literals(["DEBUG", "INFO"]).pipe(
  Schema.withDecodingDefaultTypeKey(Effect.succeed("INFO" as const))
)

export const NatsConnector = Connector.make("natsconnector")({
  version: "1.0",
  description: "Moves messages between NATS subjects and data pipelines.",
  direction: "BIDIRECTIONAL",
  stream: Schema.Struct({ subject: Schema.String, broker: Schema.String }),
  config: Schema.Struct({ log_level: LogLevel }),
  failures: {
    BrokerUnreachable: Failure.retry({ code: "UNAVAILABLE", severity: "CRITICAL" }),
    SubjectDenied: Failure.halt({ code: "PERMISSION_DENIED", severity: "CRITICAL" })
  }
})

export const layer = NatsConnector.toLayer(Effect.gen(function*() {
  const brokers = yield* Brokers
  const config = yield* NatsConnector.Config
  yield* Effect.logDebug((yield* config.get).log_level)
  return {
    ingress: Effect.fnUntraced(function*({ parameters }) {
      yield* Effect.acquireRelease(brokers.open(parameters.broker), () => brokers.close(parameters.broker))
      return Delivery.acknowledged(
        brokers.messages(parameters.broker, parameters.subject).pipe(
          Stream.map((msgs) => ({
            payloads: [msgs[0]!.data, ...msgs.slice(1).map((m) => m.data)] as const,
            ack: brokers.ackUpTo(msgs[msgs.length - 1]!.seq)
          }))
        )
      )
    }),
    egress: Effect.fnUntraced(function*({ parameters, config }) {
      yield* config.changes.pipe(Stream.runForEach((c) => Effect.logDebug(c.log_level)), Effect.forkScoped)
      const own = yield* Brokers // not captured by the author: `toLayer` asks for it
      yield* own.open(parameters.broker)
      return Delivery.sinkPartial({
        idempotent: true,
        deliver: Effect.fnUntraced(function*(batch) {
          const failed = []
          for (const [index, item] of batch.entries()) {
            const result = yield* Effect.result(own.publish(parameters.subject, item.id, item.payload))
            if (result._tag === "Failure") failed.push({ index, error: result.failure })
          }
          return Delivery.failed(failed)
        })
      })
    })
  }
}))
