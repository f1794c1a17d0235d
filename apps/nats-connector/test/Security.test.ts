/** Credentials, permissions and TLS, as an operator sees them: by the connector's events and answers. */
import { assert, describe, it } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import { Severity } from "@kps/idl"
import { ConnectorServer } from "@kps/server"
import { NatsTransport } from "@kps/transport"
import * as Certificates from "@kps/transport/testing/Certificates"
import { binary, make as natsServer, suiteName } from "@kps/transport/testing/NatsServer"
import { type Duration, Effect, Layer, Logger, Redacted, Schedule } from "effect"
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as App from "../src/App.ts"
import * as LogLevels from "../src/LogLevels.ts"
import {
  alerts,
  clientAt,
  collect,
  collectChannel,
  emptyFolder,
  frame,
  natsClient,
  stream,
  subscribed,
  until
} from "./support.ts"

/** A connector within this process; its client. */
const connector = (transport: NatsTransport.Options, secretsFolder = "/no/secrets") =>
  Layer.unwrap(Effect.map(ConnectorServer.ConnectorServer, ({ port }) => clientAt(port, "c-1"))).pipe(
    Layer.provide(App.layer({
      connectorId: "c-1",
      host: "127.0.0.1",
      port: 0,
      errors: "inBand",
      setPayload: "perKind",
      secretsFolder,
      pushGateway: undefined
    })),
    Layer.provide(NatsTransport.layer(transport)),
    Layer.provide(LogLevels.layer(Logger.make(() => {}))),
    Layer.orDie
  )

/** The errors of the alert, as JSON, as soon as there is one that matches; within 5 seconds unless told otherwise. */
const alert = (id: string, text: RegExp, within: Duration.Input = "5 seconds") =>
  Effect.gen(function*() {
    let found = ""
    yield* until(
      `alert ${id} with ${text}`,
      Effect.map(alerts, (alerts) => {
        found = alerts.filter((one) => one.id === id && one.severity !== Severity.INFO)
          .map((one) => JSON.stringify(one.metadata?.["ErrorMessage"])).join()
        return text.test(found)
      })
    ).pipe(Effect.timeoutOrElse({
      duration: within,
      orElse: () => Effect.die(new Error(`no alert ${id} with ${text} in time, but "${found}"`))
    }))
    return found
  })

/** Permissions are tried again after half a minute at most. */
const cleared = (id: string, within: Duration.Input = "15 seconds") =>
  alerts.pipe(
    Effect.repeat({
      until: (alerts) => alerts.every((one) => one.id !== id || one.severity === Severity.INFO),
      schedule: Schedule.spaced("25 millis")
    }),
    Effect.timeoutOrElse({ duration: within, orElse: () => Effect.die(new Error(`the alert ${id} stays`)) })
  )

describe.skipIf(binary() === undefined)(suiteName("security"), () => {
  it.live(
    "tells within 5 seconds that the platform's broker refuses the password, and that it takes the next one",
    () =>
      Effect.gen(function*() {
        const folder = yield* emptyFolder
        const file = join(folder, "password")
        writeFileSync(file, "wrong-canary")
        const platform = yield* natsServer({ config: "authorization { user: u, password: right-canary }" })
        yield* Effect.gen(function*() {
          const client = yield* ConnectorClient.ConnectorClient
          const text = yield* alert(
            "transportDisconnected",
            /AuthorizationFailed: credentials refused by 127\.0\.0\.1:/
          )
          assert.notInclude(text, "canary")
          assert.strictEqual(yield* client.health(), "NOT_SERVING")
          writeFileSync(file, "right-canary\n")
          yield* cleared("transportDisconnected")
          yield* until("serving", Effect.map(client.health(), (health) => health === "SERVING"))
          // and what is taken away while it is connected
          yield* platform.configure("authorization { user: u, password: changed-canary }")
          yield* platform.kill("SIGHUP")
          yield* alert("transportDisconnected", /AuthorizationFailed: credentials refused by/)
          writeFileSync(file, "changed-canary")
          yield* cleared("transportDisconnected")
        }).pipe(Effect.provide(connector({ servers: [platform.url], user: "u", password: { file } })))
      }),
    30_000
  )

  it.live(
    "tells within 5 seconds which channel the platform's broker denies, and that it is granted",
    () =>
      Effect.gen(function*() {
        const config = (denied: string) =>
          `authorization { users: [{ user: u, password: p, permissions: {
          publish: { deny: [${denied}] }, subscribe: { deny: [${denied}] } } }, { user: all, password: p }] }`
        const platform = yield* natsServer({ config: config("ch.in, ch.out") })
        const outside = yield* natsServer()
        const world = yield* natsClient(outside.url)
        const pipelines = yield* natsClient(platform.url, { user: "all", pass: "p" })
        yield* Effect.gen(function*() {
          const client = yield* ConnectorClient.ConnectorClient
          yield* Effect.result(client.setStreams([
            stream("in", "INGRESS", { subject: "nats_in", broker: outside.url }),
            stream("out", "EGRESS", { subject: "nats_out", broker: outside.url })
          ]))
          const publishing = setInterval(() => world.publish("nats_in", "x"), 50)
          yield* Effect.addFinalizer(() => Effect.sync(() => clearInterval(publishing)))
          yield* alert("transportSubscribeFailed", /PermissionDenied: no permission to subscribe on .*ch\.out/)
          yield* alert("transportPublishFailed", /PermissionDenied: no permission to publish on .*ch\.in/)

          yield* platform.configure(config(""))
          yield* platform.kill("SIGHUP")
          yield* cleared("transportSubscribeFailed")
          yield* cleared("transportPublishFailed", "45 seconds")
          const delivered = yield* collect(world, "nats_out")
          const channel = yield* collectChannel(pipelines, "ch.in")
          yield* until("published in", Effect.sync(() => channel.length > 0))
          pipelines.publish("ch.out", frame("granted"))
          yield* until("delivered out", Effect.sync(() => delivered.includes("granted")))
        }).pipe(
          Effect.scoped,
          Effect.provide(connector({ servers: [platform.url], user: "u", password: Redacted.make("p") }))
        )
      }),
    60_000
  )

  it.live(
    "tells that there is no secret of the name that a stream has, and runs when there is",
    () =>
      Effect.gen(function*() {
        const secrets = yield* emptyFolder
        const platform = yield* natsServer()
        const outside = yield* natsServer({ args: ["--auth", "token-canary"] })
        const parameters = { subject: "nats_in", broker: outside.url, credentials: "plant" }
        yield* Effect.gen(function*() {
          const client = yield* ConnectorClient.ConnectorClient
          const error = yield* Effect.flip(client.setStreams([stream("in", "INGRESS", parameters)]))
          assert(error._tag === "StreamsFailed")
          assert.deepStrictEqual(error.failures.map(({ code, message, reason }) => [code, reason, message]), [
            [
              "FAILED_PRECONDITION",
              "CredentialsUnreadable",
              "cannot read the credentials \"plant\": there is no secret of this name"
            ]
          ])
          const text = yield* alert("streamFailed", /plant/)
          assert.notInclude(text, secrets)
          mkdirSync(join(secrets, "plant"))
          writeFileSync(join(secrets, "plant/token"), "token-canary\n")
          yield* until("running", Effect.map(subscribed("in"), (subscribed) => subscribed === true))
          yield* cleared("streamFailed")
          // a path is refused before anything is looked for, with all of what it came with
          for (const name of ["../plant", "/etc/passwd", "a/b", "", "a".repeat(64)]) {
            const refused = yield* Effect.flip(client.setStreams([
              stream("in", "INGRESS", { ...parameters, credentials: name })
            ]))
            assert(refused._tag === "InvalidRequest")
            assert.strictEqual(refused.violations[0]?.field, "payloads[0].stream.metadata.credentials")
          }
          assert.isTrue(yield* subscribed("in"))
        }).pipe(Effect.provide(connector({ servers: [platform.url] }, secrets)))
      }),
    30_000
  )

  const tls = it.live.skipIf(Certificates.skipReason() !== undefined)
  tls(
    Certificates.suiteName("shows an outside broker the certificate of the secret, and trusts its authority alone"),
    () =>
      Effect.gen(function*() {
        const secrets = yield* emptyFolder
        const [ours, theirs] = [yield* Certificates.authority("ours"), yield* Certificates.authority("theirs")]
        const platform = yield* natsServer()
        const server = yield* ours.issue()
        const outside = yield* natsServer({ config: Certificates.natsConfig(server, ours.ca) })
        const client = yield* ours.issue({ names: "DNS:client" })
        const copy = (key: string, file: string) => copyFileSync(file, join(secrets, `plant.${key}`))
        copy("tls.crt", client.cert)
        copy("tls.key", client.key)
        copy("ca.crt", theirs.ca)
        yield* Effect.gen(function*() {
          const { setStreams } = yield* ConnectorClient.ConnectorClient
          const streams = ["localhost", "127.0.0.1"].map((host, i) =>
            stream(`in-${i}`, "INGRESS", {
              subject: "nats_in",
              broker: `tls://${host}:${outside.port}`,
              credentials: "plant"
            })
          )
          const untrusted = yield* Effect.flip(setStreams(streams))
          assert(untrusted._tag === "StreamsFailed")
          for (const { message, reason } of untrusted.failures) {
            assert.strictEqual(reason, "BrokerUnreachable")
            assert.match(message, /certificate/)
          }
          copy("ca.crt", ours.ca)
          for (const id of ["in-0", "in-1"]) {
            yield* until("running", Effect.map(subscribed(id), (subscribed) => subscribed === true))
          }
          // a key that is none of the certificate's, after a reconnect
          copy("tls.key", server.key)
          yield* outside.restart
          assert.include(
            yield* alert("streamFailed", /tls\.key/),
            String
              .raw`CredentialsUnreadable: cannot read the credentials \"plant\": \"tls.key\": ERR_OSSL_X509_KEY_VALUES_MISMATCH`
          )
        }).pipe(Effect.provide(connector({ servers: [platform.url] }, secrets)))
      }),
    30_000
  )
})
