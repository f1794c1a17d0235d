/** Secrets and payloads are planted, everything that can go wrong goes wrong, and all that comes out is searched. */
import { assert, describe, it } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import { Connector, Delivery, Failure } from "@kps/connector"
import { Events } from "@kps/events"
import { ConnectorServer } from "@kps/server"
import { Transport } from "@kps/transport"
import * as Certificates from "@kps/transport/testing/Certificates"
import { binary, make as natsServer, suiteName } from "@kps/transport/testing/NatsServer"
import { nkeys } from "@nats-io/transport-node"
import { Effect, Layer, Logger, References, Schema, Stream, Tracer } from "effect"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { inspect } from "node:util"
import * as Support from "./support.ts"

const json = (value: unknown): string =>
  JSON.stringify(value, (_, part) => typeof part === "bigint" ? `${part}` : part) ?? ""

/** What is found of the planted in what came out, by the name of where it came out. */
const leaks = (outputs: Readonly<Record<string, string>>, planted: ReadonlyArray<string>) =>
  Object.entries(outputs).flatMap(([where, text]) =>
    planted.filter((one) => text.includes(one)).map((one) => `${where}: ${one}`)
  )

/** An HTTP server that takes everything, on a free port: the bodies. */
const collector = Effect.map(
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly bodies: Array<string>; readonly close: () => void }>((resume) => {
      const bodies: Array<string> = []
      const server = createServer((request, response) => {
        let body = ""
        request.on("data", (chunk: Buffer) => void (body += chunk.toString("latin1"))).on("end", () => {
          bodies.push(`${request.url} ${body}`)
          response.writeHead(200, { "content-type": "application/json" }).end("{}")
        })
      }).listen(0, "127.0.0.1", () => {
        const address = server.address()
        assert(typeof address === "object" && address !== null)
        const close = () => {
          server.close()
          server.closeAllConnections()
        }
        resume(Effect.succeed({ port: address.port, bodies, close }))
      })
    }),
    ({ close }) => Effect.sync(close)
  ),
  ({ bodies, port }) => ({ bodies, port })
)

const freePort = Effect.scoped(Effect.map(collector, ({ port }) => port))

describe.skipIf(binary() === undefined)(suiteName("canary"), () => {
  it.live("finds no secret and no payload in what the process lets out, whatever fails", () =>
    Effect.gen(function*() {
      const [secrets, files] = [yield* Support.emptyFolder, yield* Support.emptyFolder]
      const write = (folder: string, name: string, text: string) => {
        writeFileSync(join(folder, name), text)
        return join(folder, name)
      }
      const keys = nkeys.createUser()
      const seed = new TextDecoder().decode(keys.getSeed())
      const planted = ["canary", seed]
      const platform = yield* natsServer({ config: "authorization { user: u, password: canary-platform }" })
      const outside = yield* natsServer({
        config: `max_payload: 1024\nauthorization { users: [
          { nkey: ${keys.getPublicKey()}, permissions: { subscribe: { deny: denied }, publish: { deny: denied } } },
          { user: world, password: w }] }`
      })
      mkdirSync(join(secrets, "right"))
      write(join(secrets, "right"), "nkey", seed)
      for (const [name, text] of [["wrong.token", "canary-token"], ["malformed.creds", "canary-creds"]] as const) {
        write(secrets, name, text)
      }
      write(secrets, "half.username", "u")
      write(secrets, "half.password", "canary-password")
      if (Certificates.skipReason() === undefined) {
        const ours = yield* Certificates.authority("ours")
        const client = yield* ours.issue({ names: "DNS:client" })
        write(secrets, "tls.tls.crt", readFileSync(ours.ca, "utf8"))
        write(secrets, "tls.tls.key", readFileSync(client.key, "utf8"))
        planted.push(readFileSync(client.key, "utf8").split("\n")[1]!)
      }
      const otlp = yield* collector
      const metricsPort = yield* freePort
      const connector = yield* Support.start(yield* Support.bundle, ["--host", "127.0.0.1", "--port", "0"], {
        CONNECTOR_INSTANCE_ID: "c-1",
        NATS_BROKER: platform.url,
        NATS_USER: "u",
        NATS_PASSWORD_FILE: write(files, "password", "canary-wrong-at-first"),
        KPS_SECRETS_DIR: secrets,
        KPS_METRICS_PORT: `${metricsPort}`,
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${otlp.port}`,
        OTEL_METRIC_EXPORT_INTERVAL: "500",
        OTEL_BSP_SCHEDULE_DELAY: "500",
        NODE_OPTIONS: `--import=data:text/javascript,${
          encodeURIComponent("process.on('SIGUSR2', () => { throw new Error('crash on demand') })")
        }`
      })
      const port = yield* Support.ready(connector)
      const outputs: Record<string, string> = {}
      yield* Effect.gen(function*() {
        const client = yield* ConnectorClient.ConnectorClient
        const observe = Effect.gen(function*() {
          outputs["GetEvents"] = (outputs["GetEvents"] ?? "") + json(yield* client.getEvents)
          outputs["GetPayload"] = (outputs["GetPayload"] ?? "") + json(yield* client.getStreams)
        })
        yield* Support.until("refused", Effect.map(Support.alerts, (alerts) => json(alerts).includes("refused")))
        yield* observe
        write(files, "password", "canary-platform")
        yield* Support.until("serving", Effect.map(client.health(), (health) => health === "SERVING"))

        const broker = outside.url
        const on = (id: string, direction: "INGRESS" | "EGRESS", credentials: string, subject = `nats.${id}`) =>
          Support.stream(id, direction, { subject, broker, credentials })
        const answer = yield* Effect.flip(client.setPayload([
          { object: { case: "config" as const, value: { metadata: { log_level: "DEBUG" } } } },
          ...[
            on("in", "INGRESS", "right"),
            on("out", "EGRESS", "right"),
            on("wrong", "INGRESS", "wrong"),
            on("malformed", "INGRESS", "malformed"),
            on("half", "EGRESS", "half"),
            on("tls", "INGRESS", "tls"),
            on("missing", "INGRESS", "missing"),
            on("denied-in", "INGRESS", "right", "denied"),
            on("denied-out", "EGRESS", "right", "denied")
          ].map((value) => ({ object: { case: "stream" as const, value } }))
        ]))
        const refused = yield* Effect.flip(client.setStreams([
          Support.stream("in", "INGRESS", { subject: "nats.in", broker: "nats://u:canary-user-info@host" })
        ]))
        outputs["SetPayload"] = json([answer, answer.message, refused, refused.message])

        const world = yield* Support.natsClient(broker, { user: "world", pass: "w" })
        const pipelines = yield* Support.natsClient(platform.url, { user: "u", pass: "canary-platform" })
        const [channel, delivered] = [
          yield* Support.collectChannel(pipelines, "ch.in"),
          yield* Support.collect(world, "nats.out")
        ]
        const traffic = (round: string) =>
          Effect.gen(function*() {
            pipelines.publish("ch.out", new TextEncoder().encode("canary-malformed-frame"))
            pipelines.publish("ch.out", Support.frame(`canary-${"x".repeat(2_000)}`))
            pipelines.publish("ch.denied-out", Support.frame("canary-denied"))
            world.publish("nats.in", `canary-in-${round}`)
            pipelines.publish("ch.out", Support.frame(`canary-out-${round}`))
            yield* Support.until(
              "through",
              Effect.sync(() => channel.includes(`canary-in-${round}`) && delivered.includes(`canary-out-${round}`))
            )
          })
        yield* traffic("first")
        yield* Support.until(
          "the dropped one is told",
          Effect.map(Support.alerts, (alerts) => alerts.some(({ id }) => id === "malformedFrame"))
        )
        yield* observe
        yield* outside.kill()
        yield* Support.until(
          "unreachable",
          Effect.map(Support.alerts, (alerts) => json(alerts).includes("BrokerUnreachable: "))
        )
        yield* observe
        yield* platform.kill()
        yield* Support.until(
          "away",
          Effect.map(Support.alerts, (alerts) => json(alerts).includes("transportDisconnected"))
        )
        yield* observe
        outputs["metrics"] = yield* Effect.promise(async () =>
          (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
        )
        yield* Support.until("exported", Effect.sync(() => otlp.bodies.some((body) => body.startsWith("/v1/traces"))))
      }).pipe(Effect.provide(Support.clientAt(port, "c-1")))
      connector.child.kill("SIGUSR2")
      assert.notStrictEqual(yield* connector.exited, 0)
      outputs["OTLP"] = otlp.bodies.join("\n")
      outputs["stderr and crash"] = connector.stderr()
      outputs["stdout"] = connector.stdout()

      // all of it is there to be searched
      assert.include(outputs["stderr and crash"], "crash on demand")
      assert.include(outputs["stderr and crash"], "DEBUG")
      assert.include(outputs["SetPayload"], "CredentialsUnreadable")
      assert.include(outputs["GetPayload"], "malformed")
      for (
        const told of [
          "messageDeadLettered",
          "malformedFrame",
          "AuthorizationFailed",
          "CredentialsRefused",
          "SubjectDenied"
        ]
      ) {
        assert.include(outputs["GetEvents"], told)
      }
      assert.include(outputs["metrics"], "# TYPE")
      assert.deepStrictEqual(leaks(outputs, planted), [])
    }), 90_000)
})

class Broken extends Schema.TaggedError<Broken>()("Broken", { parameters: Schema.Unknown }) {
  override get message(): string {
    return `cannot open ${String(this.parameters)} ${json(this.parameters)}`
  }
}

const Secret = Schema.RedactedFromValue(Schema.NonEmptyString)

const Vault = Connector.make("vault")({
  version: "1.0",
  description: "A connector with secrets in its config and its streams, and an author who prints all that there is.",
  direction: "INGRESS",
  config: Schema.Struct({ password: Schema.optionalKey(Secret) }),
  stream: Schema.Struct({ mode: Schema.Literals(["works", "fails", "dies"]), token: Secret }),
  failures: { Broken: Failure.retry({ code: "UNAVAILABLE", severity: "CRITICAL" }) }
})

describe("canary of redaction", () => {
  it.live("finds no field of type Redacted in logs, spans, events and answers", () =>
    Effect.gen(function*() {
      const planted = ["canary-config", "canary-stream"]
      const [lines, spans]: [Array<string>, Array<Tracer.Span>] = [[], []]
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const author = Vault.toLayer(Effect.gen(function*() {
        const config = yield* Vault.Config
        return {
          ingress: ({ parameters }) =>
            Effect.gen(function*() {
              const all = { parameters, config: yield* config.get }
              yield* Effect.logError("opening", all, `${inspect(all, { depth: 9 })} ${json(all)}`).pipe(
                Effect.annotateLogs({ token: parameters.token, all }),
                Effect.withSpan("open", { attributes: { token: parameters.token, all } })
              )
              if (parameters.mode === "fails") return yield* new Broken({ parameters: all })
              if (parameters.mode === "dies") {
                return yield* Effect.die(new Error(`${json(all)} ${inspect(all, { depth: 9 })}`))
              }
              return Delivery.lossy(Stream.never)
            })
        }
      }))
      const live = Layer.unwrap(
        Effect.map(ConnectorServer.ConnectorServer, ({ port }) => Support.clientAt(port, "c-1"))
      ).pipe(
        Layer.provide(ConnectorServer.layer(Vault, { connectorId: "c-1", host: "127.0.0.1", port: 0 })),
        Layer.provide([author, Events.layer]),
        Layer.provide(Transport.layerMemory),
        Layer.provide(Logger.layer(
          [Logger.formatJson, Logger.formatLogFmt, Logger.formatSimple].map((format) =>
            Logger.map(format, (line) => void lines.push(line))
          )
        )),
        Layer.provide([
          Layer.succeed(References.MinimumLogLevel, "All"),
          Layer.succeed(Tracer.Tracer, tracer)
        ]),
        Layer.orDie
      )
      const outputs: Record<string, string> = {}
      yield* Effect.gen(function*() {
        const client = yield* ConnectorClient.ConnectorClient
        const answers: Array<unknown> = []
        const set = (config: Record<string, unknown>, streams: ReadonlyArray<object>) =>
          Effect.result(client.setPayload([
            { object: { case: "config" as const, value: { metadata: config as never } } },
            ...streams.map((value) => ({ object: { case: "stream" as const, value: value as never } }))
          ])).pipe(Effect.map((answer) => void answers.push(answer, String(answer))))
        yield* set(
          { password: "canary-config" },
          (["works", "fails", "dies"] as const).map((mode) =>
            Support.stream(mode, "INGRESS", { mode, token: "canary-stream" })
          )
        )
        outputs["GetPayload"] = json(yield* client.getStreams)
        yield* set({ password: ["canary-config"] }, [])
        yield* set({ password: "canary-config" }, [
          Support.stream("typo", "INGRESS", { mode: "typo", token: "canary-stream", tokn: "canary-stream" })
        ])
        yield* Support.until(
          "both are told",
          Effect.map(Support.alerts, (alerts) => json(alerts).includes("Broken") && json(alerts).includes("reference"))
        )
        outputs["GetEvents"] = json(yield* client.getEvents)
        outputs["SetPayload"] = json(answers)
      }).pipe(Effect.provide(live))
      outputs["logs"] = lines.join("\n")
      outputs["spans"] = spans.map((span) =>
        json([span.name, [...span.attributes], String([...span.attributes.values()])])
      )
        .join("\n")

      assert.include(outputs["logs"], "opening")
      assert.include(outputs["spans"], "open")
      assert.include(outputs["GetEvents"], "Broken")
      assert.include(outputs["GetPayload"], "works")
      assert.deepStrictEqual(leaks(outputs, planted), [])
    }), 30_000)
})
