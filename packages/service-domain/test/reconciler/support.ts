/** A service domain's store in memory, a broker, and connectors as processes. */
import { Lease } from "@kps/server"
import { NatsServer } from "@kps/transport/testing/NatsServer"
import { Duration, Effect, Layer, Option, Schedule } from "effect"
import { fileURLToPath } from "node:url"
import * as Documents from "../../src/documents/Documents.ts"
import * as EventHistory from "../../src/events/EventHistory.ts"
import * as ProcessGuard from "../../src/reconciler/ProcessGuard.ts"
import * as Reconciler from "../../src/reconciler/Reconciler.ts"
import type { InstanceView } from "../../src/rest/OperatorViews.ts"
import * as documents from "../support/documents.ts"

const main = fileURLToPath(new URL("../../../../apps/nats-connector/dist/main.js", import.meta.url))

/** The connector of the documentation, as its bundle. */
export const natsConnector = `exec "${process.execPath}" "${main}"`

/** Waits until it is so, by the system's clock; dies with what it was last. */
export const until = <A, E, R>(effect: Effect.Effect<A, E, R>, is: (value: A) => boolean): Effect.Effect<A, E, R> => {
  let last: unknown
  return Effect.tap(effect, (value) => Effect.sync(() => last = value)).pipe(
    Effect.repeat({ until: is, schedule: Schedule.spaced("20 millis") }),
    Effect.timeoutOrElse({
      duration: Duration.seconds(45),
      orElse: () => Effect.die(new Error(`it never was so; last: ${JSON.stringify(last, undefined, 2)}`))
    })
  )
}

export const store = Layer.mergeAll(
  Documents.layerMemory,
  EventHistory.layerMemory(),
  Lease.layerMemory({ instance: "test" })
)

/** A reconciler that is quick, with the broker that is there. */
export const reconciler = (options: Partial<Reconciler.Options>) =>
  Layer.unwrap(Effect.map(NatsServer, ({ url }) =>
    Reconciler.layer({
      serviceDomain: "sd-1",
      scrapeInterval: "100 millis",
      resyncInterval: "1 second",
      ...options,
      env: { NATS_BROKER: url, ...options.env }
    }))).pipe(Layer.provide(ProcessGuard.layer({ grace: options.grace ?? "10 seconds" })))

/** The same with a store of its own. */
export const domain = (options: Partial<Reconciler.Options>) => Layer.provideMerge(reconciler(options), store)

/** The documents without a pipeline, with the streams' outside on the broker that is there. */
export const seed = Effect.gen(function*() {
  const all = yield* Documents.Documents
  const { url } = yield* NatsServer
  for (const [kind, document] of documents.all) {
    if (kind === "dataPipeline" || kind === "function") continue
    const its = "stream" in document ? { ...document, stream: { ...document.stream as object, broker: url } } : document
    yield* documents.create(all, kind, its)
  }
})

export const instance = (id = "i-1") =>
  Effect.map(Reconciler.Reconciler.use((reconciler) => reconciler.instance(id)), Option.getOrUndefined)

/** Whether everything of an instance runs. */
export const isRunning = (view: InstanceView | undefined): boolean =>
  view?.status === "RUNNING" && view.streams.every(({ subscribed }) => subscribed === true)

export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
