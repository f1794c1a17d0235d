/**
 * The certificate, the key and the client authorities of a server with TLS.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto"
import { readFile } from "node:fs/promises"
import type { SecureServerOptions } from "node:http2"
import { createSecureContext, type SecureContextOptions } from "node:tls"
import { limits } from "./Http2Limits.ts"
import { cut, quote } from "./internal/text.ts"

/**
 * PEM text, or the path of a file with it. What has a line `-----BEGIN …` is PEM.
 *
 * @category models
 * @since 0.1.0
 */
export type Material = string | Redacted.Redacted<string>

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The server's certificate, and behind it those that lead to its authority. */
  readonly cert: Material
  /** The certificate's private key, without a passphrase. */
  readonly key: Material
  /** Authorities of clients: every client has to show a certificate of one of them. Default: clients show none. */
  readonly clientCa?: Material | undefined
  /** How often the files are looked at for a new certificate. Default: 10 seconds. */
  readonly reload?: Duration.Input | undefined
}

/**
 * What TLS was asked for with cannot be used. Names the file, never what is in it.
 *
 * @category errors
 * @since 0.1.0
 */
export class TlsUnusable extends Schema.TaggedError<TlsUnusable>("@kps/server/Tls/TlsUnusable")("TlsUnusable", {
  part: Schema.Literals(["certificate", "key", "client CA"]),
  /** The path, as it was given; absent for what was given as text. */
  file: Schema.optionalKey(Schema.String),
  problem: Schema.String
}) {
  override get message(): string {
    const place = this.file === undefined ? "that was given" : quote(this.file)
    return `cannot use the TLS ${this.part} ${place}: ${this.problem}`
  }
}

/**
 * What can be put in force: every part was read, and they fit each other.
 *
 * @category models
 * @since 0.1.0
 */
export interface Loaded {
  readonly cert: string
  readonly key: Redacted.Redacted<string>
  readonly clientCa: string | undefined
  /** When the certificate begins and ceases to be valid, in milliseconds since the Unix epoch. */
  readonly validFrom: number
  readonly validTo: number
}

/**
 * Reads and checks everything.
 *
 * @category constructors
 * @since 0.1.0
 */
export const load = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Loaded, TlsUnusable> {
  const cert = yield* read("certificate", options.cert)
  const key = yield* read("key", options.key)
  const clientCa = options.clientCa === undefined ? undefined : yield* read("client CA", options.clientCa)

  const [leaf] = yield* certificates(cert)
  if (clientCa !== undefined) yield* certificates(clientCa)
  const privateKey = yield* privateKeyOf(key)
  if (!leaf.checkPrivateKey(privateKey)) {
    return yield* unusable(
      key,
      `it does not belong to the certificate${cert.file === undefined ? "" : ` in ${quote(cert.file)}`}`
    )
  }
  const loaded: Loaded = {
    cert: cert.pem,
    key: Redacted.make(key.pem),
    clientCa: clientCa?.pem,
    validFrom: leaf.validFromDate.getTime(),
    validTo: leaf.validToDate.getTime()
  }
  yield* Effect.try({
    try: () => createSecureContext(contextOptions(loaded)),
    // Such as a key that is too short. OpenSSL's reason says nothing of the key itself.
    catch: (cause) => unusable(cert, cut(String(cause).replace(/^.*:/, "")))
  })
  return loaded
})

/**
 * Whether there is no difference between the two.
 *
 * @category comparing
 * @since 0.1.0
 */
export const same = (a: Loaded, b: Loaded): boolean =>
  a.cert === b.cert && a.clientCa === b.clientCa && Redacted.value(a.key) === Redacted.value(b.key)

/**
 * What makes Node's context: TLS 1.2 at least, and of TLS 1.2 only what HTTP/2 does not forbid (RFC 9113, appendix A).
 *
 * @category converting
 * @since 0.1.0
 */
export const contextOptions = ({ cert, clientCa, key }: Loaded): SecureContextOptions => ({
  cert,
  key: Redacted.value(key),
  ...(clientCa === undefined ? {} : { ca: clientCa }),
  minVersion: "TLSv1.2",
  ciphers
})

const ciphers = [
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "TLS_AES_128_GCM_SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256"
].join(":")

/**
 * What makes Node's server, which speaks HTTP/2 alone: with client authorities no connection without a certificate of
 * theirs.
 *
 * @category converting
 * @since 0.1.0
 */
export const serverOptions = (loaded: Loaded): SecureServerOptions => ({
  ...contextOptions(loaded),
  requestCert: loaded.clientCa !== undefined,
  rejectUnauthorized: loaded.clientCa !== undefined,
  handshakeTimeout: limits.handshakeMillis
})

interface Pem {
  readonly part: TlsUnusable["part"]
  readonly file: string | undefined
  readonly pem: string
}

const unusable = ({ file, part }: Omit<Pem, "pem">, problem: string): TlsUnusable =>
  new TlsUnusable({ part, ...(file === undefined ? {} : { file }), problem })

/** What is a private key without the lines around it, so that it is not taken for a path and shown. */
const bareKey = /^M[A-Za-z0-9+/\s]{60,}=*\s*$/

const read = Effect.fnUntraced(function*(
  part: TlsUnusable["part"],
  material: Material
): Effect.fn.Return<Pem, TlsUnusable> {
  const text = Redacted.isRedacted(material) ? Redacted.value(material) : material
  if (text.includes("-----BEGIN ")) return { part, file: undefined, pem: text }
  if (text === "" || text.includes("\n") || bareKey.test(text)) {
    return yield* unusable({ part, file: undefined }, "want PEM, or the path of a file with it")
  }
  const pem = yield* Effect.tryPromise({
    try: () => readFile(text, "utf8"),
    catch: (cause) => unusable({ part, file: text }, whyUnread(cause))
  })
  return { part, file: text, pem }
})

const unread: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "no permission to read it",
  EISDIR: "it is a folder"
}

const whyUnread = (cause: unknown): string => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "it cannot be read"
  return unread[code] ?? code
}

const certificateBlock = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

const certificates = (pem: Pem): Effect.Effect<readonly [X509Certificate, ...Array<X509Certificate>], TlsUnusable> =>
  Effect.try({
    try: () => {
      const [first, ...others] = (pem.pem.match(certificateBlock) ?? []).map((block) => new X509Certificate(block))
      if (first === undefined) throw new Error("empty")
      return [first, ...others] as const
    },
    catch: () => unusable(pem, "it is no certificate in PEM")
  })

const privateKeyOf = (pem: Pem): Effect.Effect<KeyObject, TlsUnusable> =>
  Effect.try({
    try: () => createPrivateKey(pem.pem),
    catch: () =>
      unusable(
        pem,
        pem.pem.includes("ENCRYPTED") ? "it is encrypted, want one without a passphrase" : "it is no private key in PEM"
      )
  })
