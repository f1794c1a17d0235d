/**
 * How a service domain does with many streams: `node bench/dist/scale.js [INSTANCES] [STREAMS]`.
 *
 * A whole one, with a nats-server of its own and a process for each connector instance, by its REST API, as a tool uses
 * it. There is no peer: what counts is whether it stays usable, so the figures are times.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { type OperatorViews, RestServer, ServiceDomain } from "@kps/service-domain"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Console, Context, Effect, Layer, Redacted, References, Schedule } from "effect"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Machine from "./engine/Machine.ts"
import { quantile } from "./engine/Statistics.ts"

const [instances = 20, streams = 1_000] = process.argv.slice(2).map(Number)
const token = "a-token-of-the-bench"
const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const connector = `exec "${process.execPath}" "${file("../../apps/nats-connector/dist/main.js")}"`

const caller = (url: string) => (method: string, path: string, body?: object) =>
  Effect.promise(async () => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    const answer = await response.json()
    if (response.status !== 200) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`)
    return answer
  })
type Call = ReturnType<typeof caller>

const millis = (n: number): string =>
  n < 10 ? `${n.toFixed(1)} ms` : n < 10_000 ? `${Math.round(n)} ms` : `${(n / 1_000).toFixed(1)} s`

/** Runs all of them, some at a time, and tells how long they took, together and each. */
const timed = <A>(
  what: string,
  items: ReadonlyArray<A>,
  concurrency: number,
  run: (item: A) => Effect.Effect<unknown>
) =>
  Effect.gen(function*() {
    const each: Array<number> = []
    const start = performance.now()
    yield* Effect.forEach(items, (item) =>
      Effect.suspend(() => {
        const begun = performance.now()
        return Effect.tap(run(item), () => Effect.sync(() => each.push(performance.now() - begun)))
      }), { concurrency, discard: true })
    const all = performance.now() - start
    yield* Console.log(
      `${what}: ${items.length} in ${millis(all)}, ${concurrency} at a time; each p50 ${
        millis(quantile(each, 0.5))
      }, ` +
        `p99 ${millis(quantile(each, 0.99))}`
    )
  })

// one cast: what the API says
const overview = (call: Call) => call("GET", "/kps/v1/overview") as Effect.Effect<OperatorViews.Overview>

const running = ({ instances }: OperatorViews.Overview): number =>
  instances.reduce((sum, { streams }) => sum + streams.filter(({ subscribed }) => subscribed).length, 0)

const waited = (what: string, call: Call, start: number, is: (overview: OperatorViews.Overview) => boolean) =>
  Effect.repeat(overview(call), { until: is, schedule: Schedule.spaced("100 millis") }).pipe(
    Effect.timeout("5 minutes"),
    Effect.andThen(Effect.suspend(() => Console.log(`${what}: ${millis(performance.now() - start)}`)))
  )

const serve = (folder: string) =>
  Effect.map(
    Layer.build(ServiceDomain.layer({
      broker: { folder },
      access: { token: Redacted.make(token) },
      rest: { port: 0 },
      connectors: { natsconnector: { _tag: "Command", command: connector } }
    })),
    (context) => caller(Context.get(context, RestServer.RestServer).url)
  )

const measure = Effect.gen(function*() {
  for (const line of Machine.describe()) yield* Console.log(line)
  const { url: broker } = yield* NatsServer.make()
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "kps-scale-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)
  const stream = (n: number) => ({
    id: `s-${n}`,
    name: `stream ${n}`,
    connectorInstanceID: `i-${n % instances}`,
    ...(n % 2 === 0 ? { direction: "INGRESS", labels: [{ id: "cat", value: "v" }] } : { direction: "EGRESS" }),
    stream: { subject: `outside.${n}`, broker }
  })

  yield* Effect.scoped(Effect.gen(function*() {
    const call = yield* serve(folder)
    const { serviceDomain } = yield* overview(call)
    yield* call("POST", "/v1.0/categories", { id: "cat", name: "cat", purpose: "", values: ["v"] })
    yield* call("POST", "/v1.0/projects", {
      id: "p",
      name: "p",
      description: "",
      users: [],
      cloudCredentialIds: [],
      dockerProfileIds: [],
      edgeSelectorType: "Explicit",
      edgeIds: [serviceDomain.id]
    })
    const document = JSON.parse(readFileSync(file("../../apps/nats-connector/samples/class.json"), "utf8"))
    yield* call("POST", "/v1.0/connector/classes", { ...document, id: "c" })
    yield* timed("create an instance", numbers(instances), 1, (n) =>
      call("POST", "/v1.0/connector/instances", {
        id: `i-${n}`,
        name: `instance ${n}`,
        connectorClassID: "c",
        projectId: "p",
        staticParameters: { image_tag: "1" }
      }))
    yield* timed("create a stream", numbers(streams), 8, (n) => call("POST", "/v1.0/connector/streams", stream(n)))
    yield* waited(`from then until all ${streams} run`, call, performance.now(), (now) => running(now) === streams)
    yield* timed(
      "list the streams of an instance",
      numbers(100),
      1,
      (n) => call("GET", `/v1.0/connector/instances/i-${n % instances}/streams?pageSize=1000`)
    )
    yield* timed("the overview of everything", numbers(50), 1, () => overview(call))
    yield* timed(
      "change a stream, one after the other",
      numbers(20),
      1,
      (n) =>
        call("PUT", `/v1.0/connector/streams/s-${n}`, { ...stream(n), stream: { subject: `changed.${n}`, broker } })
    )
    yield* Effect.sleep("5 seconds")
    const cpu = process.cpuUsage()
    yield* Effect.sleep("10 seconds")
    const { system, user } = process.cpuUsage(cpu)
    yield* Console.log(
      `when nothing happens: ${((user + system) / 1e5).toFixed(1)} % of a processor, ` +
        `${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB`
    )
  }))

  const start = performance.now()
  yield* Effect.scoped(Effect.gen(function*() {
    const call = yield* serve(folder)
    yield* Console.log(`started again on its store: serves after ${millis(performance.now() - start)}`)
    yield* waited(`and runs all ${streams} streams after`, call, start, (now) => running(now) === streams)
  }))
})

measure.pipe(
  Effect.scoped,
  Effect.provideService(References.MinimumLogLevel, "Error"),
  NodeRuntime.runMain
)
