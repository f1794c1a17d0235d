import { Effect } from "effect"
import { execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Certificates are made by the openssl of the machine; without one there are none, and tests of TLS are skipped. */
export const hasOpenssl = spawnSync("openssl", ["version"], { stdio: "ignore" }).status === 0

/** A certificate and its key, as files. */
export interface Pair {
  readonly cert: string
  readonly key: string
}

export interface Issue {
  /** Names and addresses. Default: localhost and 127.0.0.1. */
  readonly names?: string
  /** From now on; negative: it has expired. Default: 10. */
  readonly days?: number
}

/** An authority for a test, in a folder of its own that goes with the scope. */
export class Authority {
  /** The file of its certificate. */
  readonly cert: string
  readonly folder: string
  private readonly key: string
  private issued = 0

  private constructor(folder: string, name: string) {
    this.folder = folder
    this.cert = join(folder, "ca.crt")
    this.key = join(folder, "ca.key")
    const { cert, key } = this
    this.openssl(["req", "-x509", ...newKey(key), "-out", cert, "-subj", `/CN=${name}`, "-days", "10"])
  }

  static readonly make = (name: string) =>
    Effect.acquireRelease(
      Effect.sync(() => new Authority(mkdtempSync(join(tmpdir(), "kps-tls-")), name)),
      ({ folder }) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    )

  issue({ days = 10, names = "DNS:localhost,IP:127.0.0.1" }: Issue = {}): Pair {
    const base = join(this.folder, String(this.issued++))
    const pair = { cert: `${base}.crt`, key: `${base}.key` }
    writeFileSync(`${base}.ext`, `subjectAltName=${names}\nbasicConstraints=CA:FALSE\n`)
    this.openssl(["req", "-new", ...newKey(pair.key), "-out", `${base}.csr`, "-subj", "/CN=test"])
    const signed = ["-req", "-in", `${base}.csr`, "-CA", this.cert, "-CAkey", this.key, "-set_serial", `${this.issued}`]
    this.openssl(["x509", ...signed, "-extfile", `${base}.ext`, "-days", `${days}`, "-out", pair.cert])
    return pair
  }

  private openssl(args: ReadonlyArray<string>): void {
    execFileSync("openssl", args, { stdio: "ignore" })
  }
}

const newKey = (file: string): ReadonlyArray<string> => [
  ..."-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout".split(" "),
  file
]

/** Copies a pair over the files of another, as a renewal does. */
export const replace = (target: Pair, source: Pair): void => {
  writeFileSync(target.key, readFileSync(source.key))
  writeFileSync(target.cert, readFileSync(source.cert))
}
