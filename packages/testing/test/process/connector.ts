/**
 * A connector as a process, for the tests of the process door: between NATS subjects, or files, and channels. `MUTANT`
 * names the rule that it breaks. The positions of what it reads of files are kept by its broker, which has JetStream then.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Connector, Delivery, Failure } from "@kps/connector"
import { Events } from "@kps/events"
import { ConnectorServer, Positions } from "@kps/server"
import * as JetStreamBuckets from "@kps/server/JetStreamBuckets"
import { NatsConnection, NatsTransport, Transport } from "@kps/transport"
import { Context, Effect, Exit, Layer, Queue, Schedule, Schema, Stream } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Front from "./Front.ts"
import * as Platform from "./Platform.ts"
import * as Sources from "./Sources.ts"

const mutant = process.env["MUTANT"] ?? ""

class Away extends Schema.TaggedError<Away>()("Away", { server: Schema.String }) {}

const Definition = Connector.make("process")({
  version: "1.0",
  description: "Moves payloads between NATS subjects and channels.",
  direction: "BIDIRECTIONAL",
  stream: Schema.Struct({
    subject: Schema.String,
    server: Schema.String,
    // files in the folder `server`: one for each payload, or a line for each
    reads: Schema.optionalKey(Schema.Literals(["spool", "log"]))
  }),
  config: Schema.Struct({}),
  failures: { Away: Failure.retry({ code: "UNAVAILABLE", severity: "CRITICAL" }) }
})

const outside = Effect.fnUntraced(function*(server: string) {
  const services = yield* NatsTransport.make({ servers: [server] })
  const { current } = Context.get(services, NatsConnection.NatsConnection)
  // on a busy machine the first try takes more than the second that `make` waits for it
  return yield* Effect.retry(current, { times: 30, schedule: Schedule.spaced("100 millis") })
}, (effect, server) => Effect.mapError(effect, () => new Away({ server })))

const kept: Array<Uint8Array> = []

const file = Effect.fnUntraced(function*(reads: "spool" | "log", path: string) {
  if (reads === "spool") return Sources.spool(path, { early: mutant === "acknowledges what it reads" })
  if (mutant !== "saves the position of what it reads") return Sources.log(path)
  return yield* Sources.logThatSavesFirst(path)
})

const implementation = Definition.toLayer(Effect.succeed({
  ingress: Effect.fnUntraced(function*({ parameters: { reads, server, subject } }) {
    if (reads !== undefined) return yield* file(reads, join(server, subject))
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
const { CONNECTOR_INSTANCE_ID: connectorId = "", TLS_CERT: cert, TLS_CLIENT_CA: clientCa, TLS_KEY: key } = process.env

const files = cert === undefined || key === undefined || clientCa === undefined ? undefined : { cert, key, clientCa }
const leniency = files === undefined || !Front.isOf(mutant) ? undefined : { ...files, mutant, port: Number(port) }
const restarts = mutant === "starts anew with a new certificate"
const reload = restarts || mutant === "keeps its first certificate" ? "1 hour" : "100 millis"

const server = ConnectorServer.layer(Definition, {
  connectorId,
  host: "127.0.0.1",
  port: leniency === undefined ? Number(port) : 0,
  tls: files === undefined || leniency !== undefined ? undefined : { ...files, reload }
})

/** Ends when the certificate was replaced, for the one that starts anew then. */
const renewed = Effect.suspend(() => {
  if (cert === undefined || !restarts) return Effect.never
  const first = readFileSync(cert, "utf8")
  return Effect.sleep("100 millis").pipe(Effect.repeat({ while: () => readFileSync(cert, "utf8") === first }))
})

const served = leniency === undefined ? server : Layer.provideMerge(Front.layer(leniency), server)

served.pipe(
  Layer.merge(watch),
  Layer.provide([implementation, Events.layer]),
  Layer.provide(Layer.provide(Positions.layer, JetStreamBuckets.layer())),
  Layer.provide(Platform.layer(mutant)),
  Layer.provide(NatsTransport.layerEnv),
  Layer.launch,
  Effect.raceFirst(renewed),
  Effect.forever,
  NodeRuntime.runMain({
    teardown: (exit, onExit) => onExit(Exit.isFailure(exit) && mutant !== "exits with 1" ? 0 : 1)
  })
)
