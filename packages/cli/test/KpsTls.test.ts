import { assert, describe, it } from "@effect/vitest"
import { Connector, Delivery } from "@kps/connector"
import { Events } from "@kps/events"
import { ConnectorServer } from "@kps/server"
import { Transport } from "@kps/transport"
import { Context, Effect, Layer, Schema, Stream } from "effect"
import { execFile, execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bundle } from "./support/bundle.ts"

const hasOpenssl = spawnSync("openssl", ["version"], { stdio: "ignore" }).status === 0

const Probe = Connector.make("probe")({
  version: "1.0",
  description: "Reads nothing, for ever.",
  direction: "INGRESS",
  stream: Schema.Struct({}),
  config: Schema.Struct({}),
  failures: {}
})

const probe = Probe.toLayer(Effect.succeed({ ingress: () => Effect.succeed(Delivery.lossy(Stream.never)) }))

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "kps-cli-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

describe.skipIf(!hasOpenssl)("kps and a connector with mutual TLS (skipped where there is no openssl)", () => {
  it.live("health, by what is given on the command line or in the environment", () =>
    Effect.gen(function*() {
      const dir = yield* folder
      const [cert, key, outfile] = [join(dir, "cert.pem"), join(dir, "key.pem"), join(dir, "kps.mjs")]
      // one certificate for both sides, and its own authority
      const made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=test -addext"
      const args = [...made.split(" "), "subjectAltName=DNS:probe.test", "-out", cert, "-keyout", key]
      execFileSync("openssl", args, { stdio: "ignore" })
      const built = yield* Layer.build(
        ConnectorServer.layer(Probe, {
          connectorId: "c-1",
          host: "127.0.0.1",
          port: 0,
          tls: { cert, key, clientCa: cert }
        }).pipe(Layer.provide([probe, Transport.layerMemory, Events.layer]))
      )
      const { port } = Context.get(built, ConnectorServer.ConnectorServer)
      yield* bundle(outfile)
      const health = (flags: ReadonlyArray<string>, env: Record<string, string> = {}) =>
        Effect.callback<{ readonly code: number | null; readonly err: string }>((resume) => {
          const child = execFile(
            process.execPath,
            [outfile, "health", ...flags],
            {
              env: {
                PATH: process.env["PATH"],
                KPS_ENDPOINT: `127.0.0.1:${port}`,
                CONNECTOR_INSTANCE_ID: "c-1",
                ...env
              },
              timeout: 20_000
            },
            (_, _out, err) => resume(Effect.succeed({ code: child.exitCode, err }))
          )
        })
      const ca = ["--tls-ca", cert, "--tls-server-name", "probe.test"]

      assert.deepStrictEqual(yield* health([...ca, "--tls-cert", cert, "--tls-key", key]), { code: 0, err: "" })
      const environment = {
        KPS_CA: cert,
        KPS_SERVER_NAME: "probe.test",
        KPS_CLIENT_CERT: cert,
        KPS_CLIENT_KEY: key
      }
      assert.deepStrictEqual(yield* health([], environment), { code: 0, err: "" })

      const refusals: ReadonlyArray<readonly [ReadonlyArray<string>, number, RegExp]> = [
        [[], 3, /cannot reach a connector .*\n.*\(--tls\)/],
        [["--tls"], 3, /the certificate of the connector .* is refused: .*not trusted here\n.* --tls-ca/],
        [["--tls-ca", cert], 3, /the certificate of the connector .* is refused: .*\n.* --tls-server-name/],
        [
          ca,
          3,
          /refuses the certificate of this client: none was shown, and it wants one\n.* --tls-cert and --tls-key/
        ],
        [["--tls-ca", join(dir, "none")], 2, /cannot use the TLS authorities ".*none": no such file/],
        [["--tls-cert", cert], 2, /cannot use the TLS key: a certificate needs one/]
      ]
      for (const [flags, code, err] of refusals) {
        const done = yield* health(flags)
        assert.match(done.err, err)
        assert.strictEqual(done.code, code)
      }
    }), 60_000)
})
