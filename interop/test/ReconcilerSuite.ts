import { assert, type Vitest } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import { Lease } from "@kps/server"
import { Documents, EventHistory, Kind, ProcessGuard, Reconciler } from "@kps/service-domain"
import { Effect, Layer, Option, Schedule, Schema } from "effect"
import * as Peer from "./Peer.ts"

const id = "i-1"

/** Waits until it is so; dies with what it was last. */
const until = <A, E, R>(effect: Effect.Effect<A, E, R>, is: (value: A) => boolean): Effect.Effect<A, E, R> => {
  let last: unknown
  return Effect.tap(effect, (value) => Effect.sync(() => last = value)).pipe(
    Effect.repeat({ until: is, schedule: Schedule.spaced("20 millis") }),
    Effect.timeoutOrElse({
      duration: "45 seconds",
      orElse: () => Effect.die(new Error(`it never was so; last: ${JSON.stringify(last)}`))
    })
  )
}

const create = Effect.fnUntraced(function*(kind: Kind.Kind, document: object) {
  const value = yield* Kind.doors[kind].decode(document) as Effect.Effect<Kind.Values[Kind.Kind], Error>
  yield* Documents.Documents.use((documents) => documents.create(kind, value))
})

const update = Effect.fnUntraced(function*(kind: Kind.Kind, id: string, document: object) {
  const value = yield* Kind.doors[kind].decode(document) as Effect.Effect<Kind.Values[Kind.Kind], Error>
  yield* Documents.Documents.use((documents) => documents.update(kind, id, value))
})

const stream = (id: string, metadata: object) => ({
  id,
  name: id,
  connectorInstanceID: "i-1",
  direction: "EGRESS",
  stream: metadata
})

const seed = Effect.gen(function*() {
  const anything = { type: "object" }
  yield* create("serviceDomain", { id: "sd-1", name: "plant" })
  yield* create("project", {
    id: "p-1",
    name: "project",
    description: "",
    users: [],
    cloudCredentialIds: [],
    dockerProfileIds: [],
    edgeSelectorType: "Explicit",
    edgeIds: ["sd-1"]
  })
  yield* create("connectorClass", {
    id: "c-1",
    name: "original",
    connectorVersion: "1.0",
    type: "BIDIRECTIONAL",
    staticParameterSchema: anything,
    configParameterSchema: anything,
    streamParameterSchema: anything,
    yamlData: yaml
  })
  yield* create("connectorInstance", { id, name: "i", connectorClassID: "c-1", projectId: "p-1" })
  yield* create("connectorConfig", { id: "cfg", name: "cfg", connectorInstanceID: "i-1", config: { a: 1, b: 2 } })
  yield* create("connectorStream", stream("x", { subject: "x" }))
  yield* create("connectorStream", stream("y", { subject: "y" }))
})

const yaml = `apiVersion: apps/v1
kind: Deployment
metadata: { name: original }
spec:
  selector: { matchLabels: { app: original } }
  template:
    metadata: { labels: { app: original } }
    spec:
      containers: [{ name: original, image: original, ports: [{ containerPort: 8000 }] }]
---
apiVersion: v1
kind: Service
metadata: { name: original-svc }
spec:
  selector: { app: original }
  ports: [{ port: 9000, targetPort: 8000 }]
`

/** Registers a service domain's part with a connector on the original SDK, with each way of errors. */
export const suite = (it: Vitest.MethodsNonLive<Peer.Peer>): void => {
  for (const errors of ["original", "inBand", "grpc"]) {
    it.effect(`keeps it at what the documents say, with ${errors} errors`, () =>
      Effect.gen(function*() {
        const peer = yield* Peer.Peer
        const process = yield* peer.start(["serve", "-id", id, "-errors", errors])
        const { address: endpoint } = yield* process.next("listening", Schema.Struct({ address: Schema.String }))
        const store = Layer.mergeAll(
          Documents.layerMemory,
          EventHistory.layerMemory(),
          Lease.layerMemory({ instance: "sd-1" }),
          ProcessGuard.layer({ grace: "1 second" }),
          ConnectorClient.layer({ endpoint, connectorId: id })
        )
        const reconciler = Reconciler.layer({
          serviceDomain: "sd-1",
          connectors: { original: { _tag: "Endpoint", endpoint } },
          scrapeInterval: "50 millis",
          resyncInterval: "1 second"
        })
        yield* Effect.gen(function*() {
          const instance = Effect.map(
            Reconciler.Reconciler.use((reconciler) => reconciler.instance(id)),
            Option.getOrUndefined
          )
          const has = ConnectorClient.ConnectorClient.use(({ getStreams }) => getStreams).pipe(
            Effect.map((streams) =>
              streams.map(({ id, metadata }) => `${id}: ${JSON.stringify(metadata?.["subject"])}`).join().replaceAll(
                "\"",
                ""
              )
            )
          )
          const config = ConnectorClient.ConnectorClient.use(({ getConfig }) => getConfig)
          const history = EventHistory.EventHistory.use((history) => history.query({ path: "/" }))
          const named = (name: string, state: string) =>
            until(history, (events) =>
              events.some((event) => event.properties?.["name"] === name && event.state === state))

          yield* seed
          yield* until(has, (has) =>
            has === "x: x,y: y")
          const view = yield* until(instance, (view) => view?.status === "RUNNING")
          // it never says which streams run
          assert.deepStrictEqual(view?.streams.map(({ subscribed }) => subscribed), [undefined, undefined])
          yield* named("streamStarted", "PROVISIONED")

          yield* update("connectorStream", "x", stream("x", { subject: "other" }))
          yield* until(has, (has) => has === "x: other,y: y")
          yield* update("connectorConfig", "cfg", {
            name: "cfg",
            connectorInstanceID: "i-1",
            config: { b: 3 }
          })
          yield* until(config, (config) => config["b"] === 3)
          assert.strictEqual((yield* config)["a"], null)

          yield* create("connectorStream", stream("z", { refuse: { code: "UNAVAILABLE", message: "away" } }))
          yield* until(instance, (view) =>
            view?.cause?.includes("away") === true || (view?.streams ?? []).some(
              ({ cause }) => cause?.includes("away")
            ))
          yield* named("transportSubscribeFailed", "FAILED")
          yield* update("connectorStream", "z", stream("z", { subject: "z" }))
          yield* until(has, (has) => has === "x: other,y: y,z: z")
          yield* until(instance, (view) => view?.status === "RUNNING")

          for (const id of ["x", "y", "z"]) {
            yield* Documents.Documents.use((documents) => documents.delete("connectorStream", id))
          }
          yield* until(has, (has) => has === "")
          // events without a time, scraped twenty times a second: one of each
          const events = yield* history
          const started = events.filter(({ properties }) => properties?.["name"] === "streamStarted")
          assert.deepStrictEqual(started.map(({ path }) => path.slice(-1)).toSorted(), ["x", "y", "z"])
        }).pipe(Effect.provide(Layer.provideMerge(reconciler, store)))
      }).pipe(Effect.scoped))
  }
}
