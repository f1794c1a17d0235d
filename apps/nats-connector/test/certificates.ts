/** Certificates for tests, made with the machine's openssl into a folder of the test's own. */
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const missing = spawnSync("openssl", ["version"]).status !== 0

/** Why a suite with certificates is skipped; under `CI=true` it is not, and fails. */
export const skipReason = missing && process.env["CI"] !== "true" ? "no openssl on PATH" : undefined

export const suiteName = (name: string): string => skipReason === undefined ? name : `${name} (skipped: ${skipReason})`

export const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "kps-tls-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const openssl = (args: ReadonlyArray<string>) => {
  const { error, status, stderr } = spawnSync("openssl", args, { encoding: "utf8" })
  if (status !== 0) throw error ?? new Error(`openssl ${args.join(" ")}: ${stderr}`)
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

export interface Pair {
  /** Paths. */
  readonly cert: string
  readonly key: string
}

export interface Authority {
  /** Path of its certificate. */
  readonly ca: string
  /** Signs a certificate for names such as `DNS:localhost`; `days` below 0 make one that has expired. */
  readonly issue: (name: string, names: string, days?: number) => Pair
}

export const authority = (folder: string, name: string): Authority => {
  const at = (file: string) => join(folder, `${name}-${file}`)
  const ca = at("ca.pem")
  openssl(["req", "-x509", ...newKey, "-keyout", at("ca.key"), "-out", ca, "-days", "2", "-subj", `/CN=${name}`])
  return {
    ca,
    issue: (leaf, names, days = 2) => {
      const pair = { cert: at(`${leaf}.pem`), key: at(`${leaf}.key`) }
      const [request, extensions] = [at(`${leaf}.csr`), at(`${leaf}.ext`)]
      openssl(["req", ...newKey, "-keyout", pair.key, "-out", request, "-subj", `/CN=${leaf}`])
      writeFileSync(extensions, `subjectAltName=${names}\nextendedKeyUsage=serverAuth,clientAuth\n`)
      const signed = ["x509", "-req", "-in", request, "-CA", ca, "-CAkey", at("ca.key"), "-CAcreateserial"]
      openssl([...signed, "-days", `${days}`, "-extfile", extensions, "-out", pair.cert])
      return pair
    }
  }
}

export const read = (path: string): string => readFileSync(path, "utf8")

/** The TLS part of a nats-server's configuration; with an authority it wants a certificate from each client. */
export const serverConfig = ({ cert, key }: Pair, clients?: string): string =>
  `tls { cert_file: "${cert}", key_file: "${key}"${
    clients === undefined ? "" : `, ca_file: "${clients}", verify: true`
  } }`
