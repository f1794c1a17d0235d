/** A service domain that is killed with SIGKILL, in the middle of everything. */
import { assert, layer } from "@effect/vitest"
import { TransportCodec } from "@kps/idl"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { jetstream } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Effect, Fiber } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Overview } from "../src/rest/OperatorViews.ts"
import { isAlive, isRunning, natsConnector, until } from "./reconciler/support.ts"
import * as sample from "./support/documents.ts"
import type { Rest } from "./support/Rest.ts"
import * as ServiceDomainProcess from "./support/ServiceDomainProcess.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "kps-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

const paths: Record<string, string> = {
  category: "categories",
  project: "projects",
  connectorClass: "connector/classes",
  connectorInstance: "connector/instances",
  connectorStream: "connector/streams",
  connectorConfig: "connector/configs",
  function: "functions",
  dataPipeline: "datapipelines"
}

/** All documents but those that are not named, on the service domain that there is. */
const seed = (call: Rest["call"], outside: string) =>
  Effect.gen(function*() {
    const domains = yield* call("GET", "/v1.0/servicedomains")
    for (const [kind, document] of sample.all) {
      const path = paths[kind]
      if (path === undefined) continue
      const { status } = yield* call("POST", `/v1.0/${path}`, {
        ...document,
        ...(kind === "project" ? { edgeIds: [domains.body.result[0].id] } : {}),
        ...(kind === "dataPipeline" ? { transformationArgsList: [] } : {}),
        ...("stream" in document ? { stream: { ...document.stream as object, broker: outside } } : {})
      })
      assert.strictEqual(status, 200)
    }
  })

const overview = (call: Rest["call"]): Effect.Effect<Overview> =>
  Effect.map(call("GET", "/kps/v1/overview"), ({ body }) => body)

const allRun = ({ instances, pipelines }: Overview) =>
  instances.length === 1 && isRunning(instances[0]) && pipelines[0]?.status === "RUNNING"

layer(NatsServer.layer({ jetstream: true }), { excludeTestServices: true })(NatsServer.suiteName("Crash"), (it) => {
  it.effect(
    "loses nothing that was acknowledged, ends its connectors, and goes on when it is started again",
    () =>
      Effect.gen(function*() {
        const { url: outsideUrl } = yield* NatsServer.NatsServer
        const port = yield* freePort
        const options = {
          broker: { folder: yield* folder, port },
          transport: "jetstream",
          connectors: { natsconnector: { _tag: "Command", command: natsConnector } },
          leaseTimeToLive: "1 second",
          scrapeInterval: "200 millis",
          grace: "2 seconds"
        } as const
        const first = yield* ServiceDomainProcess.start(options)
        yield* seed(first.call, outsideUrl)
        const before = yield* until(overview(first.call), allRun)

        // messages on the ingress channel, as a connector puts them there, and what comes out at the other end
        const client = (url: string) =>
          Effect.acquireRelease(
            Effect.promise(() => connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50 })),
            (client) => Effect.promise(() => client.close())
          )
        const platform = yield* client(`nats://127.0.0.1:${port}`)
        const outside = yield* client(outsideUrl)
        const delivered = new Set<number>()
        outside.subscribe("nats_out", { callback: (_, message) => void delivered.add(Number(message.string())) })
        const published = new Set<number>()
        const publisher = jetstream(platform, { timeout: 500 })
        let next = 0
        const publish = Effect.suspend(() => {
          const n = next++
          return Effect.tryPromise(() =>
            publisher.publish("kps.stream.s-in", TransportCodec.encode(0n, [Buffer.from(String(n))]))
          ).pipe(Effect.tap(() => Effect.sync(() => published.add(n))))
        })
        // one that got no answer may be there or not
        const traffic = yield* Effect.forkChild(Effect.forever(Effect.ignore(publish)))
        const written: Array<string> = []
        const write = Effect.suspend(() => {
          const id = `c-${written.length}`
          return first.call("POST", "/v1.0/categories", { id, name: id, purpose: "", values: ["v"] }).pipe(
            Effect.tap(({ status }) => Effect.sync(() => status === 200 && written.push(id)))
          )
        })
        // until there is nobody any more to write to
        const writes = yield* Effect.forkChild(Effect.catchDefect(Effect.forever(write), () => Effect.void))
        yield* until(
          Effect.sync(() => Math.min(published.size, written.length, delivered.size)),
          (least) => least >= 50
        )

        yield* first.kill
        const pid = before.instances[0]!.pid!
        yield* until(
          Effect.sync(() => isAlive(pid)),
          (alive) => !alive
        )
        yield* Fiber.join(writes)
        const second = yield* ServiceDomainProcess.start(options)

        for (const id of written) {
          const { status } = yield* second.call("GET", `/v1.0/categories/${id}`)
          assert.strictEqual(status, 200, id)
        }
        const after = yield* until(overview(second.call), allRun)
        assert.notStrictEqual(after.instances[0]!.pid, pid)
        const soFar = published.size
        yield* until(Effect.sync(() => published.size), (size) => size > soFar + 50)
        yield* Fiber.interrupt(traffic)
        const lost = () => [...published].filter((n) => !delivered.has(n))
        yield* until(Effect.sync(lost), (lost) => lost.length === 0)
      }).pipe(Effect.scoped),
    60_000
  )

  it.effect(
    "two on one broker are one service domain, and one goes on with what the other ran",
    () =>
      Effect.gen(function*() {
        const { url } = yield* NatsServer.NatsServer
        const options = {
          broker: { servers: [url] },
          connectors: { natsconnector: { _tag: "Command", command: natsConnector } },
          leaseTimeToLive: "1 second",
          scrapeInterval: "200 millis",
          grace: "2 seconds"
        } as const
        const [first, second] = yield* Effect.all([
          ServiceDomainProcess.start(options),
          ServiceDomainProcess.start(options)
        ], { concurrency: 2 })
        yield* seed(first.call, url)
        const theirs = yield* Effect.forEach([first, second], ({ call }) =>
          until(overview(call), ({ instances, pipelines }) =>
            instances.length === 1 && pipelines.length === 1))
        assert.strictEqual(theirs[0]?.serviceDomain.id, theirs[1]?.serviceDomain.id)

        // either of them may have either of the two
        const status = Effect.map(
          Effect.forEach([first, second], ({ call }) =>
            overview(call)),
          (all) => ({
            instances: all.map(({ instances }) => isRunning(instances[0])),
            pipelines: all.map(({ pipelines }) => pipelines[0]?.status === "RUNNING"),
            pids: all.map(({ instances }) => instances[0]?.pid)
          })
        )
        const running = yield* until(status, ({ instances, pipelines }) =>
          instances.includes(true) && pipelines.includes(true))
        assert.strictEqual(running.instances.filter(Boolean).length, 1)
        assert.strictEqual(running.pipelines.filter(Boolean).length, 1)
        const owner = running.instances.indexOf(true)
        const [dead, left] = owner === 0 ? [first, second] : [second, first]

        yield* dead.kill
        const pid = running.pids[owner]!
        yield* until(
          Effect.sync(() =>
            isAlive(pid)
          ),
          (alive) => !alive
        )
        const after = yield* until(overview(left.call), allRun)
        assert.notStrictEqual(after.instances[0]?.pid, pid)
      }).pipe(Effect.scoped),
    120_000
  )
})
