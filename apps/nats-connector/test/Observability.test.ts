/** The bundled connector as a process, watched from outside as operators do. */
import { assert, describe, layer } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import { binary, make as natsServer, suiteName } from "@kps/transport/testing/NatsServer"
import { Context, Effect, Layer } from "effect"
import { build } from "esbuild"
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { createServer } from "node:http"
import { connect, type IncomingHttpHeaders } from "node:http2"
import { fileURLToPath } from "node:url"
import { parse } from "yaml"
import * as Support from "./support.ts"

class Bundle extends Context.Service<Bundle, string>()("test/Bundle") {}

const local = ["--connectorInstanceID", "c-1", "--host", "127.0.0.1", "--port", "0"]

const start = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>>) =>
  Effect.flatMap(Bundle, (file) => Support.start(file, [...local, ...args], env))

/** Where metrics and probes are, by the line that says so. */
const metricsPort = (connector: Support.ConnectorProcess): number => {
  const port = connector.lines().find(({ message }) => message === "serving metrics")?.annotations["port"]
  assert(typeof port === "number")
  return port
}

const get = (port: number, path: string) =>
  Effect.promise(async () => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    return { status: response.status, text: await response.text() }
  })

/** Values by series. */
const scrape = (port: number) =>
  Effect.map(get(port, "/metrics"), ({ text }) =>
    new Map(
      text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).map((line) => {
        const at = line.lastIndexOf(" ")
        return [line.slice(0, at), Number(line.slice(at + 1))] as const
      })
    ))

/** An HTTP server that answers 200 and keeps what it is sent. */
const receiver = Effect.acquireRelease(
  Effect.callback<{ readonly port: number; readonly received: Array<readonly [string, string]>; close: () => void }>(
    (resume) => {
      const received: Array<readonly [string, string]> = []
      const server = createServer((request, response) => {
        let body = ""
        request.setEncoding("latin1").on("data", (chunk: string) => {
          body += chunk
        }).on("end", () => {
          received.push([`${request.method} ${request.url}`, body])
          response.end()
        })
      }).listen(0, "127.0.0.1", () => {
        const address = server.address()
        assert(typeof address === "object" && address !== null)
        const close = () => {
          server.closeAllConnections()
          server.close()
        }
        resume(Effect.succeed({ port: address.port, received, close }))
      })
    }
  ),
  ({ close }) => Effect.sync(close)
)

/** The ports that a process listens on, by what Linux knows of it. */
const listening = (pid: number): ReadonlyArray<number> => {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? []
      return inode === undefined ? [] : [inode]
    })
  )
  return ["tcp", "tcp6"].flatMap((kind) => readFileSync(`/proc/${pid}/net/${kind}`, "utf8").trim().split("\n").slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === "0A" && sockets.has(fields[9] ?? ""))
    .map((fields) => Number.parseInt(fields[1]!.split(":")[1]!, 16))
}

/** Asks for the services by gRPC server reflection: the gRPC status. */
const reflected = (port: number) =>
  Effect.callback<string>((resume) => {
    const session = connect(`http://127.0.0.1:${port}`)
    session.on("error", () => {})
    const call = session.request({
      ":method": "POST",
      ":path": "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      "content-type": "application/grpc",
      "te": "trailers"
    })
    const told = (headers: IncomingHttpHeaders) => {
      const status = headers["grpc-status"]
      if (typeof status !== "string") return
      session.destroy()
      resume(Effect.succeed(status))
    }
    call.on("response", told).on("trailers", told).on("error", () => {}).resume()
    // a frame with one message: `list_services`, field 7, of no characters
    call.end(Uint8Array.of(0, 0, 0, 0, 2, 0x3a, 0))
    return Effect.sync(() => session.destroy())
  }).pipe(Effect.timeoutOrElse({ duration: "10 seconds", orElse: () => Effect.die(new Error("no status")) }))

const observability = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../../docs/observability/${name}`, import.meta.url)), "utf8")

const suite = layer(Layer.effect(Bundle, Support.bundle), { excludeTestServices: true, timeout: "60 seconds" })

describe.skipIf(binary() === undefined)(suiteName("main, observed"), () => {
  suite("bundled", (it) => {
    it.effect(
      "has metrics that equal what happened: delivered, dropped, malformed, cut off",
      () =>
        Effect.gen(function*() {
          const platform = yield* natsServer()
          const outside = yield* natsServer({ config: "max_payload: 1024" })
          const world = yield* Support.natsClient(outside.url)
          const pipelines = yield* Support.natsClient(platform.url)
          const connector = yield* start(["--metrics-port", "0"], { NATS_BROKER: platform.url })
          const grpc = yield* Support.ready(connector)
          const port = metricsPort(connector)
          const client = yield* ConnectorClient.ConnectorClient.pipe(Effect.provide(Support.clientAt(grpc, "c-1")))
          yield* client.setStreams([
            Support.stream("in", "INGRESS", { subject: "nats_in", broker: outside.url }),
            Support.stream("out", "EGRESS", { subject: "nats_out", broker: outside.url })
          ])
          const channel = yield* Support.collectChannel(pipelines, "ch.in")
          const delivered = yield* Support.collect(world, "nats_out")
          for (let i = 0; i < 3_000; i++) world.publish("nats_in", `${i}`)
          for (let i = 0; i < 500; i++) pipelines.publish("ch.out", Support.frame(`${i}`))
          pipelines.publish("ch.out", Support.frame("x".repeat(2_000)))
          pipelines.publish("ch.out", new Uint8Array([0x1a, 0x10]))
          const of = (name: string, id: string, direction: string) =>
            `kps_stream_${name}{stream_id="${id}",direction="${direction}"}`
          yield* Support.until(
            "all through",
            Effect.map(
              scrape(port),
              (now) => channel.length === 3_000 && now.get(of("frames_malformed_total", "out", "egress")) === 1
            )
          )
          yield* Support.until(
            "all delivered",
            Effect.map(scrape(port), (now) => now.get(of("messages_dead_lettered_total", "out", "egress")) === 1)
          )

          const now = yield* scrape(port)
          assert.strictEqual(now.get(of("messages_received_total", "in", "ingress")), 3_000)
          assert.strictEqual(now.get(of("messages_published_total", "in", "ingress")), channel.length)
          assert.strictEqual(now.get(of("messages_received_total", "out", "egress")), 501)
          assert.strictEqual(now.get(of("messages_delivered_total", "out", "egress")), delivered.length)
          assert.strictEqual(delivered.length, 500)
          assert.strictEqual(now.get(of("in_flight_messages", "out", "egress")), 0)
          assert.strictEqual(now.get("kps_transport_connected"), 1)
          assert.strictEqual(now.get("kps_connector_serving"), 1)
          assert.strictEqual(
            now.get(
              "kps_connector_info{connector_id=\"c-1\",connector=\"natsconnector\",version=\"1.0\",channels=\"core\"}"
            ),
            1
          )

          yield* platform.kill()
          yield* Support.until("away", Effect.map(scrape(port), (now) => now.get("kps_transport_connected") === 0))
          const away = yield* scrape(port)
          assert.strictEqual(
            away.get("kps_stream_state{stream_id=\"in\",direction=\"ingress\",state=\"retrying\"}"),
            1
          )
          yield* Support.until(
            "it is tried again",
            Effect.map(scrape(port), (now) => (now.get("kps_transport_connect_errors_total") ?? 0) > 0)
          )
          assert.deepInclude(yield* get(port, "/readyz"), { status: 200 })
        }),
      60_000
    )

    it.effect(
      "is ready when the pipelines' broker was reached, and answers its probes until it has drained",
      () =>
        Effect.gen(function*() {
          const platform = yield* natsServer()
          const outside = yield* natsServer()
          yield* platform.kill()
          const connector = yield* start(["--metrics-port=0"], { NATS_BROKER: platform.url })
          const grpc = yield* Support.ready(connector)
          const port = metricsPort(connector)
          assert.deepStrictEqual(yield* get(port, "/livez"), { status: 200, text: "alive\n" })
          assert.deepStrictEqual(yield* get(port, "/readyz"), { status: 503, text: "starting\n" })
          yield* platform.restart
          yield* Support.until("ready", Effect.map(get(port, "/readyz"), ({ status }) => status === 200))

          const pipelines = yield* Support.natsClient(platform.url)
          yield* ConnectorClient.ConnectorClient.use((client) =>
            client.setStreams([Support.stream("out", "EGRESS", { subject: "nats_out", broker: outside.url })])
          ).pipe(Effect.provide(Support.clientAt(grpc, "c-1")))
          yield* outside.kill("SIGSTOP")
          for (let i = 0; i < 10; i++) pipelines.publish("ch.out", Support.frame(`${i}`))
          const inFlight = "kps_stream_in_flight_messages{stream_id=\"out\",direction=\"egress\"}"
          yield* Support.until("in flight", Effect.map(scrape(port), (now) => now.get(inFlight) === 10))
          connector.child.kill("SIGTERM")
          yield* Support.until("draining", Effect.map(get(port, "/readyz"), ({ text }) => text === "draining\n"))
          assert.deepStrictEqual(yield* get(port, "/livez"), { status: 200, text: "alive\n" })
          assert.strictEqual((yield* scrape(port)).get("kps_connector_serving"), 0)
          yield* outside.kill("SIGCONT")
          assert.strictEqual(yield* connector.exited, 0)
        }),
      60_000
    )

    it.effect("listens nowhere else when it is not asked to", () =>
      Effect.gen(function*() {
        const platform = yield* natsServer()
        const connector = yield* start([], { NATS_BROKER: platform.url })
        const port = yield* Support.ready(connector)
        if (process.platform === "linux") assert.deepStrictEqual(listening(connector.child.pid!), [port])
        assert.isTrue(connector.lines().every(({ message }) => message !== "serving metrics"))
      }), 60_000)

    it.effect(
      "tells a client without a proto file what the contract is, unless that is switched off",
      () =>
        Effect.gen(function*() {
          const platform = yield* natsServer()
          for (const [reflection, told] of [["on", "0"], ["off", "12"]] as const) {
            const connector = yield* start([], { NATS_BROKER: platform.url, KPS_REFLECTION: reflection })
            const status = yield* reflected(yield* Support.ready(connector))
            assert.strictEqual(status, told)
          }
        }),
      60_000
    )

    it.effect("loads nothing of it that is not asked for", () =>
      Effect.gen(function*() {
        const entry = fileURLToPath(new URL("../src/main.ts", import.meta.url))
        const { metafile } = yield* Effect.promise(() =>
          build({
            entryPoints: [entry],
            bundle: true,
            write: false,
            metafile: true,
            platform: "node",
            format: "esm",
            conditions: ["@kps/source"]
          })
        )
        const main = Object.keys(metafile.inputs).find((path) => path.endsWith("src/main.ts"))!
        const loaded = new Set([main])
        // A set that grows is iterated to its new end.
        for (const path of loaded) {
          for (const { external, kind, path: imported } of metafile.inputs[path]!.imports) {
            if (external !== true && kind !== "dynamic-import") loaded.add(imported)
          }
        }
        const observing = new RegExp(
          "effect/(?:src|dist)/(?:observability/|http/(?:Fetch|HttpClient|HttpRouter|HttpServer))"
            + "|server/src/(?:Metrics|MetricsServer|PushGateway|Telemetry)\\.ts$"
        )
        assert.isAbove(Object.keys(metafile.inputs).filter((path) => observing.test(path)).length, 10)
        assert.deepStrictEqual(Array.from(loaded).filter((path) => observing.test(path)), [])
        const [output] = Object.values(metafile.outputs)
        // it makes Node load all of `fetch`
        assert.notIncludeMembers(output?.imports.map(({ path }) => path) ?? [], ["node:http"])
        assert.includeMembers(output?.imports.map(({ path }) => path) ?? [], ["node:http2"])
      }), 60_000)

    it.effect(
      "pushes the original's counters, connect errors really counted, to a gateway with or without a scheme",
      () =>
        Effect.gen(function*() {
          const gateway = yield* receiver
          for (const scheme of ["", "http://"]) {
            gateway.received.length = 0
            const connector = yield* start([], {
              NATS_BROKER: "nats://127.0.0.1:1",
              PUSH_GW: `${scheme}127.0.0.1:${gateway.port}`
            })
            yield* Support.ready(connector)
            yield* Support.until("pushed", Effect.sync(() => gateway.received.length > 0))
            const [path, body] = gateway.received[0]!
            assert.strictEqual(path, "PUT /metrics/job/connector_transport_metrics_job/instance/c-1")
            assert.match(body, /^transport_connect_errors [1-9][0-9]*$/m)
            assert.match(body, /^transport_publish_errors 0$/m)
            assert.notInclude(connector.stderr(), "PUSH_GW")
            connector.child.kill("SIGTERM")
            assert.strictEqual(yield* connector.exited, 0)
          }
          const refused = yield* start([], { NATS_BROKER: "nats://127.0.0.1:1", PUSH_GW: "ftp://u:canary@h" })
          assert.strictEqual(yield* refused.exited, 2)
          assert.include(String(refused.lines().at(-1)?.message), "invalid push gateway: its scheme is \"ftp\"")
          assert.notInclude(refused.stderr(), "canary")
        }),
      60_000
    )

    it.effect("exports traces, metrics and logs over OTLP, and logs to stderr as before", () =>
      Effect.gen(function*() {
        const collector = yield* receiver
        const platform = yield* natsServer()
        const env = {
          NATS_BROKER: platform.url,
          OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
          OTEL_EXPORTER_OTLP_PROTOCOL: "http/json"
        }
        const connector = yield* start([], env)
        const port = yield* Support.ready(connector)
        yield* ConnectorClient.ConnectorClient.use((client) => client.getStreams).pipe(
          Effect.provide(Support.clientAt(port, "c-1"))
        )
        connector.child.kill("SIGTERM")
        assert.strictEqual(yield* connector.exited, 0)
        const all = (path: string) =>
          collector.received.flatMap(([to, body]) => to === `POST /v1/${path}` ? [body] : []).join("\n")
        assert.include(all("traces"), "connector.v1.ConnectorService/GetPayload")
        assert.include(all("metrics"), "kps_connector_serving")
        assert.include(all("logs"), "connector is ready")
        for (const path of ["traces", "metrics", "logs"]) assert.include(all(path), "natsconnector")
        const messages = connector.lines().map(({ message }) => message)
        assert.include(messages, "connector is ready")
        assert.strictEqual(messages.at(-1), "connector has stopped")
        const wrong = yield* start([], { ...env, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" })
        assert.strictEqual(yield* wrong.exited, 2)
        assert.include(String(wrong.lines().at(-1)?.message), "OTEL_EXPORTER_OTLP_PROTOCOL")
      }), 60_000)

    it.effect("has every metric and label that the dashboard and the alert rules name", () =>
      Effect.gen(function*() {
        const platform = yield* natsServer()
        const outside = yield* natsServer()
        const connector = yield* start(["--metrics-port", "0"], { NATS_BROKER: platform.url })
        const grpc = yield* Support.ready(connector)
        yield* ConnectorClient.ConnectorClient.use((client) =>
          client.setStreams([
            Support.stream("in", "INGRESS", { subject: "nats_in", broker: outside.url }),
            Support.stream("out", "EGRESS", { subject: "nats_out", broker: outside.url })
          ])
        ).pipe(Effect.provide(Support.clientAt(grpc, "c-1")))
        const series = Array.from((yield* scrape(metricsPort(connector))).keys())
        const metrics = new Map<string, Set<string>>()
        for (const one of series) {
          const [, name = "", labels = ""] = /^(\w+)(?:\{(.*)\})?$/.exec(one) ?? []
          // the last two come from whoever scrapes
          const known = metrics.get(name) ?? new Set(["job", "instance"])
          for (const [, label] of labels.matchAll(/(\w+)="/g)) known.add(label!)
          metrics.set(name, known)
        }

        const { groups } = parse(observability("alerts.yaml"))
        const rules: ReadonlyArray<Record<string, never>> = groups.flatMap(({ rules }: { rules: unknown }) => rules)
        const dashboard = JSON.parse(observability("dashboard.json"))
        const queries: ReadonlyArray<string> = [
          ...rules.map(({ expr }) => String(expr)),
          ...dashboard.panels.flatMap(({ targets = [] }: { targets?: ReadonlyArray<{ expr: string }> }) =>
            targets.map(({ expr }) => expr)
          ),
          ...dashboard.templating.list.flatMap(({ definition }: { definition?: string }) => definition ?? [])
        ]
        assert.isAbove(rules.length, 8)
        assert.isAbove(queries.length, 40)
        const used = new Set<string>()
        for (const query of queries) {
          const names = query.match(/\b(?:kps|process)_\w+/g) ?? assert.fail(`no metric of ours in ${query}`)
          for (const name of names) {
            assert.isTrue(metrics.has(name), `${name} in ${query}`)
            used.add(name)
          }
          for (const [, name, matchers] of query.matchAll(/\b((?:kps|process)_\w+)\{([^}]*)\}/g)) {
            for (const [, label] of matchers!.matchAll(/(\w+)(?:=~?|!=|!~)"/g)) {
              assert.isTrue(metrics.get(name!)?.has(label!), `${label} of ${name} in ${query}`)
            }
          }
        }
        for (const { alert, annotations, expr, labels } of rules) {
          assert.match(String(alert), /^Kps[A-Za-z]+$/)
          assert.includeMembers(["critical", "warning"], [labels!["severity"]])
          assert.sameMembers(Object.keys(annotations!), ["summary", "description"])
          const [own = ""] = String(expr).match(/kps_\w+/) ?? []
          for (const [, label] of JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)) {
            assert.isTrue(metrics.get(own)?.has(label!), `${label} of ${alert}`)
          }
        }
        // and none is left out
        for (const name of metrics.keys()) assert.isTrue(used.has(name), `nobody looks at ${name}`)
        const documented = readFileSync(fileURLToPath(new URL("../../../docs/operations.md", import.meta.url)), "utf8")
        for (const name of metrics.keys()) assert.include(documented, `\`${name}\``)
        for (const { alert } of rules) assert.include(documented, `\`${alert}\``)
      }), 60_000)
  })
})
