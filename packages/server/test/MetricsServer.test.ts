/** Metrics and probes, as anybody gets them over HTTP. */
import { assert, describe, it } from "@effect/vitest"
import { Connector, type Guarantee } from "@kps/connector"
import { Transport } from "@kps/transport"
import { Effect, Exit, Layer, Metric, References, Schedule, Schema, Scope } from "effect"
import { request } from "node:http"
import { connect, type Socket } from "node:net"
import type { Phase } from "../src/Health.ts"
import * as Insight from "../src/Insight.ts"
import * as Metrics from "../src/Metrics.ts"
import * as MetricsServer from "../src/MetricsServer.ts"
import type { StreamReading } from "../src/StreamSpec.ts"
import { ofStream, parse } from "./support/Scrape.ts"

/** A connector as a test wants it to look. */
class Looks {
  phase: Phase = "Starting"
  streams: ReadonlyArray<StreamReading> = []
  readonly show = Effect.gen({ self: this }, function*() {
    const observe = yield* Insight.Observer
    const transport = yield* Transport.Transport
    yield* observe({
      connectorId: "c-1",
      name: "looks",
      version: "1.0",
      phase: Effect.sync(() => this.phase),
      streams: Effect.sync(() => this.streams),
      channels: "core",
      connection: transport.status,
      transport: transport.stats
    })
  })
}

const stats = {
  received: 1,
  published: 2,
  delivered: 3,
  failed: 4,
  dropped: 5,
  deadLettered: 10,
  evicted: 11,
  uncertain: 6,
  malformed: 7,
  overflowed: 8
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: string
}

const ask = (port: number, path: string, method = "GET") =>
  Effect.callback<Answer>((resume) => {
    request({ host: "127.0.0.1", port, path, method, agent: false }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk
      }).on(
        "end",
        () => resume(Effect.succeed({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
      )
    }).on("error", (error) => resume(Effect.die(error))).end()
  })

const within = Effect.timeoutOrElse({
  duration: "20 seconds",
  orElse: () => Effect.die(new Error("not within 20 seconds"))
})

const served = MetricsServer.layer({ host: "127.0.0.1", port: 0 }).pipe(
  Layer.provideMerge(Metrics.layer),
  Layer.provideMerge(Insight.layer),
  Layer.provideMerge(Transport.layerMemory),
  Layer.provide(Layer.succeed(References.MinimumLogLevel, "None"))
)

const port = Effect.map(MetricsServer.MetricsServer, ({ port }) => port)

/** Bytes on a connection of its own: what came back, and after how many milliseconds the server closed it. */
const raw = (port: number, bytes: string) =>
  Effect.callback<{ readonly text: string; readonly closedAfter: number }>((resume) => {
    const begun = performance.now()
    let text = ""
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes))
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk
    })
    socket.on("error", () => {}).on(
      "close",
      () => resume(Effect.succeed({ text, closedAfter: performance.now() - begun }))
    )
    return Effect.sync(() => socket.destroy())
  })

/** A connection that stays open. */
const hold = (port: number, bytes = "") =>
  Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.write(bytes)
        resume(Effect.succeed(socket))
      })
      socket.on("error", () => {})
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

describe("MetricsServer", () => {
  it.live("has every stream with what it promises as JSON, and none that was removed", () =>
    Effect.gen(function*() {
      const looks = new Looks()
      yield* looks.show
      const at = yield* port
      const facts: Guarantee.Facts = {
        direction: "INGRESS",
        source: "lossy",
        saved: false,
        fenced: false,
        leased: false,
        maxPayloadBytes: 1_048_576
      }
      looks.streams = [
        { id: "in", direction: "INGRESS", state: "Running", stats, inFlight: 9, guarantee: facts },
        { id: "out", direction: "EGRESS", state: "Starting", stats, inFlight: 0, deliverP99Millis: 2.5 },
        { id: "gone", direction: "EGRESS", state: "Removed", stats, inFlight: 0 }
      ]
      const { body, headers, status } = yield* ask(at, "/streams")

      assert.deepStrictEqual([status, headers["content-type"]], [200, "application/json; charset=utf-8"])
      assert.deepStrictEqual(JSON.parse(body), [
        {
          connectorId: "c-1",
          id: "in",
          direction: "INGRESS",
          state: "Running",
          inFlight: 9,
          guarantee: { ...Connector.guarantee(facts), facts }
        },
        { connectorId: "c-1", id: "out", direction: "EGRESS", state: "Starting", inFlight: 0, deliverP99Millis: 2.5 }
      ])
    }).pipe(Effect.provide(served)))

  it.live("has every family in Prometheus' format, with the numbers of the moment", () =>
    Effect.gen(function*() {
      const looks = new Looks()
      yield* looks.show
      const at = yield* port
      looks.streams = [
        { id: "a \"b\\\n", direction: "INGRESS", state: "Running", stats, inFlight: 9 },
        { id: "c", direction: "EGRESS", state: "Removed", stats, inFlight: 0 }
      ]
      const { body, headers, status } = yield* ask(at, "/metrics")
      const now = parse(body)

      assert.strictEqual(status, 200)
      assert.strictEqual(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
      assert.strictEqual(headers["cache-control"], "no-store")
      for (const { name } of Metrics.families) assert.include(body, `\n# TYPE ${name} `.trimStart())
      assert.deepStrictEqual(ofStream(now, "a \\\"b\\\\\\n"), {
        received: 1,
        published: 2,
        dropped: 5,
        uncertain: 6,
        in_flight: 9
      })
      assert.deepStrictEqual(ofStream(now, "c"), {
        received: 1,
        delivered: 3,
        failed: 4,
        dropped: 5,
        dead_lettered: 10,
        dead_letters_evicted: 11,
        malformed: 7,
        overflowed: 8,
        in_flight: 0
      })
      assert.isAbove(now.get("process_resident_memory_bytes")!, 1_000_000)
      assert.closeTo(now.get("process_start_time_seconds")!, Date.now() / 1_000 - process.uptime(), 5)
      looks.streams = []
      assert.deepStrictEqual(ofStream(parse((yield* ask(at, "/metrics?x=1")).body), "c"), {})
    }).pipe(Effect.scoped, Effect.provide(served), within))

  it.live("has the metrics of the connector's author, too, and those around it", () => {
    const pumps = Metric.counter("pumps_total", { description: "Pumps.", incremental: true })
    const outside = Metric.gauge("outside", { description: "Around it." })
    const inner = Effect.gen(function*() {
      yield* Metric.update(pumps, 3)
      const now = parse((yield* ask(yield* port, "/metrics")).body)
      assert.strictEqual(now.get("pumps_total"), 3)
      assert.strictEqual(now.get("outside"), 4)
    }).pipe(Effect.provide(served))
    return Effect.andThen(Metric.update(outside, 4), inner).pipe(
      Effect.provideService(Metric.MetricRegistry, new Map()),
      within
    )
  })

  it.live("tells connectors of one process apart, and shows the last numbers of one that has ended", () =>
    Effect.gen(function*() {
      const at = yield* port
      const scope = yield* Scope.make()
      const [a, b] = [new Looks(), new Looks()]
      yield* Scope.provide(a.show, scope)
      assert.strictEqual(parse((yield* ask(at, "/metrics")).body).get("kps_connector_serving"), 0)
      yield* b.show
      b.phase = "Serving"
      const both = (yield* ask(at, "/metrics")).body
      assert.strictEqual(both.match(/^kps_connector_serving\{connector_id="c-1"\}/gm)?.length, 2)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* ask(at, "/readyz")).status, 503)
      const last = new Looks()
      last.phase = "Serving"
      yield* last.show
      assert.strictEqual((yield* ask(at, "/readyz")).status, 200)
    }).pipe(Effect.scoped, Effect.provide(served), within))

  it.live("is alive as soon as it listens, and ready while the connector takes calls", () =>
    Effect.gen(function*() {
      const at = yield* port
      const probe = (path: string) => Effect.map(ask(at, path), ({ body, status }) => `${status} ${body.trim()}`)
      assert.strictEqual(yield* probe("/livez"), "200 alive")
      assert.strictEqual(yield* probe("/readyz"), "503 starting")
      const looks = new Looks()
      yield* looks.show
      assert.strictEqual(yield* probe("/readyz"), "503 starting")
      for (
        const [phase, told] of [
          ["Serving", "200 ready"],
          ["Draining", "503 draining"],
          ["Stopped", "503 stopped"]
        ] as const
      ) {
        looks.phase = phase
        assert.strictEqual(yield* probe("/readyz"), told)
        assert.strictEqual(yield* probe("/livez"), "200 alive")
      }
    }).pipe(Effect.scoped, Effect.provide(served), within))

  it.live("answers GET and HEAD of its own paths, and nothing else", () =>
    Effect.gen(function*() {
      const at = yield* port
      assert.deepInclude(yield* ask(at, "/livez", "HEAD"), { status: 200, body: "" })
      for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
        const { headers, status } = yield* ask(at, "/metrics", method)
        assert.strictEqual(status, 405)
        assert.strictEqual(headers["allow"], "GET, HEAD")
      }
      for (const path of ["/", "/metrics/", "/metrics/x", "/toString", "/__proto__", "//livez", "*"]) {
        assert.strictEqual((yield* ask(at, path)).status, 404, path)
      }
      // a body is not waited for
      const { closedAfter, text } = yield* raw(at, "GET /livez HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\n")
      assert.match(text, /^HTTP\/1\.1 200 [^]*\r\nconnection: close\r\n/i)
      assert.isBelow(closedAfter, 2_000)
    }).pipe(Effect.provide(served), within))

  it.live("says that it failed when a metric cannot be read, and lives", () =>
    Effect.gen(function*() {
      const at = yield* port
      Metric.registerUnsafe(Metric.gauge("broken"), yield* Effect.context<never>(), {
        get: () => {
          throw new Error("canary")
        },
        update: () => {},
        modify: () => {}
      })
      const { body, status } = yield* ask(at, "/metrics")
      assert.strictEqual(status, 500)
      assert.notInclude(body, "canary")
      assert.strictEqual((yield* ask(at, "/livez")).status, 200)
    }).pipe(Effect.provide(served), within))

  it.live("refuses headers beyond 8 KiB, and what is no HTTP", () =>
    Effect.gen(function*() {
      const at = yield* port
      const large = yield* raw(at, `GET /livez HTTP/1.1\r\nhost: h\r\nx: ${"x".repeat(9_000)}\r\n\r\n`)
      assert.match(large.text, /^HTTP\/1\.1 431 /)
      const nonsense = yield* raw(at, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
      assert.match(nonsense.text, /^HTTP\/1\.1 400 /)
    }).pipe(Effect.provide(served), within))

  it.live("cuts off connections that are slow or idle", () =>
    Effect.gen(function*() {
      const at = yield* port
      const all = yield* Effect.all([
        raw(at, ""),
        raw(at, "GET /livez HTTP/1.1\r\nhost: h\r\n"),
        raw(at, "GET /livez HTTP/1.1\r\nhost: h\r\n\r\n")
      ], { concurrency: "unbounded" })
      for (const { closedAfter } of all) assert.isBelow(closedAfter, 9_000)
      assert.match(all[2].text, /^HTTP\/1\.1 200 /)
    }).pipe(Effect.provide(served), within), 30_000)

  it.live("takes so many connections and no more, and goes on when they leave", () =>
    Effect.gen(function*() {
      const at = yield* port
      const scope = yield* Scope.make()
      for (let i = 0; i < MetricsServer.limits.connections; i++) yield* Scope.provide(hold(at), scope)
      const refused = yield* raw(at, "GET /livez HTTP/1.1\r\nhost: h\r\n\r\n")
      assert.strictEqual(refused.text, "")
      yield* Scope.close(scope, Exit.void)
      const answered = Effect.map(raw(at, "GET /livez HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"), ({ text }) =>
        text.startsWith("HTTP/1.1 200 "))
      yield* Effect.repeat(answered, {
        until: (so) =>
          so,
        schedule: Schedule.spaced("20 millis")
      })
    }).pipe(Effect.provide(served), within))

  it.live("frees its port at once when it is closed, whoever is connected", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const at = yield* Effect.flatMap(Layer.buildWithScope(Layer.fresh(served), scope), (context) =>
        Effect.provideContext(port, context))
      yield* hold(at, "GET /livez HTTP/1.1\r\nhost: h\r\n\r\n")
      const half = yield* hold(at, "GET /livez HTTP/1.1\r\n")
      const begun = performance.now()
      yield* Scope.close(scope, Exit.void)
      assert.isBelow(performance.now() - begun, 2_000)
      yield* Effect.callback<void>((resume) => {
        if (half.closed) {
          return resume(Effect.void)
        }
        half.resume().on("close", () =>
          resume(Effect.void))
      })
      assert.isBelow(performance.now() - begun, 3_000)
      yield* Effect.scoped(Layer.build(Layer.fresh(
        MetricsServer.layer({ host: "127.0.0.1", port: at }).pipe(
          Layer.provide(Insight.layer),
          Layer.provide(Layer.succeed(References.MinimumLogLevel, "None"))
        )
      )))
    }).pipe(Effect.scoped, within))

  it.live("says why it cannot listen", () =>
    Effect.gen(function*() {
      const at = yield* port
      const error = yield* Effect.flip(Effect.scoped(Layer.build(
        Layer.fresh(MetricsServer.layer({ host: "127.0.0.1", port: at }).pipe(Layer.provide(Insight.layer)))
      )))
      assert.isTrue(Schema.is(Schema.Struct({ port: Schema.Number }))(error))
      assert.strictEqual(error.message, `cannot listen on 127.0.0.1:${at}: the port is in use`)
    }).pipe(Effect.provide(served), within))
})
