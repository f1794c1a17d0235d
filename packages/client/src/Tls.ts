/**
 * How a client checks the connector's certificate, and which one it shows of its own.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createPrivateKey, X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { isIP } from "node:net"
import * as tls from "node:tls"
import { quoted } from "./internal/text.ts"

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
  /** Authorities of which the connector's certificate must be one's. Default: those that Node knows. */
  readonly ca?: Material | undefined
  /** A certificate for a connector that asks for one, with `key`. Default: none is shown. */
  readonly cert?: Material | undefined
  /** The key of `cert`, without a passphrase. */
  readonly key?: Material | undefined
  /** The name that the connector's certificate must be for. Default: the host of the endpoint. */
  readonly serverName?: string | undefined
}

/**
 * What TLS was asked for with cannot be used. Names the file, never what is in it.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidTls extends Schema.TaggedError<InvalidTls>("@kps/client/Tls/InvalidTls")("InvalidTls", {
  option: Schema.Literals(["ca", "cert", "key"]),
  /** The path, as it was given; absent for what was given as text, or not at all. */
  file: Schema.optionalKey(Schema.String),
  problem: Schema.String
}) {
  override get message(): string {
    return `cannot use the TLS ${names[this.option]}${
      this.file === undefined ? "" : ` ${quoted(this.file)}`
    }: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

const names = { ca: "authorities", cert: "certificate", key: "key" } as const

/**
 * Makes what opens a connection with TLS 1.2 or later, for HTTP/2.
 *
 * **Details**
 *
 * Everything is read and checked now, and the files are read again for each connection: a certificate that was renewed
 * is used from the next one on. What cannot be used then leaves the last in force that could.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (endpoint: string, options: Options): Effect.Effect<() => tls.TLSSocket, InvalidTls> => {
  const { hostname, port } = new URL(`https://${endpoint}`)
  const host = hostname.replace(/^\[(.*)\]$/, "$1")
  const name = options.serverName ?? host

  return Effect.try({
    try: () => {
      let context = load(options)
      return () => {
        try {
          context = load(options)
        } catch {
          // The last one it is.
        }
        return tls.connect({
          host,
          port: port === "" ? 443 : Number(port),
          secureContext: context,
          ALPNProtocols: ["h2"],
          // An address cannot be asked for, but be checked.
          servername: isIP(name) === 0 ? name : "",
          checkServerIdentity: (_, certificate) => tls.checkServerIdentity(name, certificate)
        })
      }
    },
    // `load` throws nothing else.
    catch: (error) => error as InvalidTls
  })
}

/** Throws an `InvalidTls`. */
const load = (options: Options): tls.SecureContext => {
  const ca = read("ca", options.ca)
  const cert = read("cert", options.cert)
  const key = read("key", options.key)
  if (cert !== undefined && key === undefined) {
    throw new InvalidTls({ option: "key", problem: "a certificate needs one" })
  }
  if (key !== undefined && cert === undefined) throw new InvalidTls({ option: "cert", problem: "a key needs one" })
  if (ca !== undefined) attempt(ca, "it is no certificate in PEM", ({ pem }) => new X509Certificate(pem))
  if (cert !== undefined && key !== undefined) {
    const certificate = attempt(cert, "it is no certificate in PEM", ({ pem }) => new X509Certificate(pem))
    const privateKey = attempt(
      key,
      "it is no private key in PEM without a passphrase",
      ({ pem }) => createPrivateKey(pem)
    )
    if (!certificate.checkPrivateKey(privateKey)) throw invalid(key, "it does not belong to the certificate")
  }
  return attempt(cert ?? { option: "cert", file: undefined, pem: "" }, undefined, () =>
    tls.createSecureContext({
      minVersion: "TLSv1.2",
      ...(ca === undefined ? {} : { ca: ca.pem }),
      ...(cert === undefined || key === undefined ? {} : { cert: cert.pem, key: key.pem })
    }))
}

interface Pem {
  readonly option: InvalidTls["option"]
  readonly file: string | undefined
  readonly pem: string
}

const invalid = ({ file, option }: Omit<Pem, "pem">, problem: string): InvalidTls =>
  new InvalidTls({ option, ...(file === undefined ? {} : { file }), problem })

/** Without a problem of ours, OpenSSL's own, such as a key that is too short: it says nothing of the key itself. */
const attempt = <A>(pem: Pem, problem: string | undefined, run: (pem: Pem) => A): A => {
  try {
    return run(pem)
  } catch (cause) {
    throw invalid(pem, problem ?? String(cause).replace(/^.*:/, ""))
  }
}

/** What is a private key without the lines around it, so that it is not taken for a path and shown. */
const bareKey = /^M[A-Za-z0-9+/\s]{60,}=*\s*$/

const unread: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "no permission to read it",
  EISDIR: "it is a folder"
}

const read = (option: InvalidTls["option"], material: Material | undefined): Pem | undefined => {
  if (material === undefined) return undefined
  const text = Redacted.isRedacted(material) ? Redacted.value(material) : material
  if (text.includes("-----BEGIN ")) return { option, file: undefined, pem: text }
  if (text === "" || text.includes("\n") || bareKey.test(text)) {
    throw new InvalidTls({ option, problem: "want PEM, or the path of a file with it" })
  }
  try {
    return { option, file: text, pem: readFileSync(text, "utf8") }
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "it cannot be read"
    throw new InvalidTls({ option, file: text, problem: unread[code] ?? code })
  }
}
