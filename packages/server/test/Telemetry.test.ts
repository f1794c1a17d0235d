/** What a collector gets over OTLP, from a connector that is served on a real port. */
import { create, toBinary } from "@bufbuild/protobuf"
import { assert, describe, it } from "@effect/vitest"
import { Metadata } from "@grpc/grpc-js"
import { ConnectorClient } from "@kps/client"
import { Connector, Delivery, Failure } from "@kps/connector"
import { Events } from "@kps/events"
import { GetEventsRequestSchema, StreamDirection } from "@kps/idl"
import { Channel, Transport } from "@kps/transport"
import {
  ConfigProvider,
  Context,
  Effect,
  Exit,
  Layer,
  Logger,
  LogLevel,
  References,
  Schema,
  Scope,
  Stream
} from "effect"
import { ConnectorServer } from "../src/index.ts"
import * as Observability from "../src/Observability.ts"
import { GrpcCaller } from "./support/GrpcCaller.ts"
import * as Receiver from "./support/Receiver.ts"

class Refused extends Schema.TaggedError<Refused>()("Refused", { why: Schema.String }) {
  override get message() {
    return this.why
  }
}

const Secretive = Connector.make("secretive")({
  version: "2.1",
  description: "Has a secret.",
  direction: "BIDIRECTIONAL",
  stream: Schema.Struct({
    name: Schema.String,
    password: Schema.optionalKey(Schema.RedactedFromValue(Schema.String))
  }),
  config: Schema.Struct({}),
  failures: { Refused: Failure.halt({ code: "PERMISSION_DENIED", severity: "CRITICAL" }) }
})

const implementation = Secretive.toLayer(Effect.succeed({
  ingress: ({ parameters }) =>
    parameters.name === "refused"
      ? Effect.fail(new Refused({ why: "the plant says no" }))
      : Effect.as(
        Effect.logDebug("opened"),
        Delivery.lossy(
          Stream.concat(
            Stream.fromArray(Array.from({ length: 10_000 }, (_, i) => new TextEncoder().encode(`payload-canary-${i}`))),
            Stream.never
          )
        )
      ),
  egress: () => Effect.succeed(Delivery.sink({ idempotent: true, deliver: () => Effect.void }))
}))

/** Serves it until the scope is closed, with these variables; what else is logged goes to `lines`. */
const serve = Effect.fnUntraced(function*(env: Record<string, string>, lines: Array<string> = []) {
  const scope = yield* Scope.Scope
  const provider = ConfigProvider.fromEnv({ env })
  const { telemetry } = yield* Effect.orDie(Observability.config.parse(provider))
  const limit = (logger: Logger.Logger<unknown, void>) =>
    Logger.make<unknown, void>((line) => {
      if (LogLevel.isGreaterThanOrEqualTo(line.logLevel, "Info")) logger.log(line)
    })
  const context = yield* ConnectorServer.layer(Secretive, { connectorId: "c-1", host: "127.0.0.1", port: 0 }).pipe(
    Layer.provide(implementation),
    Layer.provideMerge([Transport.layerMemory, Events.layer]),
    Layer.provide(Observability.layer(Secretive, { connectorId: "c-1", telemetry, logs: limit })),
    Layer.provide([
      ConfigProvider.layer(provider),
      Logger.layer([Logger.map(Logger.formatJson, (line) => void lines.push(line))]),
      Layer.succeed(References.MinimumLogLevel, "All")
    ]),
    Layer.buildWithScope(scope)
  )
  const { port } = Context.get(context, ConnectorServer.ConnectorServer)
  const client = yield* Layer.buildWithScope(
    ConnectorClient.layer({ endpoint: `127.0.0.1:${port}`, connectorId: "c-1" }),
    scope
  )
  return { context, client: Context.get(client, ConnectorClient.ConnectorClient), port }
})

const variables = (port: number) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}/base`,
  OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
  OTEL_EXPORTER_OTLP_HEADERS: "api-key=header-canary",
  OTEL_BSP_SCHEDULE_DELAY: "50",
  OTEL_BLRP_SCHEDULE_DELAY: "50",
  OTEL_METRIC_EXPORT_INTERVAL: "50"
})

const stream = (id: string, name: string, direction: keyof typeof StreamDirection = "INGRESS") => ({
  id,
  direction: StreamDirection[direction],
  transportChannel: `ch.${id}`,
  metadata: { name, password: "secret-canary" }
})

interface Attribute {
  readonly key: string
  readonly value: { readonly [kind: string]: unknown }
}

interface Span {
  readonly name: string
  readonly kind: number
  readonly traceId: string
  readonly parentSpanId?: string
  readonly spanId: string
  readonly attributes: ReadonlyArray<Attribute>
  readonly status: { readonly code: number; readonly message?: string }
}

const attributes = (list: ReadonlyArray<Attribute>) =>
  Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value)[0]]))

const sent = (collector: Receiver.Receiver, signal: string) =>
  collector.received
    .filter(({ path }) => path === `/base/v1/${signal}`)
    .map(({ body }) => JSON.parse(body.toString()))

const spans = (collector: Receiver.Receiver): ReadonlyArray<Span> =>
  sent(collector, "traces").flatMap(({ resourceSpans }) => resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans).flatMap(({ spans }) => spans)

const named = (collector: Receiver.Receiver, name: string) => spans(collector).filter((span) => span.name === name)

const records = (collector: Receiver.Receiver) =>
  sent(collector, "logs").flatMap(({ resourceLogs }) => resourceLogs)
    .flatMap(({ scopeLogs }) => scopeLogs).flatMap(({ logRecords }) => logRecords)

/** The last value of each series, such as `kps_stream_messages_received_total a`. */
const points = (collector: Receiver.Receiver): ReadonlyMap<string, number> =>
  new Map(
    sent(collector, "metrics").flatMap(({ resourceMetrics }) => resourceMetrics)
      .flatMap(({ scopeMetrics }) => scopeMetrics).flatMap(({ metrics }) => metrics)
      .flatMap(({ gauge, name, sum }) =>
        (sum ?? gauge).dataPoints.map((point: { attributes: ReadonlyArray<Attribute>; asDouble: number }) => {
          const { state = "", stream_id = "" } = attributes(point.attributes)
          return [[name, stream_id, state].filter((part) => part !== "").join(" "), point.asDouble] as const
        })
      )
  )

const eventually = (what: string, condition: () => boolean) =>
  Effect.sync(condition).pipe(
    Effect.flatMap((so) => so ? Effect.void : Effect.andThen(Effect.sleep("5 millis"), Effect.fail("not yet"))),
    Effect.eventually,
    Effect.timeoutOrElse({ duration: "10 seconds", orElse: () => Effect.die(new Error(`never came: ${what}`)) })
  )

describe("Telemetry", () => {
  it.live("has the calls and the ends of streams as spans, and none per message", () =>
    Effect.gen(function*() {
      const collector = yield* Receiver.make()
      const scope = yield* Scope.make()
      const { client } = yield* Scope.provide(serve(variables(collector.port)), scope)
      yield* Effect.ignore(
        client.setStreams([stream("in", "a"), stream("no", "refused"), stream("out", "b", "EGRESS")])
      )
      yield* eventually("open spans", () => named(collector, "stream open").length === 3)
      yield* eventually(
        "all are published",
        () => points(collector).get("kps_stream_messages_published_total in") === 10_000
      )
      yield* client.getEvents
      yield* client.setPayload([])
      yield* eventually("run spans", () => named(collector, "stream run").length === 2)
      yield* Scope.close(scope, Exit.void)

      const [set] = named(collector, "connector.v1.ConnectorService/SetPayload")
      assert(set !== undefined)
      assert.strictEqual(set.kind, 2)
      assert.deepInclude(attributes(set.attributes), {
        "rpc.system": "grpc",
        "rpc.service": "connector.v1.ConnectorService",
        "rpc.method": "SetPayload",
        "kps.response_code": "PERMISSION_DENIED"
      })
      const inner = named(collector, "ConnectorService.setPayload").find(({ parentSpanId }) =>
        parentSpanId === set.spanId
      )
      assert(inner !== undefined)
      assert.strictEqual(inner.traceId, set.traceId)
      assert.isTrue(
        named(collector, "RunningStreams.apply").some(({ parentSpanId }) => parentSpanId === inner.spanId)
      )
      const opened = named(collector, "stream open").map((span) => {
        const of = attributes(span.attributes)
        const names = ["kps.stream.id", "kps.stream.direction", "messaging.destination.name"]
        return [...names.map((name) => of[name]), span.status.code].join(" ")
      })
      assert.deepStrictEqual(opened.toSorted(), ["in ingress ch.in 1", "no ingress ch.no 2", "out egress ch.out 1"])
      const run = named(collector, "stream run").find((span) => attributes(span.attributes)["kps.stream.id"] === "in")
      assert.deepInclude(attributes(run?.attributes ?? []), {
        "kps.messages.received": 10_000,
        "kps.messages.published": 10_000,
        "kps.messages.dropped": 0
      })
      // ten thousand messages later
      assert.isBelow(spans(collector).length, 30)
    }))

  it.live("goes on with the trace of the caller", () =>
    Effect.gen(function*() {
      const collector = yield* Receiver.make()
      const scope = yield* Scope.make()
      const { port } = yield* Scope.provide(serve(variables(collector.port)), scope)
      const traceId = "0af7651916cd43dd8448eb211c80319c"
      const call = (traceparent: string) =>
        Effect.flatMap(GrpcCaller.make(port), ({ client }) =>
          Effect.callback<void>((resume) => {
            const metadata = new Metadata()
            metadata.set("traceparent", traceparent)
            client.makeUnaryRequest(
              "/connector.v1.ConnectorService/GetEvents",
              () =>
                Buffer.from(toBinary(GetEventsRequestSchema, create(GetEventsRequestSchema, { connectorId: "c-1" }))),
              () => undefined,
              undefined,
              metadata,
              () => resume(Effect.void)
            )
          })).pipe(Effect.scoped)
      yield* call(`00-${traceId}-b7ad6b7169203331-01`)
      yield* call(`00-${traceId}-b7ad6b7169203331-00`)
      yield* call("00-nonsense")
      yield* Scope.close(scope, Exit.void)
      const all = named(collector, "connector.v1.ConnectorService/GetEvents")
      assert.deepStrictEqual(
        all.map((span) => [span.traceId === traceId, span.parentSpanId]),
        [[true, "b7ad6b7169203331"], [false, undefined]]
      )
    }))

  it.live("has the metrics of the streams, the last ones from after the end", () =>
    Effect.gen(function*() {
      const collector = yield* Receiver.make()
      const scope = yield* Scope.make()
      const { client } = yield* Scope.provide(serve(variables(collector.port)), scope)
      yield* client.setStreams([stream("in", "a")])
      yield* eventually(
        "all are counted",
        () => points(collector).get("kps_stream_messages_published_total in") === 10_000
      )
      assert.strictEqual(points(collector).get("kps_stream_state in running"), 1)
      assert.strictEqual(points(collector).get("kps_connector_serving"), 1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(points(collector).get("kps_connector_serving"), 0)
      assert.strictEqual(points(collector).get("kps_stream_messages_published_total in"), 10_000)
    }))

  it.live("has what is logged, from a level on, besides the logger that was there", () =>
    Effect.gen(function*() {
      const collector = yield* Receiver.make()
      const lines: Array<string> = []
      const scope = yield* Scope.make()
      const { client } = yield* Scope.provide(serve(variables(collector.port), lines), scope)
      yield* client.setStreams([stream("in", "a")])
      assert.isTrue(lines.some((line) => JSON.parse(line).message === "opened"))
      yield* Scope.close(scope, Exit.void)
      const messages = (records(collector) as ReadonlyArray<{ readonly body: { readonly stringValue: string } }>)
        .map(({ body }) => body.stringValue)
      const logged = lines.map((line) => JSON.parse(line)).filter(({ level }) => level !== "DEBUG")
      assert.include(messages, "listening")
      assert.include(messages, "stopping")
      assert.deepStrictEqual(messages, logged.map(({ message }) => message))
    }))

  it.live("says who it is, by the environment first", () =>
    Effect.gen(function*() {
      const who = Effect.fnUntraced(function*(env: Record<string, string>) {
        const collector = yield* Receiver.make()
        yield* Effect.scoped(serve({ ...variables(collector.port), ...env }))
        const all = ["traces", "metrics", "logs"].flatMap((signal) =>
          sent(collector, signal).flatMap((body) => Object.values(body).flat()) as ReadonlyArray<
            { readonly resource: { readonly attributes: ReadonlyArray<Attribute> } }
          >
        )
        const each = new Set(all.map(({ resource }) => JSON.stringify(attributes(resource.attributes))))
        assert.strictEqual(each.size, 1)
        return JSON.parse([...each][0]!)
      })
      assert.deepInclude(yield* who({}), {
        "service.name": "secretive",
        "service.version": "2.1",
        "service.instance.id": "c-1"
      })
      assert.deepInclude(
        yield* who({
          OTEL_SERVICE_NAME: "plant",
          OTEL_RESOURCE_ATTRIBUTES: "service.name=x,service.version=7,service.instance.id=pod-1,k8s.pod.name=p"
        }),
        { "service.name": "plant", "service.version": "7", "service.instance.id": "pod-1", "k8s.pod.name": "p" }
      )
      assert.deepInclude(yield* who({ OTEL_RESOURCE_ATTRIBUTES: "service.name=x" }), { "service.name": "x" })
    }))

  it.live("tells no secret, and nothing of a payload", () =>
    Effect.gen(function*() {
      const collector = yield* Receiver.make()
      const lines: Array<string> = []
      const scope = yield* Scope.make()
      const { client, context } = yield* Scope.provide(serve(variables(collector.port), lines), scope)
      yield* Effect.ignore(
        client.setStreams([stream("in", "a"), stream("no", "refused"), stream("out", "b", "EGRESS")])
      )
      yield* Effect.ignore(
        client.setStreams([{ ...stream("in", "a"), metadata: { name: 7, password: "secret-canary" } }])
      )
      yield* Effect.orDie(
        Context.get(context, Transport.Transport).publish(Channel.ChannelName.make("ch.out"), {
          timestampNanos: 1n,
          payloads: [new TextEncoder().encode("payload-canary")]
        })
      )
      yield* eventually(
        "all are counted",
        () => points(collector).get("kps_stream_messages_published_total in") === 10_000
      )
      yield* client.getStreams
      yield* Scope.close(scope, Exit.void)

      const all = collector.received.map(({ body }) => body.toString()).join("\n")
      assert.include(all, "ch.out")
      assert.notInclude(all, "canary")
      assert.notInclude(lines.join("\n"), "canary")
      assert.isTrue(collector.received.every(({ headers }) => headers["api-key"] === "header-canary"))
    }))

  it.live("is protobuf unless it is told otherwise, and only what was asked for", () =>
    Effect.gen(function*() {
      const collector = yield* Receiver.make()
      const { OTEL_EXPORTER_OTLP_PROTOCOL: _, ...env } = variables(collector.port)
      yield* Effect.scoped(
        serve({ ...env, OTEL_TRACES_EXPORTER: "none", OTEL_EXPORTER_OTLP_LOGS_PROTOCOL: "http/json" })
      )
      const kinds = new Set(collector.received.map(({ headers, path }) => `${path} ${headers["content-type"]}`))
      assert.deepStrictEqual([...kinds].toSorted(), [
        "/base/v1/logs application/json",
        "/base/v1/metrics application/x-protobuf"
      ])
    }))

  it.live(
    "says once that the collector is away, and once that it is back",
    () =>
      Effect.gen(function*() {
        const port = yield* Effect.scoped(Effect.map(Receiver.make(), ({ port }) => port))
        const lines: Array<string> = []
        const scope = yield* Scope.make()
        yield* Scope.provide(
          serve({
            OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `http://127.0.0.1:${port}/m?key=query-canary`,
            OTEL_METRIC_EXPORT_INTERVAL: "50"
          }, lines),
          scope
        )
        const told = () =>
          lines.map((line) => JSON.parse(line)).filter(({ message }) => String(message).startsWith("telemetry"))
            .map(({ annotations, level, message }) => [level, message, annotations.endpoint, annotations.problem])
        const endpoint = `http://127.0.0.1:${port}/m`
        const away = ["WARN", "telemetry cannot be exported", endpoint, `connect ECONNREFUSED 127.0.0.1:${port}`]
        yield* eventually("told", () => told().length === 1)
        assert.deepStrictEqual(told(), [away])
        yield* Receiver.make(port)
        yield* eventually("told again", () => told().length === 2)
        assert.deepStrictEqual(told(), [away, ["INFO", "telemetry is exported again", endpoint, undefined]])
        yield* Scope.close(scope, Exit.void)
      }),
    30_000
  )

  const refused: ReadonlyArray<readonly [Record<string, string>, string]> = [
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, "Expected \"http/protobuf\" | \"http/json\""],
    [{ OTEL_METRIC_EXPORT_INTERVAL: "often" }, "Expected a string representing a finite number"],
    [{ OTEL_EXPORTER_OTLP_TIMEOUT: "soon" }, "Expected a string representing a finite number"],
    [{ OTEL_EXPORTER_OTLP_HEADERS: "a=%zz-canary" }, "at [\"OTEL_EXPORTER_OTLP_HEADERS\"]"]
  ]
  it.live.each(refused)("refuses %o", ([env, problem]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        Effect.scoped(serve({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", ...env }))
      )
      assert.strictEqual(error._tag, "ConfigError")
      assert.include(error.message, problem)
      assert.include(error.message, Object.keys(env)[0]!)
      assert.notInclude(error.message, "canary")
    }))

  it.live("does not hold up the end, however silent the collector is", () =>
    Effect.gen(function*() {
      const collector = yield* Receiver.make()
      collector.status = undefined
      const scope = yield* Scope.make()
      const { client } = yield* Scope.provide(serve(variables(collector.port)), scope)
      yield* client.setStreams([stream("in", "a")])
      yield* eventually("asked", () => new Set(collector.received.map(({ path }) => path)).size === 3)
      const begun = performance.now()
      yield* Scope.close(scope, Exit.void)
      assert.isBelow(performance.now() - begun, 5_000)
    }), 30_000)

  it.live("is off without an endpoint, and when the SDK is disabled", () =>
    Effect.gen(function*() {
      const read = (env: Record<string, string>) =>
        Effect.map(Observability.config.parse(ConfigProvider.fromEnv({ env })), ({ telemetry }) => telemetry)
      assert.isFalse(yield* read({}))
      assert.isFalse(yield* read({ OTEL_SERVICE_NAME: "x" }))
      assert.isTrue(yield* read({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://h" }))
      assert.isTrue(yield* read({ OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://h" }))
      assert.isFalse(yield* read({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://h", OTEL_SDK_DISABLED: "true" }))
    }))
})
