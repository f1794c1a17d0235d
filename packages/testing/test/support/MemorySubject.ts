import { type ConnectRouter, createRouterTransport, type Transport as Caller } from "@connectrpc/connect"
import { GrpcTransport } from "@kps/client"
import { Events } from "@kps/events"
import { ConnectorServer, Positions } from "@kps/server"
import * as Insight from "@kps/server/Insight"
import * as Metrics from "@kps/server/Metrics"
import { Description, Pipeline, Subject } from "@kps/testing"
import { Transport } from "@kps/transport"
import * as TransportTest from "@kps/transport/testing/TransportTest"
import { Context, Duration, Effect, Latch, Layer, Logger, Metric, Option, type Scope } from "effect"
import * as MemoryConnector from "./MemoryConnector.ts"
import * as Shipped from "./Shipped.ts"
import { World } from "./World.ts"

export type Routes = (router: ConnectRouter) => ConnectRouter

/** What of the connector under test is another than it should be. */
export interface Mutation {
  /** What the connector does with its outside. */
  readonly hooks?: (hooks: MemoryConnector.Hooks, world: World) => MemoryConnector.Hooks
  /** The transport as the connector sees it. */
  readonly transport?: (transport: Transport.Transport["Service"]) => Transport.Transport["Service"]
  /** The registry of events as the connector sees it. */
  readonly events?: (events: Events.Events["Service"]) => Events.Events["Service"]
  /** How the connector is served. */
  readonly options?: Partial<ConnectorServer.Options>
  /** What answers the calls. */
  readonly routes?: (routes: Routes) => Routes
  /** Whether it is served and called over a socket, as it is in a pod. Default: no. */
  readonly socket?: boolean
  /** What is shipped as its class. */
  readonly shipped?: (shipped: Shipped.Shipped) => Shipped.Shipped
  /** How the routes are called. Default: within this process. */
  readonly call?: (routes: Routes) => Effect.Effect<Caller, never, Scope.Scope>
}

const sample = {
  working: { subject: "{stream}" },
  unreachable: { subject: "{stream}", lost: true },
  invalid: [{ metadata: { subject: "a b", limit: 0 }, paths: ["subject", "limit"] as const }],
  failing: MemoryConnector.codes.map((code) => ({ metadata: { subject: "{stream}", fails: code }, code })),
  hanging: {
    open: { subject: "{stream}", hangs: "open" },
    run: { subject: "{stream}", hangs: "run" },
    stop: { subject: "{stream}", hangs: "stop" }
  },
  secret: { subject: "{stream}", token: "{secret}" }
}

const description = Description.decode("the memory connector", {
  id: "c-1",
  discovers: true,
  streams: {
    ingress: sample,
    egress: {
      ...sample,
      throwing: { subject: "{stream}", throws: true },
      refusing: { metadata: { subject: "{stream}", refuses: "refused" }, payload: "refused" }
    }
  },
  config: {
    default: { level: "INFO", discovery: "on", size: 1 },
    valid: [{ level: "DEBUG" }, { size: 7 }],
    invalid: [{ metadata: { level: "LOUD" }, paths: ["level"] }],
    hangsDiscovery: { discovery: "hangs" },
    secret: { password: "{secret}" }
  }
}).pipe(Effect.orDie)

/** The memory connector with a mutation, in this scope. */
export const make = Effect.fnUntraced(function*(
  mutation: Mutation = {}
): Effect.fn.Return<Subject.Subject["Service"], never, Scope.Scope> {
  const world = new World()
  const gate = Latch.makeUnsafe(true)
  const logs: Array<string> = []
  const logger = Logger.map(Logger.formatJson, (line) => {
    logs.push(line)
  })
  const hooks = MemoryConnector.hooks(world)
  const inner = yield* Layer.build(TransportTest.layer)
  const transport = Context.get(inner, Transport.Transport)
  const broker = Context.get(inner, TransportTest.TransportTest)
  const gated: Transport.Transport["Service"] = {
    ...transport,
    publishAll: (channel, messages) => Effect.andThen(gate.await, transport.publishAll(channel, messages)),
    publishConfirmed: (channel, messages) => Effect.andThen(gate.await, transport.publishConfirmed(channel, messages))
  }
  const positions = Context.get(yield* Layer.build(Positions.layerMemory), Positions.Positions)
  const registry = yield* Events.make({ retention: "2500 millis" })
  const options: ConnectorServer.Options = {
    connectorId: "c-1",
    host: "127.0.0.1",
    port: 0,
    startTimeout: "700 millis",
    stopTimeout: "500 millis",
    discoverTimeout: "300 millis",
    gracePeriod: "300 millis",
    delivery: { all: { horizon: "300 millis" } },
    ...mutation.options
  }
  const { MemoryConnector: connector } = MemoryConnector
  const served = yield* Layer.build(
    (mutation.socket === true
      ? ConnectorServer.layer(connector, options)
      : Layer.merge(
        ConnectorServer.layerRoutes(connector, options),
        Layer.succeed(ConnectorServer.ConnectorServer, { host: "nowhere", port: 0 })
      )).pipe(
        Layer.provide([
          MemoryConnector.layer(world, mutation.hooks === undefined ? hooks : mutation.hooks(hooks, world)),
          Layer.succeed(Transport.Transport, mutation.transport === undefined ? gated : mutation.transport(gated)),
          Layer.succeed(Positions.Positions, positions),
          Layer.succeed(Events.Events, mutation.events === undefined ? registry : mutation.events(registry))
        ]),
        Layer.provideMerge(Metrics.layer),
        Layer.provideMerge(Insight.layer),
        Layer.provide(Logger.layer([logger]))
      )
  ).pipe(Effect.orDie)
  const real = Context.get(served, ConnectorServer.ConnectorRoutes).routes
  const routes = mutation.routes === undefined ? real : mutation.routes(real)
  const caller = mutation.socket === true
    ? yield* GrpcTransport.make({
      endpoint: `127.0.0.1:${Context.get(served, ConnectorServer.ConnectorServer).port}`,
      readMaxBytes: 64 << 20
    }).pipe(Effect.orDie)
    : mutation.call === undefined
    ? createRouterTransport((router) => {
      routes(router)
    })
    : yield* mutation.call(routes)
  /** As an exporter of metrics reads them. */
  const counter = (name: string, streamId: string): number => {
    const found = Metric.snapshotUnsafe(served).find(({ attributes, id }) =>
      id === name && attributes?.["stream_id"] === streamId
    )
    return found?.type === "Counter" ? Number(found.state.count) : 0
  }

  const savedOf = (streamId: string) => Effect.orDie(positions.get("c-1", streamId))

  return Subject.Subject.of({
    description: yield* description,
    transport: caller,
    place: mutation.socket === true
      ? `127.0.0.1:${Context.get(served, ConnectorServer.ConnectorServer).port}`
      : "this process",
    overSocket: mutation.call !== undefined || mutation.socket === true,
    overTls: false,
    patience: {
      within: Duration.seconds(2),
      quiet: Duration.millis(60),
      longest: Duration.seconds(2),
      forgotten: Duration.seconds(4),
      away: Duration.zero,
      call: Duration.seconds(4),
      start: Duration.seconds(4),
      renewal: Duration.seconds(4),
      redelivery: Duration.seconds(4)
    },
    pipeline: Pipeline.make(transport, (channel, frame, times) =>
      Effect.gen(function*() {
        for (let n = 0; n < times; n++) yield* broker.inject(channel, frame)
      })),
    outside: {
      feed: (stream, payloads) => Effect.sync(() => world.feed(stream, payloads)),
      observe: (stream) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            const texts: Array<string> = []
            world.at(stream).seen.add(texts)
            return texts
          }),
          (texts) => Effect.sync(() => world.at(stream).seen.delete(texts))
        ).pipe(Effect.map((texts) => ({ texts: () => texts }))),
      faults: { break: world.leave, mend: world.back },
      pause: { hold: world.hold, release: world.release },
      tries: (stream) => world.at(stream).tries
    },
    broker: { leave: broker.disconnect, back: broker.reconnect },
    probes: {
      pulled: (stream) => world.at(stream).pulled,
      acknowledged: (stream) => world.at(stream).acknowledged,
      keeps: true,
      positions: {
        metadata: { subject: "{stream}", resumes: true },
        get: (streamId) => Effect.map(savedOf(streamId), Option.map(({ position }) => position)),
        set: (streamId, position) =>
          savedOf(streamId).pipe(
            Effect.map(Option.match({ onNone: () => 0, onSome: ({ revision }) => revision })),
            Effect.flatMap((revision) => positions.set("c-1", streamId, { position, parameters: {} }, revision)),
            Effect.orDie
          ),
        wrong: { "from the future": { next: 1_000 }, "another's": { offset: 3 }, "damaged": "\uFFFD" }
      },
      flood: (stream) => Effect.sync(() => world.flood(stream)),
      open: Effect.sync(() => world.open),
      gate: { hold: Effect.asVoid(gate.close), release: Effect.asVoid(gate.open) },
      counters: (streamId) =>
        Effect.sync(() => ({
          received: counter("kps_stream_messages_received_total", streamId),
          handedOn: counter("kps_stream_messages_published_total", streamId) +
            counter("kps_stream_messages_delivered_total", streamId),
          malformed: counter("kps_stream_frames_malformed_total", streamId)
        })),
      logs: Effect.sync(() => logs.join("\n")),
      shipped: mutation.shipped === undefined ? Shipped.shipped : mutation.shipped(Shipped.shipped)
    }
  })
})

export const layer = (mutation: Mutation = {}): Layer.Layer<Subject.Subject> =>
  Layer.effect(Subject.Subject, make(mutation))
