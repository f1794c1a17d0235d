/**
 * Certificates of an authority of one's own, for tests: as files, made by the `openssl` of the machine.
 *
 * Keys are of the curve P-256 and without a passphrase; everything lies in a folder that goes with the scope.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { execFile, spawnSync } from "node:child_process"
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/**
 * A certificate was not made.
 *
 * @category errors
 * @since 0.1.0
 */
export class CertificatesError extends Schema.TaggedError<CertificatesError>(
  "@kps/transport/testing/Certificates/CertificatesError"
)("CertificatesError", { problem: Schema.String }) {
  override get message(): string {
    return `openssl: ${this.problem}`
  }
}

/**
 * A certificate and its key.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pair {
  /** Paths of PEM files. */
  readonly cert: string
  readonly key: string
}

/**
 * What a certificate is for.
 *
 * @category models
 * @since 0.1.0
 */
export interface Issue {
  /** Names and addresses, as OpenSSL writes them. Default: `DNS:localhost,IP:127.0.0.1`. */
  readonly names?: string
  /** From now on; below 0: it has expired. Default: 10. */
  readonly days?: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Authority {
  /** Path of its own certificate, a PEM file. */
  readonly ca: string
  /** The folder of all its files. */
  readonly folder: string
  /** Makes a certificate for servers and clients; serial numbers count from 1. */
  readonly issue: (options?: Issue) => Effect.Effect<Pair, CertificatesError>
}

const missing = (): boolean => spawnSync("openssl", ["version"], { stdio: "ignore" }).status !== 0

/**
 * Whether there is an `openssl` on PATH.
 *
 * @category getters
 * @since 0.1.0
 */
export const isAvailable = (): boolean => !missing()

/**
 * Why a suite that needs certificates is to be skipped; `undefined` when it is to be run.
 *
 * **Details**
 *
 * Under `CI=true` nothing is skipped: without `openssl` the suite runs, and fails.
 *
 * @category testing
 * @since 0.1.0
 */
export const skipReason = (): string | undefined =>
  missing() && process.env["CI"] !== "true" ? "no openssl on PATH" : undefined

/**
 * Name of a suite that needs certificates: says why where it is skipped.
 *
 * @category testing
 * @since 0.1.0
 */
export const suiteName = (name: string): string => {
  const reason = skipReason()
  return reason === undefined ? name : `${name} (skipped: ${reason})`
}

const openssl = (args: ReadonlyArray<string>): Effect.Effect<void, CertificatesError> =>
  Effect.callback((resume) => {
    const child = execFile("openssl", args, (error, _, stderr) =>
      resume(
        error === null ? Effect.void : Effect.fail(
          new CertificatesError({ problem: `${args[0]}: ${(stderr.trim() || error.message).slice(-400)}` })
        )
      ))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout"]

/**
 * Makes an authority, in the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const authority = Effect.fnUntraced(function*(
  name: string
): Effect.fn.Return<Authority, CertificatesError, Scope.Scope> {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "kps-tls-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const [ca, caKey] = [join(folder, "ca.crt"), join(folder, "ca.key")]
  yield* openssl(["req", "-x509", ...newKey, caKey, "-out", ca, "-days", "10", "-subj", `/CN=${name}`])
  let issued = 0
  return {
    ca,
    folder,
    issue: Effect.fnUntraced(function*({ days = 10, names = "DNS:localhost,IP:127.0.0.1" } = {}) {
      const serial = `${++issued}`
      const base = join(folder, serial)
      const pair = { cert: `${base}.crt`, key: `${base}.key` }
      const [request, extensions] = [`${base}.csr`, `${base}.ext`]
      writeFileSync(
        extensions,
        `subjectAltName=${names}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n`
      )
      yield* openssl(["req", "-new", ...newKey, pair.key, "-out", request, "-subj", `/CN=${name} ${serial}`])
      const signed = ["x509", "-req", "-in", request, "-CA", ca, "-CAkey", caKey, "-set_serial", serial]
      yield* openssl([...signed, "-extfile", extensions, "-days", `${days}`, "-out", pair.cert])
      return pair
    })
  }
})

/**
 * The TLS part of a nats-server's configuration: with authorities of clients, each of them has to show a certificate.
 *
 * @category converting
 * @since 0.1.0
 */
export const natsConfig = ({ cert, key }: Pair, clientCa?: string): string =>
  `tls { cert_file: "${cert}", key_file: "${key}"${
    clientCa === undefined ? "" : `, ca_file: "${clientCa}", verify: true`
  } }`

/**
 * Copies a certificate and its key over the files of another, as a renewal does.
 *
 * @category operators
 * @since 0.1.0
 */
export const replace = (target: Pair, source: Pair): Effect.Effect<void> =>
  Effect.sync(() => {
    copyFileSync(source.key, target.key)
    copyFileSync(source.cert, target.cert)
  })
