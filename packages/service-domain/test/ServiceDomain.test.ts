import { assert, describe, it } from "@effect/vitest"
import * as natsServer from "@kps/transport/testing/NatsServer"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { Context, Effect, Layer, Redacted, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { vi } from "vitest"
import { NatsBroker } from "../src/broker/NatsBroker.ts"
import * as Documents from "../src/documents/Documents.ts"
import { OperatorApi } from "../src/rest/OperatorApi.ts"
import * as RestServer from "../src/rest/RestServer.ts"
import * as ServiceDomain from "../src/ServiceDomain.ts"
import { isRunning, natsConnector, until } from "./reconciler/support.ts"
import * as documents from "./support/documents.ts"

const token = "a-token-of-the-tests"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "kps-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const client = (url: string) =>
  HttpApiClient.make(OperatorApi, {
    baseUrl: url,
    transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(token))
  }).pipe(Effect.provide(FetchHttpClient.layer))

const nats = (url: string) =>
  Effect.acquireRelease(
    Effect.promise(() => connect({ servers: url })),
    (client) => Effect.promise(() => client.close())
  )

/** The next messages on a subject, as text. */
const next = (client: NatsConnection, subject: string, max: number) => {
  const subscription = client.subscribe(subject, { max })
  return Effect.promise(async () => {
    const texts: Array<string> = []
    for await (const message of subscription) texts.push(message.string())
    return texts
  })
}

const shout = {
  ...documents.func,
  language: "node",
  environment: "node-env",
  code:
    "exports.main = async (ctx, msg) => { console.log('got', msg.length); ctx.send(Buffer.from(msg.toString().toUpperCase())) }"
}

/** All documents, on the service domain that there is, with the outside on its own broker. */
const seed = (url: string) =>
  Effect.gen(function*() {
    const all = yield* Documents.Documents
    const { id } = yield* ServiceDomain.ServiceDomain
    for (const [kind, document] of documents.all) {
      if (kind === "serviceDomain") continue
      const value = kind === "project"
        ? { ...documents.project, edgeIds: [id] }
        : kind === "function"
        ? shout
        : kind === "connectorStream"
        ? { ...document, stream: { ...("stream" in document ? document.stream as object : {}), broker: url } }
        : document
      yield* documents.create(all, kind, value)
    }
  })

const options = (folder: string, transport: "core" | "jetstream"): ServiceDomain.Options => ({
  broker: { folder },
  transport,
  access: { token: Redacted.make(token) },
  rest: { port: 0 },
  connectors: { natsconnector: { _tag: "Command", command: natsConnector } },
  scrapeInterval: "200 millis"
})

// processes are started, which takes its time on a loaded machine
vi.setConfig({ testTimeout: 60_000 })

describe.skipIf(natsServer.skipReason() !== undefined)(natsServer.suiteName("ServiceDomain"), () => {
  for (const transport of ["core", "jetstream"] as const) {
    it.live(`moves messages from outside through a pipeline to outside, and shows them, over ${transport}`, () =>
      Effect.gen(function*() {
        const context = yield* Layer.build(ServiceDomain.layer(options(yield* folder, transport)))
        const { url } = Context.get(context, NatsBroker)
        yield* Effect.provide(seed(url), context)
        const operator = yield* client(Context.get(context, RestServer.RestServer).url)
        const overview = operator.operator.overview({ query: { figures: "true" } })
        yield* until(
          overview,
          ({ instances, pipelines }) =>
            instances.length === 1 && isRunning(instances[0]) && pipelines[0]?.status === "RUNNING"
        )

        const outside = yield* nats(url)
        const received = next(outside, "nats_out", 3)
        for (const word of ["one", "two", "three"]) outside.publish("nats_in", word)

        assert.deepStrictEqual(yield* received, ["ONE", "TWO", "THREE"])
        const shown = yield* until(
          overview,
          ({ instances, pipelines }) =>
            (instances[0]?.streams[0]?.figures?.messages ?? 0) > 0 && pipelines[0]?.counters.published === 3 &&
            instances[0]?.streams[0]?.figures?.lag === (transport === "core" ? undefined : 0)
        )
        assert.deepInclude(shown.broker, { url, transport, connected: true })
        assert.deepStrictEqual(shown.pipelines[0]?.inputs, ["kps.stream.s-in"])
        assert.deepStrictEqual(shown.pipelines[0]?.outputs, ["kps.stream.s-out"])
        const lines = yield* Stream.runCollect(
          yield* operator.operator.pipelineLogs({ params: { id: "dp-1" }, query: {} })
        )
        assert.deepStrictEqual(
          lines.filter(({ source }) => source === "stdout").map(({ from, text }) => `${from}: ${text}`),
          ["echo: got 3", "echo: got 3", "echo: got 5"]
        )

        const tap = operator.operator.tapPipeline({ params: { id: "dp-1" }, query: { count: 1 } })
        const [tapped] = yield* Effect.raceFirst(
          Effect.flatMap(tap, Stream.runCollect),
          Effect.forever(Effect.delay(Effect.sync(() => outside.publish("nats_in", "token=abc")), "20 millis"))
        )
        assert.strictEqual(tapped?.channel, "kps.stream.s-out")
        assert.deepStrictEqual(tapped?.payloads, [{ byteLength: 9, text: "TOKEN=<redacted>" }])

        const nothing = yield* Effect.flip(operator.operator.instance({ params: { id: "none" } }))
        assert.strictEqual(nothing.message, "no connector instance with id \"none\" on this service domain")
      }).pipe(Effect.scoped))
  }
})
