import { assert, describe, it } from "@effect/vitest"
import { ConnectorClient, type Tls as ClientTls } from "@kps/client"
import * as Certificates from "@kps/transport/testing/Certificates"
import { Effect, Redacted } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import tls from "node:tls"
import * as Tls from "../src/Tls.ts"
import { serve } from "./support/TestServer.ts"

const { ConnectorClient: Client } = ConnectorClient

const call = (port: number, tls?: ClientTls.Options) =>
  Client.use((client) => client.getEvents).pipe(
    Effect.provide(
      ConnectorClient.layer({ endpoint: `127.0.0.1:${port}`, connectorId: "c-1", deadline: "5 seconds", tls })
    )
  )

const refused = (port: number, tls?: ClientTls.Options) =>
  Effect.map(Effect.flip(call(port, tls)), (error) => error._tag === "CertificateRefused" ? error.whose : error._tag)

/** What `openssl s_client` says, and how it ends; it is let go when it is connected, or has failed. */
const sClient = (port: number, ...args: ReadonlyArray<string>) =>
  Effect.callback<{ readonly code: number | null; readonly text: string }>((resume) => {
    let text = ""
    const child = spawn("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-alpn", "h2", ...args])
    const take = (chunk: Buffer) => {
      text += chunk.toString()
    }
    child.stdout.on("data", take)
    child.stderr.on("data", take)
    // A refusal comes at once; where there is none it would wait for somebody to type.
    const timer = setTimeout(() => child.stdin.end(), 500)
    child.stdin.on("error", () => {})
    child.once("close", (code) => {
      clearTimeout(timer)
      resume(Effect.succeed({ code, text }))
    })
    return Effect.sync(() => child.kill())
  })

/** A handshake and no more: what was agreed on, or the code of the failure. */
const handshake = (port: number, options: tls.ConnectionOptions) =>
  Effect.callback<string>((resume) => {
    const socket = tls.connect({ host: "127.0.0.1", port, ALPNProtocols: ["h2"], ...options })
    socket.once("secureConnect", () => {
      resume(Effect.succeed(`${socket.getProtocol()} ${socket.alpnProtocol}`))
      socket.destroy()
    })
    socket.once("error", (error: Error & { readonly code?: string }) => resume(Effect.succeed(error.code ?? "?")))
    return Effect.sync(() => socket.destroy())
  })

describe.skipIf(Certificates.skipReason() !== undefined)(Certificates.suiteName("a server with TLS"), () => {
  it.live("answers clients that trust its authority, and those alone that speak TLS", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority("a")
      const { port } = yield* serve({ tls: yield* authority.issue() })

      assert.deepStrictEqual(yield* call(port, { ca: authority.ca }), [])
      assert.strictEqual(yield* refused(port), "Unreachable")
      const plain = yield* serve()
      assert.strictEqual(yield* refused(plain.port, { ca: authority.ca }), "Unreachable")
      // Neither has hurt the server.
      assert.deepStrictEqual(yield* call(port, { ca: authority.ca }), [])
      assert.deepStrictEqual(yield* call(plain.port), [])
    }))

  it.live("is told from one with a certificate that is wrong: authority, time, name", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority("a")
      const other = yield* Certificates.authority("b")
      for (
        const pair of [
          yield* other.issue(),
          yield* authority.issue({ days: -1 }),
          yield* authority.issue({ names: "DNS:elsewhere" })
        ]
      ) {
        const { port } = yield* serve({ tls: pair })
        assert.strictEqual(yield* refused(port, { ca: authority.ca }), "connector")
      }
    }))

  it.live("with client authorities lets in their clients alone, and goes on", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority("a")
      const clients = yield* Certificates.authority("clients")
      const { port } = yield* serve({ tls: { ...(yield* authority.issue()), clientCa: clients.ca } })
      const ca = authority.ca

      assert.strictEqual(yield* refused(port, { ca }), "client")
      assert.strictEqual(yield* refused(port, { ca, ...(yield* authority.issue()) }), "client")
      assert.strictEqual(yield* refused(port, { ca, ...(yield* clients.issue({ days: -1 })) }), "client")
      assert.deepStrictEqual(yield* call(port, { ca, ...(yield* clients.issue()) }), [])
    }))

  it.live("refuses openssl s_client without a client certificate, and takes it with one", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority("a")
      const pair = yield* authority.issue()
      const { port } = yield* serve({ tls: { ...pair, clientCa: authority.ca } })

      for (const version of ["-tls1_2", "-tls1_3"]) {
        const without = yield* sClient(port, version, "-CAfile", authority.ca)
        assert.strictEqual(without.code, 1, version)
        assert.match(without.text, /alert (certificate required|handshake failure)/)

        const taken = yield* sClient(port, version, "-CAfile", authority.ca, "-cert", pair.cert, "-key", pair.key)
        assert.strictEqual(taken.code, 0, version)
        assert.match(taken.text, /ALPN protocol: h2/)
        assert.match(taken.text, /Verify return code: 0 \(ok\)/)
      }
    }))

  it.live("speaks TLS 1.2 and 1.3, whatever Node's own minimum is, and HTTP/2 alone", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority("a")
      const ca = readFileSync(authority.ca)
      const defaults = { minimum: tls.DEFAULT_MIN_VERSION, ciphers: tls.DEFAULT_CIPHERS }
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          tls.DEFAULT_MIN_VERSION = defaults.minimum
          tls.DEFAULT_CIPHERS = defaults.ciphers
        })
      )
      // As NODE_OPTIONS=--tls-min-v1.0 does.
      tls.DEFAULT_MIN_VERSION = "TLSv1"
      tls.DEFAULT_CIPHERS = "DEFAULT@SECLEVEL=0"
      const { port } = yield* serve({ tls: yield* authority.issue() })
      const only = (version: tls.SecureVersion) =>
        handshake(port, { ca, minVersion: version, maxVersion: version, ciphers: "ALL@SECLEVEL=0" })

      assert.strictEqual(yield* only("TLSv1.2"), "TLSv1.2 h2")
      assert.strictEqual(yield* only("TLSv1.3"), "TLSv1.3 h2")
      assert.match(yield* only("TLSv1.1"), /ALERT_PROTOCOL_VERSION/)
      assert.match(yield* handshake(port, { ca, ALPNProtocols: ["http/1.1"] }), /NO_APPLICATION_PROTOCOL/)
      // Of TLS 1.2 no cipher that HTTP/2 forbids: without forward secrecy, or CBC.
      for (const ciphers of ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256"]) {
        const weak = yield* handshake(port, { ca, maxVersion: "TLSv1.2", ciphers: `${ciphers}:@SECLEVEL=0` })
        assert.match(weak, /HANDSHAKE_FAILURE/)
      }
    }))

  it.live("names the file that it cannot use at start, and shows nothing of it", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority("a")
      const { cert, key } = yield* authority.issue()
      const folder = authority.folder
      const unusable = (options: Tls.Options) => Effect.map(Effect.flip(Tls.load(options)), ({ message }) => message)
      const pem = readFileSync(key, "utf8")
      const bare = pem.replaceAll(/-----[^-]*-----|\n/g, "")
      const file = (name: string, text: string) => {
        writeFileSync(join(folder, name), text)
        return join(folder, name)
      }
      const encrypted = join(folder, "encrypted")
      execFileSync("openssl", ["pkcs8", "-topk8", "-in", key, "-passout", "pass:secret", "-out", encrypted])
      const messages = yield* Effect.all([
        unusable({ cert: join(folder, "none"), key }),
        unusable({ cert, key: join(folder, "none") }),
        unusable({ cert, key: folder }),
        unusable({ cert: file("empty", ""), key }),
        unusable({ cert: key, key }),
        unusable({ cert: readFileSync(cert, "utf8").replace("MII", "xxx"), key }),
        unusable({ cert, key: cert }),
        unusable({ cert, key: (yield* authority.issue()).key }),
        unusable({
          cert: readFileSync(cert, "utf8"),
          key: Redacted.make(readFileSync((yield* authority.issue()).key, "utf8"))
        }),
        unusable({ cert, key, clientCa: key }),
        unusable({ cert, key: Redacted.make(bare) }),
        unusable({ cert, key: pem.slice(30) }),
        unusable({ cert, key: encrypted })
      ])

      assert.deepStrictEqual(messages, [
        `cannot use the TLS certificate "${folder}/none": no such file`,
        `cannot use the TLS key "${folder}/none": no such file`,
        `cannot use the TLS key "${folder}": it is a folder`,
        `cannot use the TLS certificate "${folder}/empty": it is no certificate in PEM`,
        `cannot use the TLS certificate "${key}": it is no certificate in PEM`,
        "cannot use the TLS certificate that was given: it is no certificate in PEM",
        `cannot use the TLS key "${cert}": it is no private key in PEM`,
        `cannot use the TLS key "${folder}/2.key": it does not belong to the certificate in "${cert}"`,
        "cannot use the TLS key that was given: it does not belong to the certificate",
        `cannot use the TLS client CA "${key}": it is no certificate in PEM`,
        "cannot use the TLS key that was given: want PEM, or the path of a file with it",
        "cannot use the TLS key that was given: want PEM, or the path of a file with it",
        `cannot use the TLS key "${folder}/encrypted": it is encrypted, want one without a passphrase`
      ])
      for (const line of [bare.slice(0, 20), ...pem.split("\n").slice(1, -2)]) {
        assert.notInclude(messages.join("\n"), line)
      }
    }))

  it.live("takes PEM in place of paths, and a key that stays hidden when it is printed", () =>
    Effect.gen(function*() {
      const authority = yield* Certificates.authority("a")
      const pair = yield* authority.issue()
      const key = readFileSync(pair.key, "utf8")
      const options = { cert: readFileSync(pair.cert, "utf8"), key: Redacted.make(key) }
      const { port } = yield* serve({ tls: options })

      assert.deepStrictEqual(yield* call(port, { ca: authority.ca }), [])
      const line = key.split("\n")[1] ?? assert.fail("no key")
      assert.notInclude(JSON.stringify(yield* Tls.load(options)), line)
    }))
})
