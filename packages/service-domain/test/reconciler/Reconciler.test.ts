import { assert, layer } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import { Bucket, Lease, Sessions } from "@kps/server"
import * as JetStreamBuckets from "@kps/server/JetStreamBuckets"
import { NatsTransport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { connect } from "@nats-io/transport-node"
import { Context, Effect, Equal, Exit, Layer, Option, Scope } from "effect"
import { vi } from "vitest"
import * as Documents from "../../src/documents/Documents.ts"
import type * as Event from "../../src/events/Event.ts"
import * as EventHistory from "../../src/events/EventHistory.ts"
import * as LocalProcess from "../../src/reconciler/LocalProcess.ts"
import * as ProcessGuard from "../../src/reconciler/ProcessGuard.ts"
import * as Reconciler from "../../src/reconciler/Reconciler.ts"
import * as documents from "../support/documents.ts"
import { domain, instance, isAlive, isRunning, natsConnector, reconciler, seed, store, until } from "./support.ts"

const command = (command: string) => ({ natsconnector: { _tag: "Command", command } as const })

const alerts = EventHistory.EventHistory.use((history) => history.current({ path: "/", keys: { type: "ALERT" } }))

const history = EventHistory.EventHistory.use((history) => history.query({ path: "/", keys: { type: "ALERT" } }))

/** The latest alert of a name that was in this state, once there is one. */
const alert = (name: string, state: string) => {
  const find = (events: ReadonlyArray<Event.Event>) =>
    events.find((event) => event.properties?.["name"] === name && event.state === state)
  return Effect.map(until(history, (events) => find(events) !== undefined), find)
}

// processes are started, which takes its time on a loaded machine
vi.setConfig({ testTimeout: 60_000 })

layer(NatsServer.layer(), { excludeTestServices: true })(NatsServer.suiteName("Reconciler"), (it) => {
  it.effect("runs the streams of an instance in a process, follows its documents, and ends it with itself", () =>
    Effect.gen(function*() {
      const all = yield* Documents.Documents
      yield* seed
      const pid = yield* Effect.gen(function*() {
        const first = yield* until(instance(), isRunning)
        assert.deepStrictEqual(first?.streams.map(({ channel, direction, id }) => [id, direction, channel]), [
          ["s-in", "INGRESS", "kps.stream.s-in"],
          ["s-out", "EGRESS", "kps.stream.s-out"]
        ])
        const statuses = yield* until(
          EventHistory.EventHistory.use((history) => history.current({ path: "/", keys: { type: "STATUS" } })),
          (events) => events.length >= 2
        )
        assert.include(
          statuses.map(({ path }) => path),
          "/serviceDomain:sd-1/project:p-1/connectorInstance:i-1/connectorStream:s-in"
        )

        yield* all.delete("connectorStream", "s-in")
        yield* until(instance(), (view) => view?.streams.length === 1 && isRunning(view))
        yield* all.delete("connectorStream", "s-out")
        yield* until(instance(), (view) => view?.streams.length === 0 && isRunning(view))
        return first!.pid!
      }).pipe(Effect.provide(reconciler({ connectors: command(natsConnector) })))

      assert.isFalse(isAlive(pid))
    }).pipe(Effect.provide(store)))

  it.effect("starts a connector that was killed again, with all of its streams, and keeps what it wrote", () =>
    Effect.gen(function*() {
      yield* seed
      const first = yield* until(instance(), isRunning)
      process.kill(-first!.pid!, "SIGKILL")
      const raised = yield* alert("connectorEnded", "FAILED")
      const second = yield* until(instance(), (view) => view?.pid !== first!.pid && isRunning(view))

      assert.strictEqual(raised?.message, "the connector has ended by SIGKILL")
      assert.strictEqual(second?.restarts, 1)
      yield* alert("connectorEnded", "HEALTHY")
      const reconciling = yield* Reconciler.Reconciler
      const lines = Option.getOrThrow(yield* reconciling.logs("i-1"))
      assert.isTrue(lines.some(({ source, text }) => source === "stderr" && text.includes("connector is ready")))
      assert.deepStrictEqual(
        lines.filter(({ source }) => source === "system").map(({ text }) => text.replace(/\d{2,}/g, "N")),
        [
          "started as process N, to serve on N.0.0.1:N",
          "the connector has ended by SIGKILL",
          "started as process N, to serve on N.0.0.1:N"
        ]
      )
    }).pipe(Effect.provide(domain({ connectors: command(natsConnector) }))))

  it.effect("says why a command does not serve, and goes on trying", () =>
    Effect.gen(function*() {
      yield* seed
      const failing = yield* until(instance(), (view) => view?.status === "FAILING" && view.restarts >= 2)
      assert.strictEqual(failing?.cause, "the connector has ended with status 3")

      const reconciling = yield* Reconciler.Reconciler
      const lines = Option.getOrThrow(yield* reconciling.logs("i-1"))
      assert.include(lines.map(({ text }) => text), "no such thing")
    }).pipe(
      Effect.provide(domain({ connectors: command("echo no such thing >&2; exit 3") }))
    ))

  it.effect("lets no stream suffer from another one that the connector refuses", () =>
    Effect.gen(function*() {
      const all = yield* Documents.Documents
      yield* seed
      // The class does not say what its connector wants of a subject.
      yield* documents.update(all, "connectorClass", "c-1", {
        ...documents.connectorClass,
        streamParameterSchema: { type: "object" }
      })
      yield* documents.create(all, "connectorStream", {
        ...documents.ingress,
        id: "s-bad",
        name: "bad",
        stream: { ...documents.ingress.stream, subject: "two words" }
      })
      const view = yield* until(instance(), (view) =>
        view?.status === "RUNNING" && view.streams.length === 3 && view.streams.every(({ subscribed }) =>
          subscribed !== undefined
        ) && view.streams.filter(({ subscribed }) =>
            subscribed
          ).length === 2)
      const refused = yield* alert("streamRefused", "FAILED")

      const bad = view?.streams.find(({ id }) => id === "s-bad")
      assert.isFalse(bad?.subscribed)
      assert.match(bad?.cause ?? "", /^metadata\.subject: /)
      assert.strictEqual(refused?.message, bad?.cause)
      assert.match(refused?.path ?? "", /connectorStream:s-bad$/)

      const { url: broker } = yield* NatsServer.NatsServer
      yield* documents.update(all, "connectorStream", "s-bad", {
        ...documents.ingress,
        id: "s-bad",
        name: "bad",
        stream: { subject: "one-word", broker }
      })
      yield* until(instance(), isRunning)
      yield* alert("streamRefused", "HEALTHY")
    }).pipe(Effect.provide(domain({ connectors: command(natsConnector) }))))

  it.effect("runs an instance in one of two processes on a store, and in the other one when that is silent or ends", () =>
    Effect.gen(function*() {
      yield* seed
      const buckets = yield* Layer.build(Bucket.layerMemory)
      const start = (connectors: Reconciler.Options["connectors"]) =>
        Effect.gen(function*() {
          const scope = yield* Scope.make()
          const leases = Lease.layer.pipe(
            Layer.provide(Sessions.layer({ instance: "sd-1" })),
            Layer.provide(Layer.succeedContext(buckets)),
            Layer.fresh
          )
          const context = yield* Layer.buildWithScope(
            Layer.fresh(reconciler({ connectors })).pipe(Layer.provide(leases)),
            scope
          )
          return { view: Effect.provide(instance(), context), end: Scope.close(scope, Exit.void) }
        })
      const first = yield* start(command(natsConnector))
      const { pid } = (yield* until(first.view, isRunning))!
      const second = yield* start(command(natsConnector))
      const idle = yield* start({})
      yield* until(second.view, (view) => view?.status === "STANDBY")
      yield* until(idle.view, (view) => view?.status === "STANDBY")
      assert.deepStrictEqual((yield* alerts).map(({ properties }) => properties?.["name"]), [])

      // as the others do with one of which they hear nothing any more
      const bucket = Context.get(buckets, Bucket.Buckets).open("leases")
      const [held] = yield* bucket.list("lease.>")
      const [, session] = /"session":"([^"]+)"/.exec(new TextDecoder().decode(held?.value)) ?? []
      yield* bucket.remove(`session.sd-1.${session}`)
      const { pid: next } = (yield* until(second.view, isRunning))!
      yield* until(first.view, (view) => view?.status === "STANDBY")
      assert.isFalse(isAlive(pid!))
      assert.isTrue(isAlive(next!))

      yield* second.end
      assert.isFalse(isAlive(next!))
      yield* until(first.view, isRunning)
      yield* first.end
      yield* idle.end
    }).pipe(Effect.scoped, Effect.provide(store)))

  it.effect("tells a connector by address, leaves it alone at its own end, and stops its streams when it leaves", () =>
    Effect.gen(function*() {
      const all = yield* Documents.Documents
      yield* seed
      const { url } = yield* NatsServer.NatsServer
      const served = yield* LocalProcess.start({
        command: natsConnector,
        env: { CONNECTOR_INSTANCE_ID: "i-1", NATS_BROKER: url },
        grace: "10 seconds",
        onOutput: () => {}
      }).pipe(Effect.provide(ProcessGuard.layer({ grace: "10 seconds" })))
      const connectors = { nats: { _tag: "Endpoint", endpoint: served.endpoint } as const }
      const subscribed = ConnectorClient.ConnectorClient.use(({ getStreams }) => getStreams).pipe(
        Effect.map((streams) => streams.filter(({ subscribed }) => subscribed).map(({ id }) => id)),
        Effect.provide(ConnectorClient.layer({ endpoint: served.endpoint, connectorId: "i-1" }))
      )

      yield* Effect.provide(until(instance(), isRunning), reconciler({ connectors }))
      assert.deepStrictEqual(yield* subscribed, ["s-in", "s-out"])
      yield* Effect.gen(function*() {
        yield* until(instance(), isRunning)
        yield* documents.create(all, "serviceDomain", { id: "sd-2", name: "plant-2" })
        yield* documents.update(all, "project", "p-1", { ...documents.project, edgeIds: ["sd-2"] })
        yield* until(instance(), (view) => view === undefined)
      }).pipe(Effect.provide(reconciler({ connectors })))

      assert.deepStrictEqual(yield* subscribed, [])
    }).pipe(Effect.scoped, Effect.provide(store)))

  it.effect("says that there is no connector at an address, and waits for it", () =>
    Effect.gen(function*() {
      yield* seed
      const raised = yield* alert("connectorUnreachable", "FAILED")
      const view = yield* until(instance(), (view) => view?.status === "FAILING")

      assert.match(view?.cause ?? "", /^cannot reach a connector at 127\.0\.0\.1:1: /)
      assert.strictEqual(raised?.message, view?.cause)
      assert.strictEqual(view?.endpoint, "127.0.0.1:1")
    }).pipe(
      Effect.provide(domain({ connectors: { natsconnector: { _tag: "Endpoint", endpoint: "127.0.0.1:1" } } }))
    ))

  it.effect("says that it knows no connector of a class", () =>
    Effect.gen(function*() {
      yield* seed
      const view = yield* until(instance(), (view) => view?.status === "UNASSIGNED")
      const raised = yield* alert("connectorUnassigned", "FAILED")

      assert.match(view?.cause ?? "", /^no command and no address for connector class "natsconnector": start /)
      assert.strictEqual(raised?.message, view?.cause)
    }).pipe(Effect.provide(domain({}))))

  it.effect("passes messages from an ingress stream to the channel that it was assigned", () =>
    Effect.gen(function*() {
      yield* seed
      yield* until(instance(), isRunning)
      const { url } = yield* NatsServer.NatsServer
      const client = yield* Effect.acquireRelease(
        Effect.promise(() => connect({ servers: url })),
        (client) => Effect.promise(() => client.close())
      )
      const subscription = client.subscribe("kps.stream.s-in", { max: 1 })
      client.publish("nats_in", "hello")
      const frame = yield* Effect.promise(async () => {
        for await (const message of subscription) return message.string()
        return ""
      })

      assert.include(frame, "hello")
    }).pipe(
      Effect.scoped,
      Effect.provide(domain({ connectors: command(natsConnector) }))
    ))
})

layer(NatsServer.layer({ jetstream: true }), { excludeTestServices: true })(
  NatsServer.suiteName("Reconciler, with leases in JetStream"),
  (it) => {
    it.effect("keeps a connector running while the broker is away for longer than the lease lives", () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.NatsServer
        const sessions = Sessions.layer({ instance: "sd-1", timeToLive: "300 millis" })
        const leases = Lease.layer.pipe(
          Layer.provide(sessions),
          Layer.provide(JetStreamBuckets.layer()),
          Layer.provide(NatsTransport.layer({ servers: [server.url] }))
        )
        yield* Effect.gen(function*() {
          const all = yield* Documents.Documents
          const lease = yield* Lease.Lease
          yield* seed
          const before = yield* until(instance(), isRunning)
          const token = yield* lease.holder("connectorInstance.i-1")
          yield* server.kill()
          yield* Effect.sleep("2 seconds")
          yield* server.restart
          yield* until(
            Effect.option(lease.holder("connectorInstance.i-1")),
            (holder) => Option.isSome(holder) && Option.isSome(holder.value) && !Equal.equals(holder.value, token)
          )
          yield* all.delete("connectorStream", "s-in")
          const after = yield* until(instance(), (view) => view?.streams.length === 1 && isRunning(view))

          assert.strictEqual(after?.pid, before?.pid)
          assert.strictEqual(after?.restarts, 0)
        }).pipe(
          Effect.provide(
            reconciler({ connectors: command(natsConnector) }).pipe(
              Layer.provideMerge(Layer.mergeAll(Documents.layerMemory, EventHistory.layerMemory(), leases))
            )
          )
        )
      }))
  }
)
