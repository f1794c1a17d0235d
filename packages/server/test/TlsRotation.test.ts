import { create } from "@bufbuild/protobuf"
import { assert, describe, it } from "@effect/vitest"
import { ConnectorClient, type Tls as ClientTls } from "@kps/client"
import { Events } from "@kps/events"
import { type EventPayload, GetEventsRequestSchema, Severity } from "@kps/idl"
import * as Certificates from "@kps/transport/testing/Certificates"
import { Deferred, Effect, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs"
import * as http2 from "node:http2"
import { join } from "node:path"
import * as tls from "node:tls"
import * as Tls from "../src/Tls.ts"
import * as TlsRotation from "../src/TlsRotation.ts"
import { serve } from "./support/TestServer.ts"
import { until } from "./support/Until.ts"

const { ConnectorClient: Client } = ConnectorClient

/** The serial number of the certificate that a server shows to a new connection. */
const shown = (port: number, ca: string) =>
  Effect.callback<string>((resume) => {
    // One that has expired is to be seen too.
    const options = { host: "127.0.0.1", port, ALPNProtocols: ["h2"], rejectUnauthorized: false }
    const socket = tls.connect({ ...options, ca: readFileSync(ca) }, () => {
      resume(Effect.succeed(socket.getPeerX509Certificate()?.serialNumber ?? "none"))
      socket.destroy()
    })
    socket.on("error", () => {})
    return Effect.sync(() => socket.destroy())
  })

const client = (port: number, tls: ClientTls.Options) =>
  ConnectorClient.layer({ endpoint: `127.0.0.1:${port}`, connectorId: "c-1", deadline: "5 seconds", tls })

const asked = create(GetEventsRequestSchema, { connectorId: "c-1" })

const getEvents = Client.use((client) => client.getEvents)

const severities = new Map<number, string>([
  [Severity.INFO, "INFO"],
  [Severity.WARNING, "WARNING"],
  [Severity.CRITICAL, "CRITICAL"]
])

/** Every alert, in one line each. */
const lines = (payloads: ReadonlyArray<EventPayload>) =>
  payloads.flatMap(({ object }) => {
    if (object.case !== "alert") return []
    const message = object.value.metadata?.["ErrorMessage"]
    return [`${object.value.id} ${severities.get(object.value.severity)} ${typeof message === "string" ? message : ""}`]
  })

describe.skipIf(Certificates.skipReason() !== undefined)(
  Certificates.suiteName("a certificate that is renewed"),
  () => {
    it.live("is shown to new connections without a restart, and clients of old ones come again", () =>
      Effect.gen(function*() {
        const authority = yield* Certificates.authority("a")
        const files = yield* authority.issue()
        const { port } = yield* serve({ tls: { ...files, reload: "10 millis" } })
        const ca = authority.ca

        const told = yield* Deferred.make<number>()
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            const session = http2.connect(`https://127.0.0.1:${port}`, { ca: readFileSync(ca) })
            session.once("goaway", (code) => Deferred.doneUnsafe(told, Effect.succeed(code)))
            session.on("error", () => {})
            return session
          }),
          (session) => Effect.sync(() => session.destroy())
        )
        yield* Client.use((client) =>
          Effect.gen(function*() {
            yield* client.getEvents
            assert.strictEqual(yield* shown(port, ca), "01")
            yield* Certificates.replace(files, yield* authority.issue())
            yield* until(shown(port, ca), (serial) => serial === "02")
            yield* client.getEvents
          })
        ).pipe(Effect.provide(client(port, { ca })))
        assert.strictEqual(yield* Effect.timeout(Deferred.await(told), "5 seconds"), http2.constants.NGHTTP2_NO_ERROR)
      }))

    it.live("is found as Kubernetes mounts it: behind a link that changes", () =>
      Effect.gen(function*() {
        const authority = yield* Certificates.authority("a")
        const first = yield* authority.issue()
        const second = yield* authority.issue()
        const link = (name: string, target: string) => {
          symlinkSync(target, join(authority.folder, "next"))
          renameSync(join(authority.folder, "next"), join(authority.folder, name))
          return join(authority.folder, name)
        }
        const files = { cert: link("tls.crt", first.cert), key: link("tls.key", first.key) }
        const { port } = yield* serve({ tls: { ...files, reload: "10 millis" } })
        assert.strictEqual(yield* shown(port, authority.ca), "01")

        link("tls.crt", second.cert)
        link("tls.key", second.key)
        yield* until(shown(port, authority.ca), (serial) => serial === "02")
      }))

    it.live("is refused when it cannot be used, alerted until it is mended, and the old one stays in force", () =>
      Effect.gen(function*() {
        const authority = yield* Certificates.authority("a")
        const files = yield* authority.issue()
        const good = { cert: readFileSync(files.cert), key: readFileSync(files.key) }
        const { port, service } = yield* serve({ tls: { ...files, reload: "10 millis" } })
        const alerts = Effect.map(Effect.orDie(service.getEvents(asked)), lines)
        const other = yield* authority.issue()
        const spoils: ReadonlyArray<readonly [Effect.Effect<void>, string]> = [
          [
            Effect.sync(() => writeFileSync(files.key, readFileSync(other.key))),
            `cannot use the TLS key "${files.key}": it does not belong to the certificate in "${files.cert}"`
          ],
          [Certificates.replace(files, yield* authority.issue({ days: -1 })), "the new certificate expired 20"],
          [
            Effect.sync(() => writeFileSync(files.cert, "nothing")),
            `cannot use the TLS certificate "${files.cert}": it is no certificate in PEM`
          ]
        ]
        for (const [spoil, problem] of spoils) {
          yield* spoil
          yield* until(alerts, (lines) => lines[0]?.startsWith(`tlsCertificateRefused CRITICAL ${problem}`) === true)
          assert.strictEqual(yield* shown(port, authority.ca), "01")
        }

        writeFileSync(files.key, good.key)
        writeFileSync(files.cert, good.cert)
        // What is cleared is reported as INFO for a while.
        yield* until(alerts, (lines) => lines[0]?.startsWith("tlsCertificateRefused INFO") === true)
        assert.strictEqual(yield* shown(port, authority.ca), "01")
      }))

    it.live("is told in the log once, when it is refused and when it is in force, without what is in it", () =>
      Effect.gen(function*() {
        const authority = yield* Certificates.authority("a")
        const files = yield* authority.issue()
        const next = yield* authority.issue()
        const options = { ...files, reload: "5 millis" } as const
        const logged: Array<string> = []
        let looks = 0
        const renewed: Array<Tls.Loaded> = []
        yield* Effect.gen(function*() {
          const events = yield* Events.Events
          yield* TlsRotation.make(
            options,
            yield* Tls.load(options),
            (loaded) => Effect.sync(() => renewed.push(loaded))
          )
            .pipe(Effect.provideService(Events.Events, {
              ...events,
              raise: (alert, occurrence) => {
                looks++
                return events.raise(alert, occurrence)
              }
            }))
          writeFileSync(files.key, "spoilt")
          yield* until(Effect.sync(() => looks), (looks) => looks > 3)
          yield* Certificates.replace(files, next)
          yield* until(Effect.sync(() => renewed.length), (count) => count === 1)
          yield* until(Effect.sync(() => logged.length), (count) => count >= 2)
        }).pipe(
          Effect.provide([
            Events.layer,
            Logger.layer([Logger.map(Logger.formatJson, (line) => void logged.push(line))])
          ])
        )

        assert.lengthOf(logged.filter((line) => line.includes("new TLS certificate refused")), 1)
        assert.lengthOf(logged.filter((line) => line.includes("new TLS certificate in force")), 1)
        const secret = readFileSync(next.key, "utf8").split("\n")[1] ?? assert.fail("no key")
        assert.notInclude(logged.join("\n"), secret)
      }))

    it.live("may be of the clients' authority: whom it no longer vouches for is not let in again", () =>
      Effect.gen(function*() {
        const authority = yield* Certificates.authority("a")
        const before = yield* Certificates.authority("before")
        const after = yield* Certificates.authority("after")
        const clientCa = join(authority.folder, "clients.crt")
        writeFileSync(clientCa, readFileSync(before.ca))
        const { port } = yield* serve({ tls: { ...(yield* authority.issue()), clientCa, reload: "10 millis" } })
        const of = (clients: Certificates.Authority) =>
          Layer.unwrap(Effect.orDie(Effect.map(
            clients.issue(),
            (pair) => client(port, { ca: authority.ca, ...pair })
          )))
        yield* Effect.provide(getEvents, of(before))

        writeFileSync(clientCa, readFileSync(after.ca))
        yield* until(Effect.provide(getEvents, of(after)))
        assert.strictEqual((yield* Effect.flip(Effect.provide(getEvents, of(before))))._tag, "CertificateRefused")
      }))

    it.live("is taken in place of one that has expired, which serves until then and is alerted", () =>
      Effect.gen(function*() {
        const authority = yield* Certificates.authority("a")
        const files = yield* authority.issue({ days: -1 })
        const { port, service } = yield* serve({ tls: { ...files, reload: "10 millis" } })
        const alerts = Effect.map(Effect.orDie(service.getEvents(asked)), lines)
        assert.match((yield* alerts).join(), /^tlsCertificateExpires CRITICAL expired 20/)

        // Another that has expired is no worse.
        yield* Certificates.replace(files, yield* authority.issue({ days: -1 }))
        yield* until(shown(port, authority.ca), (serial) => serial === "02")
        yield* Certificates.replace(files, yield* authority.issue())
        yield* until(shown(port, authority.ca), (serial) => serial === "03")
        yield* until(alerts, (lines) => lines[0]?.startsWith("tlsCertificateExpires INFO") === true)
      }))

    it.effect("is no news while its files are being written: the second look tells", () =>
      Effect.gen(function*() {
        const authority = yield* Certificates.authority("a")
        const options = { ...(yield* authority.issue()), reload: "1 minute" } as const
        const loaded = yield* Tls.load(options)
        yield* TestClock.setTime(loaded.validFrom)
        const events = yield* Events.Events
        yield* TlsRotation.make(options, loaded, () => Effect.die("renewed"))
        const refused = Effect.map(events.snapshot, (payloads) => lines(payloads).length)
        writeFileSync(options.key, "half a key")

        yield* TestClock.adjust("1 minute")
        // The files are read in real time.
        yield* TestClock.withLive(Effect.sleep("50 millis"))
        assert.strictEqual(yield* refused, 0)
        yield* TestClock.adjust("1 minute")
        yield* TestClock.withLive(until(refused, (count) => count === 1))
      }).pipe(Effect.provide([Events.layer, Logger.layer([])])))

    it.effect("is asked for when less than a tenth of the old one's time is left, or 7 days", () =>
      Effect.gen(function*() {
        const day = 86_400_000
        const authority = yield* Certificates.authority("a")
        for (const { days, margin } of [{ days: 30, margin: 3 }, { days: 365, margin: 7 }]) {
          const options = yield* authority.issue({ days })
          const loaded = yield* Tls.load(options)
          const at = Effect.fnUntraced(function*(time: number) {
            yield* TestClock.setTime(time)
            yield* Effect.scoped(TlsRotation.make(options, loaded, () => Effect.void))
            return lines(yield* Events.Events.use(({ snapshot }) => snapshot)).join()
          }, Effect.provide(Events.layer))

          assert.strictEqual(yield* at(loaded.validFrom), "")
          assert.strictEqual(yield* at(loaded.validTo - margin * day - 1000), "")
          assert.match(yield* at(loaded.validTo - margin * day + 1000), /^tlsCertificateExpires WARNING expires 20/)
          assert.match(yield* at(loaded.validTo + 1), /^tlsCertificateExpires CRITICAL expired 20/)
        }
      }))
  }
)
