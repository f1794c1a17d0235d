import { connectNodeAdapter } from "@connectrpc/connect-node"
import { assert, describe, it } from "@effect/vitest"
import { ConnectorClient, type Tls } from "@kps/client"
import { ResponseCode } from "@kps/idl"
import * as Certificates from "@kps/transport/testing/Certificates"
import { Effect, Redacted } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import * as http2 from "node:http2"
import { join } from "node:path"
import { TLSSocket } from "node:tls"
import { fields, listen, routes, serve } from "./TestConnector.ts"

const answer = routes({ getEvents: () => ({ status: { code: ResponseCode.OK } }) })

/** A connector with TLS, and the certificates that its clients have shown, by their serial numbers. */
const secure = Effect.fnUntraced(function*(pair: Certificates.Pair, options: http2.SecureServerOptions = {}) {
  const shown: Array<string | undefined> = []
  const sessions = new Set<http2.ServerHttp2Session>()
  const server = http2.createSecureServer(
    { cert: readFileSync(pair.cert), key: readFileSync(pair.key), ...options },
    connectNodeAdapter({ routes: answer, grpcWeb: false, connect: false })
  )
  server.on("session", (session) => {
    sessions.add(session)
    assert(session.socket instanceof TLSSocket)
    shown.push(session.socket.getPeerX509Certificate()?.serialNumber)
  })
  const port = yield* listen(server)
  yield* Effect.addFinalizer(() => Effect.sync(() => sessions.forEach((session) => session.destroy())))
  return { port, endpoint: `127.0.0.1:${port}`, sessions, shown }
})

const client = (endpoint: string, tls?: Tls.Options) =>
  ConnectorClient.layer({ endpoint, connectorId: "c-1", deadline: "5 seconds", tls })

const call = (endpoint: string, tls?: Tls.Options) =>
  ConnectorClient.ConnectorClient.use((client) => client.getEvents).pipe(Effect.provide(client(endpoint, tls)))

const failing = (endpoint: string, tls?: Tls.Options) => Effect.flip(call(endpoint, tls))

describe.skipIf(Certificates.skipReason() !== undefined)(Certificates.suiteName("a client with TLS"), () => {
  it.live("calls a connector whose certificate is of its authority, given as a file or as text", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority("a")
      const { endpoint } = yield* secure(yield* authority.issue())
      const pem = readFileSync(authority.ca, "utf8")

      for (const ca of [authority.ca, pem, Redacted.make(authority.ca), Redacted.make(pem)]) {
        assert.deepStrictEqual(yield* call(endpoint, { ca }), [])
      }
    }))

  it.live("says what is wrong with the connector's certificate, and that trying again is of no use", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority("a")
      const other = yield* Certificates.authority("b")
      const cases: ReadonlyArray<readonly [Certificates.Pair, Tls.Options, string]> = [
        [yield* authority.issue(), { ca: other.ca }, "it is of an authority that is not trusted here"],
        [yield* authority.issue(), {}, "it is of an authority that is not trusted here"],
        [yield* authority.issue({ days: -1 }), { ca: authority.ca }, "it has expired"],
        [
          yield* authority.issue({ names: "DNS:localhost" }),
          { ca: authority.ca },
          "Hostname/IP does not match certificate's altnames: IP: 127.0.0.1 is not in the cert's list: "
        ],
        [
          yield* authority.issue(),
          { ca: authority.ca, serverName: "elsewhere.test" },
          "Hostname/IP does not match certificate's altnames: Host: elsewhere.test. is not in the cert's altnames: " +
          "DNS:localhost, IP Address:127.0.0.1"
        ]
      ]
      for (const [pair, tls, text] of cases) {
        const { endpoint } = yield* secure(pair)
        const error = yield* failing(endpoint, tls)

        assert.deepInclude(fields(error), { _tag: "CertificateRefused", whose: "connector", rpc: "GetEvents" })
        assert.strictEqual(error.message, `the certificate of the connector at ${endpoint} is refused: ${text}`.trim())
        assert.isFalse(error.isRetryable)
      }
    }))

  it.live("checks the name that it is given in place of the address", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority("a")
      const { endpoint } = yield* secure(yield* authority.issue({ names: "DNS:connector.test,IP:192.0.2.1" }))

      assert.deepStrictEqual(yield* call(endpoint, { ca: authority.ca, serverName: "connector.test" }), [])
      assert.deepStrictEqual(yield* call(endpoint, { ca: authority.ca, serverName: "192.0.2.1" }), [])
    }))

  it.live("shows its certificate to a connector that asks for one", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority("a")
      const other = yield* Certificates.authority("b")
      const ca = authority.ca
      const mutual = yield* secure(yield* authority.issue(), {
        requestCert: true,
        rejectUnauthorized: true,
        ca: readFileSync(ca)
      })

      assert.deepStrictEqual(yield* call(mutual.endpoint, { ca, ...(yield* authority.issue()) }), [])
      assert.deepStrictEqual(mutual.shown, ["02"])
      const refused: ReadonlyArray<readonly [Certificates.Pair | undefined, string]> = [
        [undefined, "none was shown, and it wants one"],
        [yield* other.issue(), "the connection was closed right after the TLS handshake, where it was shown"],
        [
          yield* authority.issue({ days: -1 }),
          "the connection was closed right after the TLS handshake, where it was shown"
        ]
      ]
      for (const [pair, text] of refused) {
        const error = yield* failing(mutual.endpoint, { ca, ...pair })

        assert.deepInclude(fields(error), { _tag: "CertificateRefused", whose: "client" })
        assert.strictEqual(
          error.message,
          `the connector at ${mutual.endpoint} refuses the certificate of this client: ${text}`
        )
      }
    }))

  it.live("says that there is no TLS, or that there is, as of a connector that cannot be reached", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority("a")
      const plain = yield* serve(answer)
      const { endpoint } = yield* secure(yield* authority.issue())
      const error = yield* failing(plain.endpoint, { ca: authority.ca })

      assert.strictEqual(error._tag, "Unreachable")
      assert.strictEqual(
        error.message,
        `cannot reach a connector at ${plain.endpoint}: what answers there does not speak TLS`
      )
      assert.strictEqual((yield* failing(endpoint))._tag, "Unreachable")
    }))

  it.live("takes a connection that breaks later for one that broke, whatever was shown", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority("a")
      const pair = yield* authority.issue()
      const server = http2.createSecureServer({ cert: readFileSync(pair.cert), key: readFileSync(pair.key) })
      server.on("stream", (stream) => setTimeout(() => stream.session?.destroy(), 50))
      const endpoint = `127.0.0.1:${yield* listen(server)}`

      assert.strictEqual((yield* failing(endpoint, { ca: authority.ca, ...pair }))._tag, "Unreachable")
    }))

  it.live("does not speak TLS 1.1", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority("a")
      const { endpoint } = yield* secure(yield* authority.issue(), {
        minVersion: "TLSv1",
        maxVersion: "TLSv1.1",
        ciphers: "DEFAULT@SECLEVEL=0"
      })
      const error = yield* failing(endpoint, { ca: authority.ca })

      assert.strictEqual(error._tag, "Unreachable")
      assert.match(error.message, /the TLS handshake failed: /)
    }))

  it.live("shows a certificate that was renewed from the next connection on, and the old one while there is none", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority("a")
      const ca = authority.ca
      const { endpoint, sessions, shown } = yield* secure(yield* authority.issue(), {
        requestCert: true,
        ca: readFileSync(ca)
      })
      const files = yield* authority.issue()
      const next = yield* authority.issue()
      yield* ConnectorClient.ConnectorClient.use((client) =>
        Effect.gen(function*() {
          const again = Effect.sync(() => sessions.forEach((session) => session.destroy())).pipe(
            Effect.andThen(Effect.retry(client.getEvents, { times: 3, while: ({ _tag }) => _tag === "Unreachable" }))
          )
          yield* client.getEvents
          writeFileSync(files.key, "half a")
          yield* again
          yield* Certificates.replace(files, next)
          yield* again
        })
      ).pipe(Effect.provide(client(endpoint, { ca, ...files })))

      assert.deepStrictEqual([...new Set(shown)], ["02", "03"])
    }))

  it.live("names the file that it cannot use, and shows nothing of it", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority("a")
      const pair = yield* authority.issue()
      const folder = authority.folder
      const invalid = (tls: Tls.Options) =>
        Effect.map(failing("127.0.0.1:1", tls), (error) => {
          assert.strictEqual(error._tag, "InvalidTls")
          return error.message
        })
      const key = readFileSync(pair.key, "utf8")
      const bare = key.replaceAll(/-----[^-]*-----|\n/g, "")
      const file = (name: string, text: string) => {
        writeFileSync(join(folder, name), text)
        return join(folder, name)
      }

      assert.deepStrictEqual(
        yield* Effect.all([
          invalid({ ca: join(folder, "none") }),
          invalid({ ca: folder }),
          invalid({ ca: file("empty", "") }),
          invalid({ ca: "" }),
          invalid({ cert: pair.cert }),
          invalid({ key: pair.key }),
          invalid({ cert: pair.cert, key: (yield* authority.issue()).key }),
          invalid({ cert: pair.key, key: pair.key }),
          invalid({ cert: pair.cert, key: pair.cert }),
          invalid({ cert: pair.cert, key: Redacted.make(bare) }),
          invalid({ cert: pair.cert, key: key.slice(30) })
        ]),
        [
          `cannot use the TLS authorities "${folder}/none": no such file`,
          `cannot use the TLS authorities "${folder}": it is a folder`,
          `cannot use the TLS authorities "${folder}/empty": it is no certificate in PEM`,
          "cannot use the TLS authorities: want PEM, or the path of a file with it",
          "cannot use the TLS key: a certificate needs one",
          "cannot use the TLS certificate: a key needs one",
          `cannot use the TLS key "${folder}/2.key": it does not belong to the certificate`,
          `cannot use the TLS certificate "${pair.key}": it is no certificate in PEM`,
          `cannot use the TLS key "${pair.cert}": it is no private key in PEM without a passphrase`,
          "cannot use the TLS key: want PEM, or the path of a file with it",
          "cannot use the TLS key: want PEM, or the path of a file with it"
        ]
      )
    }))
})
