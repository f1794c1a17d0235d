import { assert, describe, it } from "@effect/vitest"
import type { NatsTransport, Transport } from "@kps/transport"
import * as Certificates from "@kps/transport/testing/Certificates"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Redacted, Stream } from "effect"
import { copyFileSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  channelOf,
  collected,
  connected,
  disconnected,
  fastPath,
  monitored,
  statusWhere,
  text,
  transportOf,
  until
} from "./support.ts"

const read = (file: string) => readFileSync(file, "utf8")

/** Two authorities and a server's certificate from the first. */
const setUp = Effect.gen(function*() {
  const ours = yield* Certificates.authority("ours")
  const theirs = yield* Certificates.authority("theirs")
  return { folder: ours.folder, ours, theirs, server: yield* ours.issue() }
})

const quick = { reconnectDelay: "20 millis", maxReconnectDelay: "50 millis" } as const

const why = (status: Transport.ConnectionStatus): string =>
  status._tag === "Disconnected" ? `${status.cause.reason._tag}: ${status.cause.message}` : status._tag

const failing = (options: NatsTransport.Options) =>
  Effect.flatMap(transportOf({ ...quick, ...options }), (transport) =>
    Effect.map(
      statusWhere(
        transport,
        (status) => status._tag === "Disconnected" && !status.cause.message.includes("not tried yet"),
        "5 seconds"
      ),
      why
    ))

const skipped = NatsServer.skipReason() !== undefined || Certificates.skipReason() !== undefined
const name = (text: string) => NatsServer.suiteName(Certificates.suiteName(text))

describe.skipIf(skipped)(name("NATS, TLS"), () => {
  it.live("carries large messages whole and in order, while memory is used again", () =>
    Effect.gen(function*() {
      const { ours, server: pair } = yield* setUp
      const server = yield* NatsServer.make({ config: Certificates.natsConfig(pair) })
      const transport = yield* transportOf({
        servers: [`tls://localhost:${server.port}`],
        tls: { ca: { file: ours.ca } }
      })
      yield* connected(transport, "3 seconds")
      const stream = yield* transport.subscription(channelOf("large"))
      const count = 400
      const sizes = Array.from({ length: count }, (_, i) => 1 + (i * 7919) % 150_000)
      yield* Effect.forkScoped(
        Effect.forEach(sizes, (size, i) =>
          transport.publish(channelOf("large"), { timestampNanos: 0n, payloads: [new Uint8Array(size).fill(i)] }))
      )
      let next = 0
      yield* stream.pipe(
        Stream.take(count),
        Stream.runForEachArray((messages) =>
          Effect.sync(() => {
            for (const { payloads: [payload] } of messages) {
              assert.strictEqual(payload!.length, sizes[next])
              assert.isTrue(payload!.every((byte) =>
                byte === next % 256
              ))
              next++
            }
          })
        )
      )
    }), 20_000)

  it.live("connects by name and by address, with the authority as text or as a file, over either scheme", () =>
    Effect.gen(function*() {
      const { ours, server: pair } = yield* setUp
      const server = yield* NatsServer.make({ config: Certificates.natsConfig(pair) })
      const messages = Array.from({ length: 2000 }, (_, i) => `${i}`)
      for (const host of ["tls://localhost", "tls://127.0.0.1", "nats://localhost", "nats://127.0.0.1"]) {
        for (const ca of [{ file: ours.ca }, read(ours.ca)]) {
          const transport = yield* transportOf({ servers: [`${host}:${server.port}`], tls: { ca } })
          const status = yield* connected(transport, "3 seconds")
          assert.propertyVal(status, "dataPath", fastPath ? "fast" : "client")
          const received = yield* collected(yield* transport.subscription(channelOf("tls")))
          yield* transport.publishAll(channelOf("tls"), messages.map(text))
          yield* until("all are here", Effect.sync(() => received.length === messages.length))

          assert.deepStrictEqual(received, messages)
        }
      }
      const { connections } = yield* monitored<{ connections: ReadonlyArray<{ tls_version?: string }> }>(
        server,
        "/connz"
      )
      assert.deepStrictEqual(connections.map(({ tls_version }) => tls_version), Array(8).fill("1.3"))
    }))

  it.live("refuses the wrong authority, an expired certificate, and one for another name, before it shows anything", () =>
    Effect.gen(function*() {
      const { ours, server: pair, theirs } = yield* setUp
      const token = Redacted.make("canary")
      for (
        const [certificate, ca, host, problem] of [
          [pair, theirs.ca, "localhost", /certificate/],
          [pair, undefined, "localhost", /certificate/],
          [yield* ours.issue({ days: -1 }), ours.ca, "localhost", /certificate has expired/],
          [yield* ours.issue({ names: "DNS:other,IP:127.0.0.2" }), ours.ca, "localhost", /altnames/],
          [
            yield* ours.issue({ names: "DNS:localhost" }),
            ours.ca,
            "127.0.0.1",
            /IP: 127\.0\.0\.1 is not in the cert's list/
          ]
        ] as const
      ) {
        const server = yield* NatsServer.make({
          config: `${Certificates.natsConfig(certificate)}\nauthorization { token: canary }\ntrace: true, debug: true`
        })
        const problems = yield* failing({
          servers: [`tls://${host}:${server.port}`],
          token,
          tls: ca === undefined ? undefined : { ca: { file: ca } }
        })

        assert.match(problems, /^ConnectionFailed: /)
        assert.match(problems, problem)
        assert.notInclude(yield* server.log, "CONNECT {")
      }
    }))

  it.live("never connects in clear where TLS was asked for, by the scheme or by an authority", () =>
    Effect.gen(function*() {
      const { ours } = yield* setUp
      const server = yield* NatsServer.make({ config: "trace: true, debug: true" })
      const token = Redacted.make("canary")

      const asked = [["tls", undefined], ["nats", { ca: { file: ours.ca } }]] as const
      for (const [scheme, tls] of asked) {
        const problem = yield* failing({
          servers: [`${scheme}://127.0.0.1:${server.port}`],
          token,
          tls
        })
        assert.include(problem, "server does not support 'tls'")
      }
      assert.notInclude(yield* server.log, "CONNECT {")
    }))

  it.live("speaks TLS with a server that asks for it, though its address does not", () =>
    Effect.gen(function*() {
      const { server: pair } = yield* setUp
      const server = yield* NatsServer.make({ config: `${Certificates.natsConfig(pair)}\ntrace: true, debug: true` })
      const problem = yield* failing({ servers: [`nats://localhost:${server.port}`], token: Redacted.make("canary") })

      // Node does not know the authority: it looked
      assert.match(problem, /^ConnectionFailed: .*certificate/)
      assert.notInclude(yield* server.log, "CONNECT {")
    }))

  it.live("shows a client certificate, and says that it lacks one, or has one of another authority", () =>
    Effect.gen(function*() {
      const { ours, server: pair, theirs } = yield* setUp
      const server = yield* NatsServer.make({ config: Certificates.natsConfig(pair, ours.ca) })
      const servers = [`tls://localhost:${server.port}`]
      const ca = { file: ours.ca }
      const client = yield* ours.issue({ names: "DNS:client" })
      const stranger = yield* theirs.issue({ names: "DNS:stranger" })
      const transport = yield* transportOf({
        servers,
        tls: { ca, cert: read(client.cert), key: Redacted.make(read(client.key)) }
      })
      yield* connected(transport, "3 seconds")

      assert.match(yield* failing({ servers, tls: { ca } }), /^ConnectionFailed: .*certificate/)
      assert.match(
        yield* failing({ servers, tls: { ca, cert: { file: stranger.cert }, key: { file: stranger.key } } }),
        /^ConnectionFailed: .*(certificate|unknown ca|ECONNRESET)/
      )
    }))

  it.live("is connected again after the server was killed, and leaves nothing of the old connection", () =>
    Effect.gen(function*() {
      const { ours, server: pair } = yield* setUp
      const server = yield* NatsServer.make({ config: Certificates.natsConfig(pair) })
      const transport = yield* transportOf({
        ...quick,
        servers: [`tls://localhost:${server.port}`],
        tls: { ca: { file: ours.ca } },
        pingInterval: "100 millis"
      })
      yield* connected(transport)
      const received = yield* collected(yield* transport.subscription(channelOf("a")))
      yield* server.kill()
      yield* disconnected(transport)
      yield* server.restart
      yield* connected(transport)
      yield* transport.publishConfirmed(channelOf("a"), [text("killed")])
      // one that hangs is given up by this side, and its connection with it
      yield* server.kill("SIGSTOP")
      yield* disconnected(transport)
      yield* server.kill("SIGCONT")
      yield* connected(transport)
      yield* transport.publishConfirmed(channelOf("a"), [text("hung")])
      yield* until("both are here", Effect.sync(() => received.length === 2))
      yield* until(
        "one connection is left",
        Effect.map(
          monitored<{ connections: ReadonlyArray<unknown> }>(server, "/connz"),
          ({ connections }) => connections.length === 1
        )
      )

      assert.deepStrictEqual(received, ["killed", "hung"])
    }))

  it.live("takes an authority that was rotated from the file, with the next try", () =>
    Effect.gen(function*() {
      const { folder, ours, server: pair, theirs } = yield* setUp
      const server = yield* NatsServer.make({ config: Certificates.natsConfig(pair) })
      const ca = join(folder, "current.pem")
      copyFileSync(ours.ca, ca)
      const transport = yield* transportOf({
        ...quick,
        servers: [`tls://localhost:${server.port}`],
        tls: { ca: { file: ca } }
      })
      yield* connected(transport)
      yield* server.configure(Certificates.natsConfig(yield* theirs.issue()))
      yield* server.restart
      const refused = yield* statusWhere(
        transport,
        (status) => status._tag === "Disconnected" && /certificate/.test(status.cause.message)
      )
      copyFileSync(theirs.ca, ca)
      yield* connected(transport)

      assert.match(why(refused), /^ConnectionFailed: /)
    }))

  it.live("says which file is missing, empty, no PEM, or no key of its certificate, and uses it once it is right", () =>
    Effect.gen(function*() {
      const { folder, ours, server: pair } = yield* setUp
      const server = yield* NatsServer.make({ config: Certificates.natsConfig(pair, ours.ca) })
      const client = yield* ours.issue({ names: "DNS:client" })
      const [ca, key] = [join(folder, "mounted-ca"), join(folder, "mounted-key")]
      const transport = yield* transportOf({
        ...quick,
        servers: [`tls://localhost:${server.port}`],
        tls: { ca: { file: ca }, cert: { file: client.cert }, key: { file: key } }
      })
      const told = (problem: string) =>
        statusWhere(transport, (status) => why(status) === `CredentialsUnreadable: cannot use ${problem}`)
      yield* told(`"tls.ca" of "${ca}": ENOENT`)
      writeFileSync(ca, "")
      yield* told(`"tls.ca" of "${ca}": it is empty`)
      writeFileSync(ca, "canary")
      yield* told(`"tls.ca" of "${ca}": it holds nothing in PEM`)
      copyFileSync(ours.ca, ca)
      yield* told(`"tls.key" of "${key}": ENOENT`)
      copyFileSync(pair.key, key)
      yield* told(`"tls.key" of "${key}": ERR_OSSL_X509_KEY_VALUES_MISMATCH`)
      copyFileSync(client.key, key)

      yield* connected(transport)
    }))
})
