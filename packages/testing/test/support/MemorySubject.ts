import { type ConnectRouter, createRouterTransport, type Transport as Caller } from "@connectrpc/connect"
import { Events } from "@kps/events"
import { ConnectorServer } from "@kps/server"
import { Description, Pipeline, Subject } from "@kps/testing"
import { Transport } from "@kps/transport"
import * as TransportTest from "@kps/transport/testing/TransportTest"
import { Context, Duration, Effect, Latch, Layer, Logger, type Scope } from "effect"
import * as MemoryConnector from "./MemoryConnector.ts"
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
  /** What answers the calls. */
  readonly routes?: (routes: Routes) => Routes
  /** How it is called. Default: within this process. */
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
  streams: { ingress: sample, egress: { ...sample, throwing: { subject: "{stream}", throws: true } } },
  config: {
    default: { level: "INFO", discovery: "on" },
    valid: [{ level: "DEBUG" }],
    invalid: [{ metadata: { level: "LOUD" }, paths: ["level"] }],
    hangsDiscovery: { discovery: "hangs" },
    secret: { password: "{secret}" }
  }
}).pipe(Effect.orDie)

/** The memory connector with a mutation, in this scope. */
export const make = Effect.fnUntraced(function*(mutation: Mutation = {}) {
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
  const registry = yield* Events.make({ retention: "300 millis" })
  const served = yield* Layer.build(
    ConnectorServer.layerRoutes(MemoryConnector.MemoryConnector, {
      connectorId: "c-1",
      startTimeout: "700 millis",
      stopTimeout: "500 millis",
      discoverTimeout: "300 millis"
    }).pipe(
      Layer.provide([
        MemoryConnector.layer(world, mutation.hooks === undefined ? hooks : mutation.hooks(hooks, world)),
        Layer.succeed(Transport.Transport, mutation.transport === undefined ? gated : mutation.transport(gated)),
        Layer.succeed(Events.Events, mutation.events === undefined ? registry : mutation.events(registry))
      ]),
      Layer.provide(Logger.layer([logger]))
    )
  )
  const real = Context.get(served, ConnectorServer.ConnectorRoutes).routes
  const routes = mutation.routes === undefined ? real : mutation.routes(real)
  const caller = mutation.call === undefined
    ? createRouterTransport((router) => {
      routes(router)
    })
    : yield* mutation.call(routes)

  return Subject.Subject.of({
    description: yield* description,
    transport: caller,
    place: "this process",
    overSocket: mutation.call !== undefined,
    patience: { within: Duration.seconds(2), quiet: Duration.millis(60), longest: Duration.seconds(1) },
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
      flood: (stream) => Effect.sync(() => world.flood(stream)),
      open: Effect.sync(() => world.open),
      gate: { hold: Effect.asVoid(gate.close), release: Effect.asVoid(gate.open) },
      logs: Effect.sync(() => logs.join("\n"))
    }
  })
})

export const layer = (mutation: Mutation = {}): Layer.Layer<Subject.Subject> =>
  Layer.effect(Subject.Subject, make(mutation))
