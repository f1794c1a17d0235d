import { assert, describe, it } from "@effect/vitest"
import { Connector, Delivery } from "@kps/connector"
import { Events } from "@kps/events"
import { ConnectorServer } from "@kps/server"
import { Transport } from "@kps/transport"
import * as Certificates from "@kps/transport/testing/Certificates"
import { Context, Effect, Layer, Schema, Stream } from "effect"
import { join } from "node:path"
import * as KpsProcess from "./support/KpsProcess.ts"

const Probe = Connector.make("probe")({
  version: "1.0",
  description: "Reads nothing, for ever.",
  direction: "INGRESS",
  stream: Schema.Struct({}),
  config: Schema.Struct({}),
  failures: {}
})

const probe = Probe.toLayer(Effect.succeed({ ingress: () => Effect.succeed(Delivery.lossy(Stream.never)) }))

describe.skipIf(Certificates.skipReason() !== undefined)(
  Certificates.suiteName("kps and a connector with mutual TLS"),
  () => {
    it.live("health, by what is given on the command line or in the environment", () =>
      Effect.gen(function*() {
        const authority = yield* Certificates.authority("probe")
        const { cert, key } = yield* authority.issue({ names: "DNS:probe.test" })
        const built = yield* Layer.build(
          ConnectorServer.layer(Probe, {
            connectorId: "c-1",
            host: "127.0.0.1",
            port: 0,
            tls: { cert, key, clientCa: authority.ca }
          }).pipe(Layer.provide([probe, Transport.layerMemory, Events.layer]))
        )
        const { port } = Context.get(built, ConnectorServer.ConnectorServer)
        const kps = yield* KpsProcess.make()
        const health = (flags: ReadonlyArray<string>, env: Record<string, string> = {}) =>
          Effect.map(
            kps.runWith({ KPS_ENDPOINT: `127.0.0.1:${port}`, CONNECTOR_INSTANCE_ID: "c-1", ...env })(
              "health",
              ...flags
            ),
            ({ code, err }) => ({ code, err })
          )
        const ca = ["--tls-ca", authority.ca, "--tls-server-name", "probe.test"]

        assert.deepStrictEqual(yield* health([...ca, "--tls-cert", cert, "--tls-key", key]), { code: 0, err: "" })
        const environment = {
          KPS_CA: authority.ca,
          KPS_SERVER_NAME: "probe.test",
          KPS_CLIENT_CERT: cert,
          KPS_CLIENT_KEY: key
        }
        assert.deepStrictEqual(yield* health([], environment), { code: 0, err: "" })

        const refusals: ReadonlyArray<readonly [ReadonlyArray<string>, number, RegExp]> = [
          [[], 3, /cannot reach a connector .*\n.*\(--tls\)/],
          [["--tls"], 3, /the certificate of the connector .* is refused: .*not trusted here\n.* --tls-ca/],
          [["--tls-ca", authority.ca], 3, /the certificate of the connector .* is refused: .*\n.* --tls-server-name/],
          [
            ca,
            3,
            /refuses the certificate of this client: none was shown, and it wants one\n.* --tls-cert and --tls-key/
          ],
          [["--tls-ca", join(kps.folder, "none")], 2, /cannot use the TLS authorities ".*none": no such file/],
          [["--tls-cert", cert], 2, /cannot use the TLS key: a certificate needs one/]
        ]
        for (const [flags, code, err] of refusals) {
          const done = yield* health(flags)
          assert.match(done.err, err)
          assert.strictEqual(done.code, code)
        }
      }), 60_000)
  }
)
