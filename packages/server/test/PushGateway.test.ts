/** The original's counters, pushed to a real HTTP server. */
import { assert, describe, it } from "@effect/vitest"
import type { Transport } from "@kps/transport"
import { Effect, Exit, Layer, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Insight from "../src/Insight.ts"
import * as PushGateway from "../src/PushGateway.ts"
import * as Receiver from "./support/Receiver.ts"

/** Waits in real time, whatever the test's clock says. */
const until = (what: string, condition: () => boolean) =>
  Effect.gen(function*() {
    for (let i = 0; i < 1_000; i++) {
      if (condition()) return
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))
    }
    return yield* Effect.die(new Error(`never came: ${what}`))
  })

const counts = { connectErrors: 0, publishErrors: 0 }

/** A connector of which only the counters of its transport matter. */
const insight = (connectorId: string, stats: Partial<Transport.TransportStats>): Insight.Insight => ({
  connectorId,
  name: "any",
  version: "1.0",
  phase: Effect.succeed("Serving"),
  streams: Effect.succeed([]),
  channels: "core",
  connection: Effect.succeed({ _tag: "Closed" }),
  // one cast: the rest is nobody's business here
  transport: Effect.sync(() => ({ ...stats }) as Transport.TransportStats)
})

/** Shows a connector to a gateway, as long as the scope is open; what is logged goes to `logs`. */
const show = (one: Insight.Insight, options: PushGateway.Options, logs: Array<string> = []) =>
  Effect.flatMap(Insight.Observer, (observe) => observe(one)).pipe(
    Effect.provide(Layer.provideMerge(
      PushGateway.layer(options),
      Logger.layer([Logger.map(Logger.formatJson, (line) => void logs.push(line))])
    ))
  )

const body = (connectErrors: number, publishErrors: number) =>
  `# HELP transport_connect_errors Number of NATS connect errors encountered
# TYPE transport_connect_errors counter
transport_connect_errors ${connectErrors}
# HELP transport_publish_errors Number of NATS messages that encountered errors
# TYPE transport_publish_errors counter
transport_publish_errors ${publishErrors}
`

describe("PushGateway", () => {
  it.effect("pushes the original's counters at once and every minute, and a last time", () =>
    Effect.gen(function*() {
      const gateway = yield* Receiver.make()
      const scope = yield* Scope.make()
      const stats = { ...counts }
      yield* Scope.provide(show(insight("c-1", stats), { address: `127.0.0.1:${gateway.port}` }), scope)
      yield* until("the first", () => gateway.received.length === 1)
      stats.connectErrors = 3
      stats.publishErrors = 12
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(gateway.received.length, 1)
      yield* TestClock.adjust("1 second")
      yield* until("the second", () => gateway.received.length === 2)
      stats.publishErrors = 13
      yield* Scope.close(scope, Exit.void)

      assert.deepStrictEqual(
        gateway.received.map(({ body, method, path }) => [method, path, body.toString()]),
        [body(0, 0), body(3, 12), body(3, 13)].map((text) => [
          "PUT",
          "/metrics/job/connector_transport_metrics_job/instance/c-1",
          text
        ])
      )
      assert.strictEqual(gateway.received[0]?.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(gateway.received.length, 3)
    }))

  it.effect("groups by instance: connectors do not overwrite each other", () =>
    Effect.gen(function*() {
      const gateway = yield* Receiver.make()
      const address = `http://127.0.0.1:${gateway.port}/`
      const ids = ["c-1", "c-2", "a/b", "ü", "", ".."]
      for (const id of ids) yield* show(insight(id, counts), { address })
      yield* until("all", () => gateway.received.length === ids.length)

      const base = "/metrics/job/connector_transport_metrics_job"
      assert.deepStrictEqual(
        gateway.received.map(({ path }) => path).toSorted(),
        [
          `${base}/instance/c-1`,
          `${base}/instance/c-2`,
          `${base}/instance@base64/${Buffer.from("a/b").toString("base64url")}`,
          `${base}/instance@base64/${Buffer.from("ü").toString("base64url")}`,
          `${base}/instance@base64/=`,
          `${base}/instance@base64/${Buffer.from("..").toString("base64url")}`
        ].toSorted()
      )
    }).pipe(Effect.scoped))

  it.effect("says once that it fails and why, goes on, and says once that it works again", () =>
    Effect.gen(function*() {
      const gateway = yield* Receiver.make()
      const logs: Array<string> = []
      gateway.status = 400
      gateway.text = "metrics\nare invalid"
      yield* show(insight("c-1", counts), { address: `http://u:canary@127.0.0.1:${gateway.port}/base/` }, logs)
      for (let i = 1; i <= 4; i++) {
        yield* until(`push ${i}`, () => gateway.received.length === i)
        yield* TestClock.adjust("1 minute")
      }
      gateway.status = 202
      for (let i = 5; i <= 7; i++) {
        yield* until(`push ${i}`, () => gateway.received.length >= i)
        yield* TestClock.adjust("1 minute")
      }
      yield* until("told", () => logs.length === 2)

      const pushGateway = `http://127.0.0.1:${gateway.port}/base`
      assert.deepStrictEqual(
        logs.map((line) => JSON.parse(line)).map(({ annotations, level, message }) => [level, message, annotations]),
        [
          ["WARN", "metrics cannot be pushed", {
            pushGateway,
            connectorId: "c-1",
            problem: "it answers 400: \"metrics\\nare invalid\""
          }],
          ["INFO", "metrics are pushed again", { pushGateway, connectorId: "c-1" }]
        ]
      )
      const { authorization } = gateway.received[0]!.headers
      assert.strictEqual(authorization, `Basic ${Buffer.from("u:canary").toString("base64")}`)
      assert.isTrue(gateway.received.every(({ path }) => path.startsWith("/base/metrics/job/")))
    }).pipe(Effect.scoped))

  it.effect("survives a gateway that is not there, and one that gives no answer", () =>
    Effect.gen(function*() {
      const gateway = yield* Receiver.make()
      const logs: Array<string> = []
      const problems = () => logs.map((line) => JSON.parse(line).annotations.problem)
      yield* Effect.scoped(Effect.gen(function*() {
        gateway.status = undefined
        yield* show(insight("c-1", counts), { address: `127.0.0.1:${gateway.port}` }, logs)
        yield* until("asked", () => gateway.received.length === 1)
        yield* TestClock.adjust("10 seconds")
        yield* until("told", () => logs.length === 1)
        // and nobody waits for it at the end
        gateway.status = 200
      }))
      assert.deepStrictEqual(problems(), ["no answer in time", undefined])

      logs.length = 0
      const nowhere = yield* Effect.scoped(Effect.map(Receiver.make(), ({ port }) => port))
      yield* Effect.scoped(Effect.gen(function*() {
        yield* show(insight("c-1", counts), { address: `127.0.0.1:${nowhere}` }, logs)
        yield* until("told", () => logs.length === 1)
      }))
      assert.deepStrictEqual(problems(), [`connect ECONNREFUSED 127.0.0.1:${nowhere}`])
    }).pipe(Effect.scoped))

  it.effect("is not the only one that looks", () =>
    Effect.gen(function*() {
      const gateway = yield* Receiver.make()
      const { current } = yield* Insight.Insights
      yield* show(insight("c-1", counts), { address: `127.0.0.1:${gateway.port}` })
      assert.deepStrictEqual(current().map(({ connectorId }) => connectorId), ["c-1"])
    }).pipe(Effect.scoped, Effect.provide(Insight.layer)))

  it.effect("goes no further when it is sent elsewhere: credentials are for the gateway alone", () =>
    Effect.gen(function*() {
      const gateway = yield* Receiver.make()
      const logs: Array<string> = []
      const elsewhere = yield* Receiver.make()
      gateway.status = 307
      gateway.headers = { location: `http://127.0.0.1:${elsewhere.port}/` }
      yield* show(insight("c-1", counts), { address: `u:p@127.0.0.1:${gateway.port}` }, logs)
      yield* until("told", () => logs.length === 1)
      assert.include(logs[0], "it answers 307")
      assert.strictEqual(elsewhere.received.length, 0)
    }).pipe(Effect.scoped))

  const refused: ReadonlyArray<readonly [string, string]> = [
    ["ftp://h", "its scheme is \"ftp\", want \"http\" or \"https\""],
    ["http://", "it is no host:port and no URL"],
    ["two words", "it is no host:port and no URL"],
    ["http://%zz:canary@h", "its user or password has a % that encodes nothing"]
  ]
  it.effect.each(refused)("refuses %s", ([address, problem]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.scoped(show(insight("c-1", counts), { address })))
      assert.strictEqual(error._tag, "InvalidPushGateway")
      assert.strictEqual(error.message, `invalid push gateway: ${problem}`)
    }))
})
