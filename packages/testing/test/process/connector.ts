/**
 * A connector as a process, for the tests of the process door: between NATS subjects and channels. `MUTANT` names the
 * rule that it breaks.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Connector, Delivery, Failure } from "@kps/connector"
import { Events } from "@kps/events"
import { ConnectorServer } from "@kps/server"
import { NatsConnection, NatsTransport, Transport } from "@kps/transport"
import { Context, Effect, Exit, Layer, Queue, Schema, Stream } from "effect"

const mutant = process.env["MUTANT"] ?? ""

class Away extends Schema.TaggedError<Away>()("Away", { server: Schema.String }) {}

const Definition = Connector.make("process")({
  version: "1.0",
  description: "Moves payloads between NATS subjects and channels.",
  direction: "BIDIRECTIONAL",
  stream: Schema.Struct({ subject: Schema.String, server: Schema.String }),
  config: Schema.Struct({}),
  failures: { Away: Failure.retry({ code: "UNAVAILABLE", severity: "CRITICAL" }) }
})

const outside = Effect.fnUntraced(function*(server: string) {
  const services = yield* NatsTransport.make({ servers: [server] })
  return yield* Context.get(services, NatsConnection.NatsConnection).current
}, (effect, server) => Effect.mapError(effect, () => new Away({ server })))

const kept: Array<Uint8Array> = []

const implementation = Definition.toLayer(Effect.succeed({
  ingress: Effect.fnUntraced(function*({ parameters: { server, subject } }) {
    const client = yield* outside(server)
    const queue = yield* Queue.dropping<Uint8Array>(1_000)
    const subscription = client.subscribe(subject, {
      callback: (_, { data }) => {
        // several times over, so that it shows within seconds
        if (mutant === "keeps everything") kept.push(...Array.from({ length: 6 }, () => Buffer.from(data)))
        Queue.offerUnsafe(queue, data.slice())
      }
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => subscription.unsubscribe()))
    yield* Effect.promise(() => client.flush())
    return Delivery.lossy(Stream.fromQueue(queue))
  }),
  egress: Effect.fnUntraced(function*({ parameters: { server, subject } }) {
    const client = yield* outside(server)
    return Delivery.sink({
      idempotent: false,
      deliver: Effect.fnUntraced(function*(batch) {
        // so that there is always some of it in hand
        yield* Effect.sleep("10 millis")
        for (const { payload } of batch) client.publish(subject, payload)
        yield* Effect.promise(() => client.flush())
      })
    })
  })
}))

const watch = Layer.effectDiscard(Effect.gen(function*() {
  const transport = yield* Transport.Transport
  yield* Effect.forkScoped(Stream.runForEach(transport.statusChanges, ({ _tag }) =>
    Effect.sync(() => {
      if (mutant === "exits without its broker" && _tag === "Disconnected") process.exit(1)
    })))
}))

if (mutant === "exits at once") process.on("SIGTERM", () => process.exit(0))

const [, , port = "0"] = process.argv

ConnectorServer.layer(Definition, {
  connectorId: process.env["CONNECTOR_INSTANCE_ID"] ?? "",
  host: "127.0.0.1",
  port: Number(port)
}).pipe(
  Layer.merge(watch),
  Layer.provide([implementation, Events.layer]),
  Layer.provide(NatsTransport.layerEnv),
  Layer.launch,
  NodeRuntime.runMain({
    teardown: (exit, onExit) => onExit(Exit.isFailure(exit) && mutant !== "exits with 1" ? 0 : 1)
  })
)
